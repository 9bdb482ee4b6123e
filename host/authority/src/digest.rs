//! The digest of an authority: what a lock pins and an approval names.

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Authority, FilesAuthority, ProcessAuthority};

impl Authority {
    /// The same authority with every set sorted and without repetition, and without parts that permit
    /// nothing. Equal sets have equal normal forms.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut normal = self.clone();
        for rule in &mut normal.http {
            sort_set(&mut rule.methods);
            sort_set(&mut rule.sealed_body);
        }
        sort_set(&mut normal.http);
        for read in &mut normal.vault.read {
            sort_set(&mut read.origins);
            sort_set(&mut read.headers);
            sort_set(&mut read.body);
        }
        sort_set(&mut normal.vault.read);
        sort_set(&mut normal.vault.write);
        sort_set(&mut normal.secrets.hmac);
        sort_set(&mut normal.secrets.reveal);
        if let Some(process) = &mut normal.process {
            sort_set(&mut process.commands);
            sort_set(&mut process.reads);
            sort_set(&mut process.probe_options);
        }
        normal.process = normal.process.filter(|process| *process != ProcessAuthority::default());
        if let Some(files) = &mut normal.files {
            sort_set(&mut files.read_options);
            sort_set(&mut files.write_options);
        }
        normal.files = normal.files.filter(|files| *files != FilesAuthority::default());
        normal
    }

    /// `sha256:` and 64 hexadecimal digits over the canonical JSON (RFC 8785) of the
    /// [normal form](Self::normalized).
    ///
    /// # Panics
    /// Never: an authority is strings, lists and booleans, which always have a canonical form.
    pub fn digest(&self) -> String {
        #[expect(clippy::expect_used, reason = "strings, lists and booleans always serialise")]
        let canonical =
            serde_json_canonicalizer::to_vec(&self.normalized()).expect("an authority is plain data");
        format!("sha256:{}", hex::encode(digest(&SHA256, &canonical)))
    }
}

fn sort_set<T: Ord>(set: &mut Vec<T>) {
    set.sort();
    set.dedup();
}
