//! The rules: what a plugin has to prove, in the order in which they are reported.
//!
//! Ids are stable: reports, filters and the pipelines of plugin authors name them. A rule is added here and
//! in the module of [`crate::check`] that judges it; nothing else belongs here.

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable id: `<group>/<name>`.
    pub id: &'static str,
    /// What must hold, in one line.
    pub title: &'static str,
    /// Why it matters, and how it is tried.
    pub explanation: &'static str,
    /// What to change in a plugin that fails.
    pub fix: &'static str,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal, $explanation:literal, $fix:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: &Rule =
            &Rule { id: $id, title: $title, explanation: $explanation, fix: $fix };)*
        /// Every rule, in the order of reports.
        pub const RULES: &[&Rule] = &[$($name),*];
    };
}

rules! {
    /// The file can be run at all.
    COMPONENT = "contract/component",
        "The file is a component of a contract that this `ss` runs",
        "It must be a WebAssembly component that exports `starsystem:provisioner/adapter` and imports nothing that is not in the contract.",
        "build it for `wasm32-wasip2` with the contract's world, and import nothing else";
    /// Manifest and imports agree.
    MANIFEST = "contract/manifest",
        "The manifest asks for what the component imports, and for no more",
        "A person grants what `plugin.toml` asks for. A capability that is asked for and never imported is authority for nothing; one that is imported and not asked for cannot be used.",
        "remove from `plugin.toml` what the component does not import, and ask for what it does";
    /// `describe` is complete.
    DESCRIBE = "contract/describe",
        "`describe` says everything that people and `ss` need",
        "`ss catalog`, `ss validate` and editors show what `describe` answers without starting the plugin again: a summary, each vault key with the place where a person gets one, and shapes. Keys must be those that the manifest asks to read.",
        "complete the answer of `describe`; name each key of `plugin.toml` in `vault-keys`, the primary one first";
    /// The schema is one.
    SCHEMA = "contract/schema",
        "The options' schema is JSON Schema and takes the scenarios' options",
        "`ss validate` checks a person's file against it before anything runs.",
        "correct `options-schema`, or the scenario's options";
    /// The example works.
    EXAMPLE = "contract/example",
        "The example is a service that `ss validate` accepts",
        "People start from the example. It must be YAML with a service that is routed to this plugin and valid against its schema.",
        "correct `example`";
    /// The plugin works at all.
    WORKS = "provision/works",
        "`provision` succeeds, and the service is healthy",
        "Every other rule starts from here: plan, provision and status in a world where nothing goes wrong.",
        "see the plugin's own message; `--verbose` shows its log";
    /// Only `provision` and `destroy` change anything.
    PURE = "plan/pure",
        "`plan`, `status`, `observe` and `find` change nothing",
        "The host lets none of their requests through that could change anything. A plugin that tries will fail when a person only looks.",
        "move the request to `provision`; if it only reads, declare it in `plugin.toml` with `reads = \"graphql\"` or `reads = \"post\"`";
    /// Equal worlds, equal plans.
    DETERMINISTIC = "plan/deterministic",
        "Two plans of the same world are equal",
        "A plan is shown, approved and then carried out. One that differs each time cannot be approved.",
        "keep random numbers, times and the order of hash maps out of `action`, `detail` and `changes`";
    /// A plan after a provision is empty.
    SETTLED = "plan/settled",
        "After `provision` the plan has nothing to do",
        "A plan that always wants to change something hides the changes that matter.",
        "compare what is there with the options field by field, as the provider normalises them";
    /// Again is nothing.
    IDEMPOTENT = "provision/idempotent",
        "A second `provision` creates nothing",
        "`ss provision` is run again and again. With `context.existing` the plugin refreshes, and keeps the resource's id.",
        "look up the resource of `context.existing` before creating one, and return the same `resource-id`";
    /// Cut anywhere, then run again.
    RESUME = "provision/crash-resume",
        "A `provision` killed after any host call is finished by the next, and creates nothing twice",
        "The run is killed after each of its requests, saved states and secrets in turn, and made again as `ss` would: with `context.partial` if something was saved, else with what `find` finds.",
        "call `save-partial-state` right after each request that creates something, and go on from `context.partial`";
    /// A lost answer.
    FIND = "provision/find",
        "`find` finds what a lost answer left behind",
        "Each request that creates is carried out and its answer lost. `find` must then return that resource, and `provision` must go on with it. Where nothing was made it returns none.",
        "give resources a deterministic name or tag, and let `find` look for exactly that";
    /// Drift.
    DRIFT = "observe/drift",
        "`observe` sees what somebody else changed, and nothing else",
        "Right after `provision` there is no drift; after a change from outside, or once the resource is gone, there is.",
        "read the resource in `observe` and compare it with the options; report one that is gone as a change";
    /// Destroy.
    DESTROY = "destroy/works",
        "`destroy` leaves nothing behind",
        "All that `provision` made must be gone when `destroy` returns.",
        "delete every part that `provision` makes, and wait until the provider has done it";
    /// Destroy again.
    GONE = "destroy/gone",
        "`destroy` of something already gone succeeds",
        "A person may have deleted it by hand, or an earlier run may have been cut after the request.",
        "treat \"not found\" as success";
    /// Hostile answers.
    HOSTILE = "hostile/answers",
        "No answer makes the plugin crash, or claim what is not so",
        "Requests of every operation get broken answers: errors, pages for people, truncated and wrong JSON, redirects elsewhere, bodies that are huge, deep, slow or no text. The plugin must end with a failure of its own, or cope.",
        "check the status before reading a body, parse with limits, and return a typed failure; a panic is none";
    /// Secrets.
    SECRETS = "secrets/sealed",
        "No secret and no sealed token stands in state, plan, log or error",
        "States are committed and logs are pasted into issues. Secrets leave a plugin as credentials only.",
        "return secrets as sensitive credentials; never print or keep `context.api-key` or a body that holds a password";
    /// Limits.
    LIMITS = "limits/honoured",
        "Every operation stays within the limits, and stops when it is told to",
        "Memory, computing time, requests and waiting are limited; a cancelled operation has a moment to wind up.",
        "page through lists, wait with `timer.sleep`, and stop when it returns false";
}

/// The rule of this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_of_one_shape() {
        let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(rule.id.split('/').count() == 2, "{}", rule.id);
            assert!(!rule.title.ends_with('.') && rule.explanation.ends_with('.'), "{}", rule.id);
        }
    }
}
