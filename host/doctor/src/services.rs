//! What the engine's record says about the services: values that are missing, runs that were cut short,
//! processes that are gone.

use std::time::Duration;

use ss_capability_process::Handle;
use ss_config::{Sources, System};
use ss_engine::{Checkup, Local, Missing, Needed, Unfinished};

use crate::finding::Severity::{Error, Info, Warn};
use crate::{Finding, Fix, Place};

/// How long a run may take before it is worth a look.
const LONG: Duration = Duration::from_secs(60 * 60);

/// A key of the vault that a service might be given under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The provider that it belongs to.
    pub provider: String,
    /// Its name there.
    pub key: String,
}

impl StoredKey {
    /// Whether a secret of this name is meant by it: `WORKOS_API_KEY` by `workos.api_key`.
    fn is_meant_by(&self, secret: &str) -> bool {
        format!("{}_{}", self.provider, self.key).replace('-', "_").eq_ignore_ascii_case(secret)
    }
}

/// The provider keys in the vault, and whether the files may have one without a person's word.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The keys.
    pub keys: Vec<StoredKey>,
    /// Whether this machine has approved what the files declare: a template of a stranger's file gets no key.
    pub approved: bool,
}

/// What stands in the way of the next run, and what a cut run left.
pub fn services(
    checkup: &Checkup,
    stored: &Stored,
    system: &System,
    sources: &Sources,
    place: &Place,
) -> Vec<Finding> {
    let of = Of { system, sources, place };
    let mut findings: Vec<Finding> =
        checkup.missing.iter().map(|missing| of.missing(missing, stored)).collect();
    findings.extend(checkup.unfinished.iter().map(|unfinished| of.unfinished(unfinished)));
    findings.extend(of.cut(checkup));
    findings.extend(of.busy(checkup));
    findings.extend(checkup.only_in_file.iter().map(|service| of.only_in_file(service)));
    findings.extend(checkup.local.iter().filter_map(|local| {
        let lacks = checkup.missing.iter().any(|missing| missing.service == local.service);
        of.dead(local, lacks)
    }));
    let told = checkup.warnings.iter();
    findings.extend(told.map(|warning| Finding::new(Warn, "state.warning", warning, warning)));
    findings
}

struct Of<'a> {
    system: &'a System,
    sources: &'a Sources,
    place: &'a Place,
}

