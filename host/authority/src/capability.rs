//! The kinds of authority, by which a person grants and a policy limits.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::{Authority, SecretsAuthority, VaultAuthority};

/// A kind of authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Requests.
    Http,
    /// Vault keys, sealed.
    VaultRead,
    /// Provider keys that it stores.
    VaultWrite,
    /// HMACs and generated secrets.
    Secrets,
    /// Raw values of secrets.
    Reveal,
    /// Processes on this machine.
    Process,
    /// Files on this machine.
    Files,
}

/// A word that names no kind of authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is none of {}", Capability::ALL.map(|known| known.to_string()).join(", "))]
pub struct UnknownCapability;

impl Capability {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Http,
        Self::VaultRead,
        Self::VaultWrite,
        Self::Secrets,
        Self::Reveal,
        Self::Process,
        Self::Files,
    ];

    /// What of an authority is of this kind.
    fn part_of(self, whole: &Authority) -> Authority {
        let nothing = Authority::default();
        match self {
            Self::Http => Authority { http: whole.http.clone(), ..nothing },
            Self::VaultRead => {
                let vault = VaultAuthority { read: whole.vault.read.clone(), ..nothing.vault };
                Authority { vault, ..nothing }
            }
            Self::VaultWrite => {
                let vault = VaultAuthority { write: whole.vault.write.clone(), ..nothing.vault };
                Authority { vault, ..nothing }
            }
            Self::Secrets => {
                let secrets = SecretsAuthority { reveal: Vec::new(), ..whole.secrets.clone() };
                Authority { secrets, ..nothing }
            }
            Self::Reveal => {
                let secrets = SecretsAuthority { reveal: whole.secrets.reveal.clone(), ..nothing.secrets };
                Authority { secrets, ..nothing }
            }
            Self::Process => Authority { process: whole.process.clone(), ..nothing },
            Self::Files => Authority { files: whole.files.clone(), ..nothing },
        }
    }
}

impl Authority {
    /// The kinds of authority that it holds.
    pub fn capabilities(&self) -> Vec<Capability> {
        let held = |kind: &Capability| kind.part_of(self) != Self::default();
        Capability::ALL.into_iter().filter(held).collect()
    }

    /// What of it is of these kinds: one part for each.
    pub fn parts(&self, kinds: &[Capability]) -> Vec<Self> {
        kinds.iter().map(|kind| kind.part_of(self)).collect()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::VaultRead => "vault-read",
            Self::VaultWrite => "vault-write",
            Self::Secrets => "secrets",
            Self::Reveal => "reveal",
            Self::Process => "process",
            Self::Files => "files",
        })
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.to_string() == text).ok_or(UnknownCapability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        http = [{ origin = "https://a.example", path = "/", methods = ["GET"] }]
        vault = { read = [{ key = "providers:a/one" }], write = ["providers:a/two"] }
        secrets = { hmac = ["providers:a/one"], generate = true, reveal = ["generated"] }
        process = { service-command = true }
        files = { read-options = ["in"] }
    "#;

    #[test]
    fn the_parts_are_one_of_each_kind_and_make_the_whole() {
        let whole: Authority = toml::from_str(WHOLE).expect("an authority");
        assert_eq!(whole.capabilities(), Capability::ALL);
        let parts = whole.parts(&Capability::ALL);
        for (part, kind) in parts.iter().zip(Capability::ALL) {
            assert_eq!(part.capabilities(), [kind]);
            assert!(whole.covers(part).is_ok(), "{kind}");
        }
        let sentences: usize = parts.iter().map(|part| part.sentences().len()).sum();
        assert_eq!(sentences, whole.sentences().len());
        assert!(Authority::default().capabilities().is_empty());
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for kind in Capability::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("root".parse::<Capability>(), Err(UnknownCapability));
    }
}
