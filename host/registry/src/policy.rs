//! `policy.toml` in the home of `ss`: the ceiling that an organisation sets for this machine.
//!
//! ```toml
//! version = 1
//!
//! [environments]
//! protected = ["prod", "prod-*"]        # no plugin under development there
//!
//! [[allow]]                             # what no rule allows is refused
//! plugins = ["official/*"]
//!
//! [[allow]]
//! plugins = ["acme/*"]
//! registries = ["acme"]                 # only from there
//! signers = ["<64 hex digits>"]         # at least one of these must have signed
//! capabilities = ["http", "vault-read"] # nothing else, whatever was approved
//! authority.http = [{ origin = "https://*.acme.example", path = "/", methods = ["GET", "POST"] }]
//! endpoints = ["https://proxy.acme.example"]
//!
//! [[agents]]                            # what agents may change unasked: see [`crate::AgentChange`]
//! changes = ["provision"]
//! environments = ["preview-*"]
//! answer = "allow"
//! ```
//!
//! Without the file there is no ceiling. With it a plugin must satisfy one rule in every respect; a respect
//! that the rule leaves out is not limited by it. The ceiling is held against what a plugin would be
//! granted, at every run, and nothing that is approved goes beyond it. A file that speaks of agents alone, and
//! has no `allow` at all, sets no ceiling. A file that cannot be read or understood allows nothing.

use std::path::Path;

use serde::Deserialize;
use ss_authority::{Authority, Capability, Excess};

use crate::agents::{self, AgentAnswer, AgentChange, AgentRule};
use crate::lock::Signer;
use crate::strict;
use crate::{KeyId, PluginName};

/// Name of the file in the home of `ss`.
pub const POLICY_FILE: &str = "policy.toml";
/// Version of the format.
const FORMAT: u32 = 1;
/// Largest file, in bytes.
const MAX_FILE: usize = 256 * 1024;

/// The ceiling of this machine.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where it stands, for messages.
    path: String,
    /// None: there is no ceiling.
    rules: Option<Vec<Rule>>,
    protected: Vec<Pattern>,
    agents: Vec<AgentRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    #[serde(default)]
    environments: Environments,
    allow: Option<Vec<Rule>>,
    #[serde(default)]
    agents: Vec<AgentRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Environments {
    #[serde(default)]
    protected: Vec<Pattern>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    plugins: Vec<Pattern>,
    registries: Option<Vec<String>>,
    signers: Option<Vec<String>>,
    capabilities: Option<Vec<Capability>>,
    authority: Option<Authority>,
    endpoints: Option<Vec<String>>,
}

/// Text in which one `*` at the end stands for anything.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == text, |start| text.starts_with(start))
    }
}

/// A policy that cannot be used: nothing is allowed until it can.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not of the expected shape.
    #[error("`{path}` is not a usable policy: {reason}; no plugin is allowed until it is corrected")]
    Malformed {
        /// Its path.
        path: String,
        /// What is wrong with it and where.
        reason: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
}

/// What the ceiling is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub name: &'a PluginName,
    /// The registry that it comes from; none for a plugin under development.
    pub registry: Option<&'a str>,
    /// Who signed it; nobody if it is under development.
    pub signer: Option<&'a Signer>,
    /// What it would be granted.
    pub granted: &'a Authority,
}

/// What the ceiling of this machine does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy of this machine (`{path}`) does not allow `{plugin}`: {reason}")]
pub struct Forbidden {
    /// The policy file.
    pub path: String,
    /// The plugin.
    pub plugin: PluginName,
    /// In which respect.
    pub reason: ForbiddenReason,
}

/// In which respect a plugin goes beyond the ceiling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenReason {
    /// No rule speaks of it.
    #[error("no rule names it")]
    Plugin,
    /// It may not come from there.
    #[error("it comes from `{found}`, and may come only from {}", allowed.join(", "))]
    Registry {
        /// Where it comes from.
        found: String,
        /// Where it may come from.
        allowed: Vec<String>,
    },
    /// None of the required signers has signed it.
    #[error("it is signed by {found}, and must be signed by one of {}", allowed.join(", "))]
    Signer {
        /// Who has signed it.
        found: String,
        /// Who must have.
        allowed: Vec<String>,
    },
    /// It would hold a kind of authority that it may not hold.
    #[error("it may not hold `{capability}`")]
    Capability {
        /// The kind.
        capability: String,
    },
    /// It would be granted more than the ceiling.
    #[error("it may not {}", excess.iter().map(ToString::to_string).collect::<Vec<_>>().join("; nor "))]
    Authority {
        /// What goes beyond.
        excess: Vec<Excess>,
    },
    /// Its requests may not go there.
    #[error("its requests may not go to `{endpoint}`")]
    Endpoint {
        /// Where they would go.
        endpoint: String,
    },
}