impl Of<'_> {
    fn missing(&self, missing: &Missing, stored: &Stored) -> Finding {
        let Missing { service, what, fix, span } = missing;
        let stores = format!("`{fix}` asks for it and stores it");
        let finding = match what {
            Needed::ProviderKey { provider, key, tried, obtain } => {
                let variables = tried.iter().filter(|place| place.contains("variable"));
                let places: Vec<&str> = variables.map(String::as_str).chain(["the vault"]).collect();
                let places = places.join(" or ");
                let message =
                    format!("`{service}` needs a key of `{provider}`, and there is none in {places}");
                Finding::new(Error, "vault.missing-key", &format!("{provider}.{key}"), message)
                    .suggest(format!("{stores}; get one: {obtain}"))
            }
            Needed::Credential { source, name } => {
                let message = format!("`{service}` needs `{source}.{name}`, which is not in the vault");
                let fix = format!("{stores}; or see that `{source}` offers it");
                Finding::new(Error, "vault.missing-credential", &format!("{source}.{name}"), message)
                    .suggest(fix)
            }
            Needed::Secret { address } => {
                let name = address.strip_prefix("secrets/").unwrap_or(address);
                let message = format!("`{service}` needs `{}`, which is not in the vault", dotted(address));
                match stored.keys.iter().find(|key| key.is_meant_by(name)) {
                    Some(key) => self.promotable(name, key, message, stored.approved),
                    None => Finding::new(Error, "vault-required.missing", name, message).suggest(stores),
                }
            }
        };
        finding.at_span(self.sources, *span)
    }

    /// A secret that is in the vault as a provider's key: it only has to be given to this environment.
    fn promotable(&self, name: &str, key: &StoredKey, message: String, approved: bool) -> Finding {
        let source = format!("{}.{}", key.provider, key.key);
        let words = [
            "vault",
            "promote",
            &source,
            name,
            &format!("--workspace={}", self.system.project),
            &format!("--env={}", self.system.environment),
        ];
        let fix = Fix::Ss(words.map(str::to_owned).to_vec());
        let finding = Finding::new(Error, "vault-required.promotable", name, message);
        let has = format!("the vault has `{source}`");
        if approved {
            return finding.suggest(format!("{has}: give this environment a copy of it")).fixed_by(fix);
        }
        finding.suggest(format!(
            "{has}: `{}` gives this environment a copy of it; look first at what the file does with it",
            fix.command()
        ))
    }

    fn unfinished(&self, unfinished: &Unfinished) -> Finding {
        let Unfinished { service, provider, destroying, began, sent } = unfinished;
        let verb = if *destroying { "tearing down" } else { "making" };
        let sent = if sent.is_empty() { "nothing was sent".to_owned() } else { sent.join("; ") };
        let message =
            format!("{verb} `{service}` with `{provider}` did not reach its goal ({began:.0}): {sent}");
        let resolve = Fix::Ss(self.place.command_about(&["resolve", service])).command();
        let run = self.again(*destroying);
        self.at_service(Finding::new(Error, "journal.unfinished", service, message), service)
            .suggest(format!("`{run}` goes on with it; `{resolve}` if only you can know what became of it"))
    }

    fn again(&self, destroying: bool) -> String {
        match destroying {
            true => Fix::Ss(self.place.command(&["destroy"])).command(),
            false => self.place.run_again(self.system),
        }
    }

    fn cut(&self, checkup: &Checkup) -> Option<Finding> {
        // One that is under way has not ended either.
        let run = checkup.cut.filter(|_| checkup.busy.is_none())?.to_string();
        let again = self.place.run_again(self.system);
        let message = "the newest run was cut short before it had written vault, overlay and receipt";
        let finding = Finding::new(Error, "journal.cut-short", &run, message);
        Some(finding.suggest(format!("`{again}` completes it first, and then does what is left")))
    }

    fn busy(&self, checkup: &Checkup) -> Option<Finding> {
        let holder = checkup.busy.as_ref()?;
        let severity = if holder.age > LONG { Warn } else { Info };
        let message = format!(
            "`{}` works on this environment (pid {}, for {} s)",
            holder.what,
            holder.pid,
            holder.age.as_secs()
        );
        let finding = Finding::new(severity, "lock.held", &self.system.environment, message);
        Some(finding.suggest(
            "wait until it has finished; if it hangs, end it: the next run goes on from its journal",
        ))
    }

    fn only_in_file(&self, service: &str) -> Finding {
        let message = format!(
            "`{service}` has a `_state` in the files, and this machine's vault knows nothing of it or of its credentials"
        );
        let again = self.place.run_again(self.system);
        self.at_state(Finding::new(Info, "state.only-in-file", service, message), service)
            .suggest(format!("`{again}` verifies it and fetches its credentials; `ss drift` needs neither"))
    }

    /// A process that is gone. Only what was started before, by the same files in the same folder, is started again
    /// without a person.
    fn dead(&self, local: &Local, lacks: bool) -> Option<Finding> {
        let Local { service, state, as_recorded } = local;
        let pid = state.metadata.get("pid")?.as_u64().and_then(|pid| u32::try_from(pid).ok())?;
        let started = state.metadata.get("started")?.as_str()?.to_owned();
        if (Handle { pid, started }).is_alive() || self.system.service(service).is_none() {
            return None;
        }
        let words = self.place.command(&["provision", &format!("--service={service}")]);
        let message = format!("`{service}` is recorded as running (pid {pid}) and is not");
        let finding = self.at_service(Finding::new(Error, "process.dead", service, message), service);
        let fix = Fix::Ss(words);
        Some(match (lacks, as_recorded) {
            (true, _) => finding.suggest("store first what it lacks, see above; then start it again"),
            (false, true) => finding.suggest("start it again").fixed_by(fix),
            (false, false) => finding.suggest(format!(
                "these files are not what it was started from: see what they say of it now, then `{}` starts it",
                fix.command()
            )),
        })
    }

    fn at_service(&self, finding: Finding, service: &str) -> Finding {
        match self.system.service(service) {
            Some(config) => finding.at_span(self.sources, config.id.span),
            None => finding,
        }
    }

    fn at_state(&self, finding: Finding, service: &str) -> Finding {
        match self.system.service(service).and_then(ss_config::ServiceConfig::state) {
            Some(state) => finding.at_span(self.sources, state.span),
            None => finding,
        }
    }
}

/// An address as people write it.
fn dotted(address: &str) -> String {
    address.strip_prefix("providers:").unwrap_or(address).replacen('/', ".", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_name() {
        let key = StoredKey { provider: "my-idp".into(), key: "api_key".into() };
        assert!(key.is_meant_by("MY_IDP_API_KEY"));
        assert!(!key.is_meant_by("API_KEY") && !key.is_meant_by("OTHER_API_KEY"));
    }
}
