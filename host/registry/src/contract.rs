//! Versions of the plugin contract: which this `ss` can run, and what each lets a component import.
//!
//! Here belongs what can be said of a component's contract before anything is compiled. Here does not
//! belong the contract itself: that is `wit/`, and how an import is served is the runtime's.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The WIT package of the contract.
const PACKAGE: &str = "starsystem:provisioner";
/// The world that a plugin implements.
const PROVISIONER: &str = "provisioner";
/// The interface that a plugin exports.
const ADAPTER: &str = "adapter";

/// A world of the contract at a version, written `starsystem:provisioner/provisioner@0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Name of the world, such as `provisioner`.
    pub world: Box<str>,
    /// Version of the package.
    pub version: Version,
}

impl Contract {
    /// The provisioner world at `version`.
    pub fn provisioner(version: Version) -> Self {
        Self { world: PROVISIONER.into(), version }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACKAGE}/{}@{}", self.world, self.version)
    }
}

/// Text that names no contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a contract is written like `starsystem:provisioner/provisioner@0.1.0`")]
pub struct NotAContract;

impl FromStr for Contract {
    type Err = NotAContract;

    fn from_str(text: &str) -> Result<Self, NotAContract> {
        let (world, version) = text
            .strip_prefix(PACKAGE)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.split_once('@'))
            .ok_or(NotAContract)?;
        let version = Version::parse(version).map_err(|_| NotAContract)?;
        if ss_authority::is_plugin_name(world) {
            Ok(Self { world: world.into(), version })
        } else {
            Err(NotAContract)
        }
    }
}

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A released contract that this `ss` can run.
#[derive(Debug)]
struct Known {
    version: Version,
    /// The oldest `ss` that can run it.
    since: Version,
    /// The contract's own interfaces.
    interfaces: &'static [&'static str],
    /// Interfaces of WASI 0.2, at any patch of it.
    wasi: &'static [&'static str],
}

/// Every contract that this `ss` can run. A released one is never taken away.
const KNOWN: &[Known] = &[Known {
    version: Version::new(0, 1, 0),
    since: Version::new(0, 1, 0),
    interfaces: &["files", "journal", "process", "progress", "secrets", "timer", "types", "vault"],
    // The world names only outgoing HTTP, clocks and random. The others are what the standard libraries of
    // guest languages import whether they use them or not; the runtime serves them empty: no variables, no
    // arguments, no folders, no input; sockets that reach nothing (CPython's C library imports them).
    wasi: &[
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stderr",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stderr",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:filesystem/preopens",
        "wasi:filesystem/types",
        "wasi:http/outgoing-handler",
        "wasi:http/types",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/insecure",
        "wasi:random/insecure-seed",
        "wasi:random/random",
        "wasi:sockets/instance-network",
        "wasi:sockets/ip-name-lookup",
        "wasi:sockets/network",
        "wasi:sockets/tcp",
        "wasi:sockets/tcp-create-socket",
        "wasi:sockets/udp",
        "wasi:sockets/udp-create-socket",
    ],
}];

/// Whether this `ss` can run the contract.
pub fn is_known(contract: &Contract) -> bool {
    find(contract).is_some()
}

/// The oldest `ss` that can run the contract; none if this one cannot.
pub fn min_ss(contract: &Contract) -> Option<Version> {
    find(contract).map(|known| known.since.clone())
}

/// The contracts that this `ss` can run, oldest first, for messages: `0.1.0, 0.2.0`.
pub fn known() -> String {
    KNOWN.iter().map(|known| known.version.to_string()).collect::<Vec<_>>().join(", ")
}

/// Whether a component of this contract may import `name`, such as `wasi:io/poll@0.2.6`.
pub fn allows_import(contract: &Contract, name: &str) -> bool {
    let (Some(known), Some((interface, version))) = (find(contract), name.split_once('@')) else {
        return false;
    };
    match interface.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) {
        Some(own) => known.interfaces.contains(&own) && is_version(version, &known.version),
        None => known.wasi.contains(&interface) && is_wasi_02(version),
    }
}

/// The contract whose adapter an export of this name is.
pub(crate) fn of_export(name: &str) -> Option<Contract> {
    let version = name.strip_prefix(PACKAGE)?.strip_prefix('/')?.strip_prefix(ADAPTER)?.strip_prefix('@')?;
    Version::parse(version).ok().map(Contract::provisioner)
}

fn find(contract: &Contract) -> Option<&'static Known> {
    KNOWN.iter().find(|known| *contract.world == *PROVISIONER && known.version == contract.version)
}

fn is_version(text: &str, version: &Version) -> bool {
    Version::parse(text).is_ok_and(|parsed| parsed == *version)
}

fn is_wasi_02(text: &str) -> bool {
    Version::parse(text)
        .is_ok_and(|version| (version.major, version.minor) == (0, 2) && version.pre.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let contract = Contract::provisioner(Version::new(0, 1, 0));
        assert_eq!(contract.to_string(), "starsystem:provisioner/provisioner@0.1.0");
        assert_eq!(contract.to_string().parse(), Ok(contract.clone()));
        assert!(is_known(&contract));
    }

    #[test]
    fn other_worlds_and_versions_are_unknown() {
        for text in ["starsystem:provisioner/provisioner@0.2.0", "starsystem:provisioner/async@0.1.0"] {
            assert!(!is_known(&text.parse().unwrap()), "{text}");
        }
        for text in ["provisioner@0.1.0", "starsystem:provisioner/@0.1.0", "starsystem:provisioner/x@1", ""] {
            assert_eq!(text.parse::<Contract>(), Err(NotAContract), "{text}");
        }
    }

    #[test]
    fn imports_are_those_of_the_world() {
        let contract = Contract::provisioner(Version::new(0, 1, 0));
        for allowed in ["wasi:io/poll@0.2.6", "wasi:http/types@0.2.12", "starsystem:provisioner/vault@0.1.0"]
        {
            assert!(allows_import(&contract, allowed), "{allowed}");
        }
        for refused in [
            "wasi:sockets/tcp@0.3.0",
            "wasi:sockets/raw@0.2.6",
            "wasi:http/incoming-handler@0.2.12",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll",
            "starsystem:provisioner/vault@0.2.0",
            "starsystem:provisioner/adapter@0.1.0",
            "starsystem:other/vault@0.1.0",
            "env",
        ] {
            assert!(!allows_import(&contract, refused), "{refused}");
        }
    }
}
