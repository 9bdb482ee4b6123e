//! The conformance kit: proves a plugin against scenarios, black-box and offline.
//!
//! A [`Kit`] opens a component under what its manifest asks for, through the product's own runtime and
//! gates, and judges the [`RULES`] in each [`Scenario`]: it plays operations in fresh worlds, cuts them short
//! after each host call, loses and breaks answers, and looks at what comes out. The language that the plugin
//! is written in does not matter.
//!
//! From a request to a verdict: the gate sends every request to the `tap`, the tap asks the `stage` (one
//! world: cloud, vault, journal, folder), the stage asks its `cloud` and lets a `fault` befall the answer;
//! `play` runs one operation on a stage and watches it; `check` knows what to play and what must come of it.
//!
//! Here belongs how plugins are judged. Here does not belong: how a plugin is run (`ss-runtime`), what a
//! grant allows (`capability-*`), and printing. The engine is used for one thing, to validate the example of
//! a plugin as `ss validate` would.

mod check;
mod cloud;
mod fault;
mod journal;
mod play;
mod processes;
mod report;
mod rules;
mod scenario;
mod screen;
mod secrets;
mod stage;
mod subject;
mod tap;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ss_authority::{Manifest, ManifestError};
use ss_capability_http::Endpoints;
use ss_provider::{Description, Identity, VaultKey};
use ss_registry::ComponentError;
use ss_runtime::Notices;

use check::Wanted;
use cloud::Tape;
use play::{Backing, Bench};
use subject::{Component, Places, Subject};

pub use report::{Finding, Report, Verdict};
pub use rules::{RULES, Rule, rule};
pub use scenario::{Scenario, ScenarioError};

/// Looks up the value of a vault key.
pub type KeyLookup = Arc<dyn Fn(&VaultKey) -> Option<String> + Send + Sync>;

/// What is judged, and how.
#[derive(Clone)]
pub struct KitConfig {
    /// The component, with or without its manifest inside.
    pub component: Vec<u8>,
    /// The text of `plugin.toml`, for a component that has none inside.
    pub manifest: Option<String>,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Where requests go instead of to the scenarios' own clouds.
    pub endpoint: Option<Endpoints>,
    /// Real vault keys, for recordings; scenarios are played with made-up ones.
    pub keys: Option<KeyLookup>,
    /// Beginnings of the ids of the rules that are wanted; none is all.
    pub rules: Vec<String>,
    /// Whether every request gets every kind of broken answer.
    pub thorough: bool,
    /// Folder of compiled components.
    pub cache_dir: Option<PathBuf>,
    /// Told what a person may want to know while they wait.
    pub notices: Option<Notices>,
}

