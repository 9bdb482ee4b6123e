//! What agents may change without being asked about: the `[[agents]]` rules of `policy.toml`.
//!
//! ```toml
//! [[agents]]                              # the first rule that fits counts
//! changes = ["provision"]                 # edit, start, provision, destroy, rollback
//! environments = ["staging", "preview-*"]
//! answer = "allow"                        # allow, ask, refuse
//! ```
//!
//! Without a fitting rule files may be edited and local processes started, and everything else asks. In a
//! protected environment nothing runs unasked, whatever a rule says.

use serde::{Deserialize, Serialize};

use crate::policy::Pattern;

/// A kind of change that an agent may want to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentChange {
    /// Of the system's file.
    Edit,
    /// Processes of this machine, and nothing else.
    Start,
    /// Whatever a provider elsewhere has.
    Provision,
    /// Tearing down.
    Destroy,
    /// Recorded states and credentials.
    Rollback,
}

impl AgentChange {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Edit, Self::Start, Self::Provision, Self::Destroy, Self::Rollback];

    /// What is done about it where no rule fits.
    fn by_default(self) -> AgentAnswer {
        match self {
            Self::Edit | Self::Start => AgentAnswer::Allow,
            Self::Provision | Self::Destroy | Self::Rollback => AgentAnswer::Ask,
        }
    }
}

/// What is done about a change that an agent wants to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentAnswer {
    /// It is made.
    Allow,
    /// A person is asked.
    Ask,
    /// It is never made for an agent.
    Refuse,
}

/// A rule of the policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentRule {
    changes: Vec<AgentChange>,
    pub(crate) environments: Vec<Pattern>,
    answer: AgentAnswer,
}

/// The answer of the rules.
pub(crate) fn answer(
    rules: &[AgentRule],
    change: AgentChange,
    environment: &str,
    protected: bool,
) -> AgentAnswer {
    let fits = |rule: &&AgentRule| {
        rule.changes.contains(&change) && rule.environments.iter().any(|pattern| pattern.matches(environment))
    };
    let answer = rules.iter().find(fits).map_or(change.by_default(), |rule| rule.answer);
    match answer {
        AgentAnswer::Allow if protected && change != AgentChange::Edit => AgentAnswer::Ask,
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<AgentRule> {
        #[derive(Deserialize)]
        struct File {
            agents: Vec<AgentRule>,
        }
        toml::from_str::<File>(text).unwrap().agents
    }

    #[test]
    fn clouds_ask_and_local_processes_start() {
        let ask = |change| answer(&[], change, "local", false);
        assert_eq!(ask(AgentChange::Edit), AgentAnswer::Allow);
        assert_eq!(ask(AgentChange::Start), AgentAnswer::Allow);
        for change in [AgentChange::Provision, AgentChange::Destroy, AgentChange::Rollback] {
            assert_eq!(ask(change), AgentAnswer::Ask, "{change:?}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_protection_outranks_it() {
        let rules = rules(
            "[[agents]]\nchanges = [\"start\"]\nenvironments = [\"local\"]\nanswer = \"refuse\"\n\
             [[agents]]\nchanges = [\"provision\", \"start\"]\nenvironments = [\"pre-*\", \"local\"]\nanswer = \"allow\"\n",
        );
        let ask = |change, environment, protected| answer(&rules, change, environment, protected);
        assert_eq!(ask(AgentChange::Start, "local", false), AgentAnswer::Refuse);
        assert_eq!(ask(AgentChange::Provision, "pre-7", false), AgentAnswer::Allow);
        assert_eq!(ask(AgentChange::Provision, "pre-7", true), AgentAnswer::Ask);
        assert_eq!(ask(AgentChange::Provision, "prod", false), AgentAnswer::Ask);
        assert_eq!(ask(AgentChange::Destroy, "pre-7", false), AgentAnswer::Ask);
    }
}