impl Policy {
    /// Reads the policy kept in `home`, the folder of `ss`; no ceiling if there is no file.
    ///
    /// # Errors
    /// [`PolicyError`]. Nothing may be admitted then.
    pub fn read(home: &Path) -> Result<Self, PolicyError> {
        let file = home.join(POLICY_FILE);
        let path = file.display().to_string();
        let Some(bytes) = strict::file(&file, MAX_FILE)? else { return Ok(Self::default()) };
        Self::parse(&bytes)
            .map(|policy| Self { path: path.clone(), ..policy })
            .map_err(|reason| PolicyError::Malformed { path, reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = strict::toml(bytes, MAX_FILE).map_err(|error| error.to_string())?;
        if wire.version != FORMAT {
            return Err(format!("its version is {}; this ss reads version {FORMAT}", wire.version));
        }
        for rule in wire.allow.iter().flatten() {
            rule.check()?;
        }
        let protected = wire.environments.protected;
        let of_agents = wire.agents.iter().flat_map(|rule| &rule.environments);
        let of_plugins = wire.allow.iter().flatten().flat_map(|rule| &rule.plugins);
        for pattern in of_plugins.chain(&protected).chain(of_agents) {
            if pattern.0.is_empty()
                || pattern.0.trim_end_matches('*').contains('*')
                || pattern.0.ends_with("**")
            {
                return Err(format!("`{}` is no pattern: one `*` may stand at its end", pattern.0));
            }
        }
        let rules = wire.allow.or_else(|| wire.agents.is_empty().then(Vec::new));
        Ok(Self { path: String::new(), rules, protected, agents: wire.agents })
    }

    /// What is done about a change that an agent wants to make. `protected` says whether the system's own
    /// files protect the environment.
    pub fn for_agents(&self, change: AgentChange, environment: &str, protected: bool) -> AgentAnswer {
        agents::answer(&self.agents, change, environment, protected || self.protects(environment))
    }

    /// Whether this machine protects an environment of this name, whatever a repository says.
    pub fn protects(&self, environment: &str) -> bool {
        self.protected.iter().any(|pattern| pattern.matches(environment))
    }

    /// Holds a plugin against the ceiling.
    pub(crate) fn check(&self, candidate: Candidate<'_>) -> Result<(), Forbidden> {
        self.one_allows(candidate.name, |rule| rule.check_plugin(candidate))
    }

    /// Whether the requests of a plugin may go elsewhere.
    pub(crate) fn check_endpoint(&self, plugin: &PluginName, endpoint: &str) -> Result<(), Forbidden> {
        self.one_allows(plugin, |rule| match &rule.endpoints {
            Some(allowed) if !allowed.iter().any(|one| one == endpoint) => {
                Err(ForbiddenReason::Endpoint { endpoint: endpoint.to_owned() })
            }
            _ => Ok(()),
        })
    }

    /// Whether any rule that names the plugin allows it; else why the last of them does not.
    fn one_allows(
        &self,
        plugin: &PluginName,
        allows: impl Fn(&Rule) -> Result<(), ForbiddenReason>,
    ) -> Result<(), Forbidden> {
        let Some(rules) = &self.rules else { return Ok(()) };
        let text = plugin.to_string();
        let mut reason = ForbiddenReason::Plugin;
        for rule in rules.iter().filter(|rule| rule.plugins.iter().any(|pattern| pattern.matches(&text))) {
            match allows(rule) {
                Ok(()) => return Ok(()),
                Err(why) => reason = why,
            }
        }
        Err(Forbidden { path: self.path.clone(), plugin: plugin.clone(), reason })
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        if self.plugins.is_empty() {
            return Err("a rule names no `plugins`".to_owned());
        }
        if let Some(bad) = self.signers.iter().flatten().find(|signer| KeyId::from_hex(signer).is_none()) {
            return Err(format!("`{bad}` is no signer: a key's id has 64 lower-case hex digits"));
        }
        match &self.authority {
            Some(authority) => authority.validate().map_err(|error| format!("in `authority`: {error}")),
            None => Ok(()),
        }
    }

    fn check_plugin(&self, candidate: Candidate<'_>) -> Result<(), ForbiddenReason> {
        if let Some(allowed) = &self.registries {
            let found = candidate.registry.unwrap_or("a file under development");
            if !allowed.iter().any(|registry| candidate.registry == Some(registry)) {
                return Err(ForbiddenReason::Registry { found: found.to_owned(), allowed: allowed.clone() });
            }
        }
        if let Some(allowed) = &self.signers {
            let keys = candidate.signer.map_or(&[][..], |signer| &signer.keys);
            if !keys.iter().any(|key| allowed.contains(key)) {
                let found = if keys.is_empty() { "nobody".to_owned() } else { keys.join(", ") };
                return Err(ForbiddenReason::Signer { found, allowed: allowed.clone() });
            }
        }
        if let Some(allowed) = &self.capabilities
            && let Some(other) =
                candidate.granted.capabilities().into_iter().find(|held| !allowed.contains(held))
        {
            return Err(ForbiddenReason::Capability { capability: other.to_string() });
        }
        match &self.authority {
            Some(ceiling) => {
                ceiling.covers(candidate.granted).map_err(|excess| ForbiddenReason::Authority { excess })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"
        version = 1
        [environments]
        protected = ["prod", "live-*"]
        [[allow]]
        plugins = ["official/*"]
        [[allow]]
        plugins = ["acme/tunnel", "acme/t-*"]
        registries = ["acme"]
        signers = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        capabilities = ["http"]
        authority.http = [{ origin = "https://*.acme.example", path = "/", methods = ["GET"] }]
        endpoints = ["https://proxy.example"]
    "#;

    fn policy(text: &str) -> Policy {
        Policy { path: "policy.toml".to_owned(), ..Policy::parse(text.as_bytes()).unwrap() }
    }

    fn name(text: &str) -> PluginName {
        text.parse().unwrap()
    }

    fn authority(toml: &str) -> Authority {
        toml::from_str(toml).unwrap()
    }

    fn signer(digit: &str) -> Signer {
        Signer { kind: "ed25519".to_owned(), keys: vec![digit.repeat(64)] }
    }

    const GET: &str = r#"http = [{ origin = "https://api.acme.example", path = "/v1/", methods = ["GET"] }]"#;

    #[test]
    fn without_a_file_there_is_no_ceiling_and_with_an_empty_one_there_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (plugin, granted) = (name("acme/tunnel"), authority(GET));
        let candidate = Candidate { name: &plugin, registry: Some("acme"), signer: None, granted: &granted };
        Policy::read(home.path()).unwrap().check(candidate).unwrap();
        std::fs::write(home.path().join(POLICY_FILE), "version = 1\n").unwrap();
        let refused = Policy::read(home.path()).unwrap().check(candidate).unwrap_err();
        assert_eq!(refused.reason, ForbiddenReason::Plugin);
    }

    #[test]
    fn a_plugin_must_satisfy_a_rule_in_every_respect() {
        let policy = policy(ACME);
        let check = |plugin: &str, registry: Option<&str>, signer: Option<&Signer>, granted: &str| {
            let (name, granted) = (name(plugin), authority(granted));
            policy.check(Candidate { name: &name, registry, signer, granted: &granted }).map_err(|f| f.reason)
        };
        let (known, stranger) = (signer("a"), signer("b"));
        check("official/neon", Some("official"), Some(&stranger), GET).unwrap();
        check("acme/tunnel", Some("acme"), Some(&known), GET).unwrap();
        check("acme/t-2", Some("acme"), Some(&known), "").unwrap();
        let refused = |reason: Result<(), ForbiddenReason>| reason.unwrap_err().to_string();
        assert_eq!(refused(check("acme/other", Some("acme"), Some(&known), "")), "no rule names it");
        assert_eq!(refused(check("dev/tunnel", None, None, "")), "no rule names it");
        assert_eq!(
            refused(check("acme/tunnel", Some("mirror"), Some(&known), GET)),
            "it comes from `mirror`, and may come only from acme"
        );
        assert!(
            refused(check("acme/tunnel", Some("acme"), Some(&stranger), GET))
                .starts_with("it is signed by bbbb")
        );
        assert_eq!(
            refused(check("acme/tunnel", Some("acme"), Some(&known), r#"vault.write = ["providers:a/b"]"#)),
            "it may not hold `vault-write`"
        );
        assert_eq!(
            refused(check("acme/tunnel", Some("acme"), Some(&known), &GET.replace("GET", "DELETE"))),
            "it may not send DELETE https://api.acme.example/v1/…"
        );
    }

    #[test]
    fn endpoints_and_environments() {
        let policy = policy(ACME);
        policy.check_endpoint(&name("acme/tunnel"), "https://proxy.example").unwrap();
        policy.check_endpoint(&name("official/neon"), "https://anywhere.example").unwrap();
        assert!(policy.check_endpoint(&name("acme/tunnel"), "https://evil.example").is_err());
        assert!(policy.protects("prod") && policy.protects("live-eu"));
        assert!(!policy.protects("prod-2") && !policy.protects("local"));
    }

    #[test]
    fn what_is_not_understood_allows_nothing() {
        let home = tempfile::tempdir().unwrap();
        for text in [
            "version = 2",
            "version = 1\nextra = 1",
            "version = 1\n[[allow]]\nplugins = []",
            "version = 1\n[[allow]]\nplugins = [\"*/x\"]",
            "version = 1\n[[allow]]\nplugins = [\"x\"]\nsigner = [\"x\"]",
            "version = 1\n[[allow]]\nplugins = [\"x\"]\nsigners = [\"x\"]",
            "version = 1\n[[allow]]\nplugins = [\"x\"]\ncapabilities = [\"root\"]",
            "version = 1\n[[allow]]\nplugins = [\"x\"]\nauthority.http = [{ origin = \"https://*\", path = \"/\", methods = [\"GET\"] }]",
        ] {
            std::fs::write(home.path().join(POLICY_FILE), text).unwrap();
            assert!(matches!(Policy::read(home.path()), Err(PolicyError::Malformed { .. })), "{text}");
        }
    }
}
