//! What a plugin is granted, given what it requests and what the lock says.

use ss_authority::{Authority, FilesAuthority, ProcessAuthority, SecretsAuthority, VaultAuthority};

/// What both permit: never more than either.
///
/// Entry by entry: an entry of one stays if the other covers it. Two entries that overlap without one
/// covering the other are both left out, which errs on the safe side.
pub(crate) fn intersection(one: &Authority, other: &Authority) -> Authority {
    let mut both = Authority::default();
    for piece in pieces(one).into_iter().chain(pieces(other)) {
        if one.covers(&piece).is_ok() && other.covers(&piece).is_ok() {
            add(&mut both, piece);
        }
    }
    both.normalized()
}

/// What at least one permits.
pub(crate) fn union(one: &Authority, other: &Authority) -> Authority {
    let mut whole = one.clone();
    pieces(other).into_iter().for_each(|piece| add(&mut whole, piece));
    whole.normalized()
}

/// The authority taken apart: each piece holds a single entry.
fn pieces(authority: &Authority) -> Vec<Authority> {
    let nothing = Authority::default;
    let mut pieces = Vec::new();
    for rule in &authority.http {
        pieces.push(Authority { http: vec![rule.clone()], ..nothing() });
    }
    let vault = |vault| Authority { vault, ..nothing() };
    for read in &authority.vault.read {
        pieces.push(vault(VaultAuthority { read: vec![read.clone()], write: Vec::new() }));
    }
    for key in &authority.vault.write {
        pieces.push(vault(VaultAuthority { read: Vec::new(), write: vec![key.clone()] }));
    }
    let secrets = |secrets| Authority { secrets, ..nothing() };
    for key in &authority.secrets.hmac {
        pieces.push(secrets(SecretsAuthority { hmac: vec![key.clone()], ..Default::default() }));
    }
    for what in &authority.secrets.reveal {
        pieces.push(secrets(SecretsAuthority { reveal: vec![what.clone()], ..Default::default() }));
    }
    if authority.secrets.generate {
        pieces.push(secrets(SecretsAuthority { generate: true, ..Default::default() }));
    }
    pieces.extend(authority.process.iter().flat_map(process_pieces));
    pieces.extend(authority.files.iter().flat_map(files_pieces));
    pieces
}

fn process_pieces(process: &ProcessAuthority) -> Vec<Authority> {
    let nothing = ProcessAuthority::default;
    let mut parts = Vec::new();
    if process.service_command {
        parts.push(ProcessAuthority { service_command: true, ..nothing() });
    }
    parts.extend(
        process.commands.iter().map(|words| ProcessAuthority { commands: vec![words.clone()], ..nothing() }),
    );
    parts.extend(
        process.reads.iter().map(|words| ProcessAuthority { reads: vec![words.clone()], ..nothing() }),
    );
    parts.extend(
        process
            .probe_options
            .iter()
            .map(|option| ProcessAuthority { probe_options: vec![option.clone()], ..nothing() }),
    );
    parts.into_iter().map(|process| Authority { process: Some(process), ..Default::default() }).collect()
}

fn files_pieces(files: &FilesAuthority) -> Vec<Authority> {
    let read = |option: &String| FilesAuthority { read_options: vec![option.clone()], ..Default::default() };
    let write =
        |option: &String| FilesAuthority { write_options: vec![option.clone()], ..Default::default() };
    let parts = files.read_options.iter().map(read).chain(files.write_options.iter().map(write));
    parts.map(|files| Authority { files: Some(files), ..Default::default() }).collect()
}

fn add(whole: &mut Authority, piece: Authority) {
    whole.http.extend(piece.http);
    whole.vault.read.extend(piece.vault.read);
    whole.vault.write.extend(piece.vault.write);
    whole.secrets.hmac.extend(piece.secrets.hmac);
    whole.secrets.reveal.extend(piece.secrets.reveal);
    whole.secrets.generate |= piece.secrets.generate;
    if let Some(process) = piece.process {
        let into = whole.process.get_or_insert_default();
        into.service_command |= process.service_command;
        into.commands.extend(process.commands);
        into.reads.extend(process.reads);
        into.probe_options.extend(process.probe_options);
    }
    if let Some(files) = piece.files {
        let into = whole.files.get_or_insert_default();
        into.read_options.extend(files.read_options);
        into.write_options.extend(files.write_options);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(toml: &str) -> Authority {
        toml::from_str(toml).unwrap()
    }

    const REQUESTED: &str = r#"
        http = [{ origin = "https://api.example.com", path = "/v1/", methods = ["GET", "POST"] }]
        vault.read = [{ key = "providers:x/api_key", origins = ["https://api.example.com"], headers = ["authorization"] }]
        secrets = { generate = true, hmac = ["providers:x/secret"], reveal = ["generated"] }
        process = { service-command = true, commands = ["tool start"], reads = ["tool status"], probe-options = ["health"] }
        files = { read-options = ["template"], write-options = ["output"] }
    "#;

    #[test]
    fn of_equals_is_the_same() {
        let requested = authority(REQUESTED);
        assert_eq!(intersection(&requested, &requested), requested.normalized());
        assert_eq!(intersection(&requested, &Authority::default()), Authority::default());
    }

    #[test]
    fn never_permits_more_than_either() {
        let requested = authority(REQUESTED);
        let lock = authority(
            r#"
            http = [
                { origin = "https://*.example.com", path = "/", methods = ["DELETE", "GET", "POST"] },
                { origin = "https://evil.example", path = "/", methods = ["POST"] },
            ]
            vault.read = [
                { key = "providers:x/api_key", origins = ["https://evil.example"], headers = ["authorization"] },
                { key = "providers:y/api_key" },
            ]
            vault.write = ["providers:x/api_key"]
            secrets = { hmac = ["providers:x/secret"] }
            process = { service-command = true, commands = ["tool start --once", "sh"] }
            "#,
        );
        let expected = authority(
            r#"
            http = [{ origin = "https://api.example.com", path = "/v1/", methods = ["GET", "POST"] }]
            secrets = { hmac = ["providers:x/secret"] }
            process = { service-command = true, commands = ["tool start --once"] }
            "#,
        );
        assert_eq!(intersection(&lock, &requested), expected);
        assert_eq!(intersection(&requested, &lock), expected);
        assert!(requested.covers(&expected).is_ok() && lock.covers(&expected).is_ok());
    }
}