/// Why a component cannot be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// The file is no component, or has no manifest.
    #[error("the file cannot be judged: {0}")]
    Component(#[from] ComponentError),
    /// Its manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The kit cannot make its folder.
    #[error("cannot make a folder for the test")]
    Scratch(#[source] std::io::Error),
    /// What was recorded has no form in TOML.
    #[error("the recording cannot be written down: {0}")]
    Recording(String),
}

fn scratch() -> Result<tempfile::TempDir, KitError> {
    tempfile::Builder::new().prefix("ss-plugin-test-").tempdir().map_err(KitError::Scratch)
}

/// Judges one component.
pub struct Kit {
    config: KitConfig,
    component: Component,
}

impl Kit {
    /// Looks at the component from outside.
    ///
    /// # Errors
    /// If it is no component with a manifest: nothing can be said about it then.
    pub fn new(config: KitConfig) -> Result<Self, KitError> {
        let embedded = ss_registry::inspect(&config.component).map(|outline| outline.manifest.to_owned());
        let (bytes, text) = match (embedded, &config.manifest) {
            (Ok(text), _) => (config.component.clone(), text),
            (Err(ComponentError::Manifest(_)), Some(text)) => {
                (ss_registry::embed_manifest(&config.component, text)?, text.clone())
            }
            (Err(error), _) => return Err(error.into()),
        };
        let manifest = Manifest::parse(&text)?;
        Ok(Self { component: Component { bytes: Arc::new(bytes), manifest }, config })
    }

    /// The plugin's name, version and digest.
    pub fn identity(&self) -> Identity {
        let Component { bytes, manifest } = &self.component;
        Identity {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: ss_registry::Digest::of(bytes).to_string(),
            development: true,
        }
    }

    /// Judges every wanted rule. `tell` hears the findings of each part as it is done.
    ///
    /// # Errors
    /// If the kit itself cannot work on this machine.
    pub async fn run(&self, mut tell: impl FnMut(&[Finding])) -> Result<Report, KitError> {
        let begun = Instant::now();
        let scratch = scratch()?;
        let wanted = Wanted(self.config.rules.clone());
        let mut findings = Vec::new();
        let mut add = |found: Vec<Finding>| {
            tell(&found);
            findings.extend(found);
        };
        let usable = self.contract(&wanted, scratch.path(), &mut add).await;
        if usable {
            for scenario in &self.config.scenarios {
                add(self.scenario(scenario, &wanted, scratch.path()).await);
            }
        }
        Ok(Report { plugin: self.identity(), findings, took: begun.elapsed() })
    }

    /// Judges the component itself; says whether it can be run.
    async fn contract(&self, wanted: &Wanted, scratch: &Path, add: &mut impl FnMut(Vec<Finding>)) -> bool {
        let begun = Instant::now();
        let places = self.places(scratch, None);
        let opened = Subject::open(&self.component, &places, self.config.notices.clone()).await;
        let (found, usable) = match opened {
            Ok(subject) => {
                let provider = subject.shared();
                (check::contract(&self.component, &subject, provider), true)
            }
            Err(error) => (check::unusable(&error), false),
        };
        let share = begun.elapsed() / u32::try_from(found.len().max(1)).unwrap_or(1);
        add(found
            .into_iter()
            .filter(|finding| wanted.is(finding.rule))
            .map(|finding| Finding { took: share, ..finding })
            .collect());
        usable
    }

    async fn scenario(&self, scenario: &Scenario, wanted: &Wanted, scratch: &Path) -> Vec<Finding> {
        let backing = match &self.config.endpoint {
            Some(endpoint) if !scenario.has_cloud() && scenario.exchanges.is_empty() => {
                Backing::Endpoint(endpoint.clone())
            }
            _ => Backing::Scenario,
        };
        match self.bench(scenario, backing, scratch).await {
            Ok(bench) => check::scenario(&bench, wanted, self.config.thorough).await,
            Err(findings) => findings,
        }
    }

    async fn bench(
        &self,
        scenario: &Scenario,
        backing: Backing,
        scratch: &Path,
    ) -> Result<Bench, Vec<Finding>> {
        let places = self.places(scratch, Some(scenario));
        let subject = Subject::open(&self.component, &places, None).await;
        let subject = subject.map_err(|error| check::unusable(&error))?;
        let keys = match &backing {
            Backing::Recorded(..) => self.real_keys(&subject.description),
            _ => BTreeMap::new(),
        };
        Ok(Bench::new(subject, Arc::new(scenario.clone()), backing, keys, scratch.to_owned()))
    }

    fn real_keys(&self, description: &Description) -> BTreeMap<String, String> {
        let Some(look) = &self.config.keys else { return BTreeMap::new() };
        let address = |key: &VaultKey| format!("providers:{}/{}", description.provider, key.name);
        description.vault_keys.iter().filter_map(|key| Some((address(key), look(key)?))).collect()
    }

    /// Plays the life of a resource at the endpoint, or without one at the provider itself, and records the
    /// conversation. What is made is destroyed again. The text goes at the end of the scenario's file.
    ///
    /// # Errors
    /// If the kit itself cannot work on this machine, or the recording cannot be written down.
    pub async fn record(
        &self,
        scenario: &Scenario,
        mut tell: impl FnMut(&[Finding]),
    ) -> Result<(Report, String), KitError> {
        let begun = Instant::now();
        let scratch = scratch()?;
        let tape = Tape::default();
        let endpoint = self.config.endpoint.clone().unwrap_or_default();
        let backing = Backing::Recorded(endpoint, tape.clone());
        let (findings, secrets) = match self.bench(scenario, backing, scratch.path()).await {
            Ok(bench) => {
                let findings = check::scenario(&bench, &Wanted::default(), false).await;
                (findings, bench.unprintable())
            }
            Err(findings) => (findings, BTreeMap::new()),
        };
        tell(&findings);
        let text = tape.to_toml(secrets).map_err(KitError::Recording)?;
        Ok((Report { plugin: self.identity(), findings, took: begun.elapsed() }, text))
    }

    fn places(&self, scratch: &Path, scenario: Option<&Scenario>) -> Places {
        let programs = scenario.and_then(|scenario| {
            let folder = scenario.folder.join(scenario.programs.as_ref()?);
            Some(std::fs::canonicalize(&folder).unwrap_or(folder))
        });
        // Two runtimes share what is compiled, so there is always a place for it.
        let cache = self.config.cache_dir.clone().unwrap_or_else(|| scratch.join("cache"));
        Places { cache: Some(cache), scratch: scratch.to_owned(), programs }
    }
}
