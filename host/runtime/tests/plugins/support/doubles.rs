//! Doubles of the vault, the journal and the screen.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ss_capability_secrets::Generator;
use ss_capability_vault::Keyring;
use ss_provider::{Effect, EffectId, EffectOutcome, Effects, Progress, RequestRecord};
use ss_secret::Secret;

/// A vault in memory.
#[derive(Default)]
pub struct Vault(Mutex<BTreeMap<String, String>>);

impl Vault {
    pub fn with(key: &str, value: &str) -> Self {
        Self(Mutex::new(BTreeMap::from([(key.to_owned(), value.to_owned())])))
    }

    pub fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

impl Keyring for Vault {
    fn get(&self, key: &str) -> Result<Option<Secret>, String> {
        Ok(self.0.lock().unwrap().get(key).map(Secret::new))
    }

    fn set_provider_key(&self, provider: &str, name: &str, value: &Secret) -> Result<(), String> {
        let value = value.expose_str().unwrap().to_owned();
        self.0.lock().unwrap().insert(format!("providers:{provider}/{name}"), value);
        Ok(())
    }
}

impl Generator for Vault {
    fn generated(
        &self,
        service: &str,
        name: &str,
        make: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        let secret = make()?;
        let value = secret.expose_str().unwrap().to_owned();
        self.0.lock().unwrap().insert(format!("{service}/{name}"), value);
        Ok(secret)
    }
}

/// A journal in memory.
#[derive(Default)]
pub struct Journal {
    effects: Mutex<Vec<Effect>>,
    partials: Mutex<Vec<String>>,
}

impl Journal {
    pub fn effects(&self) -> Vec<Effect> {
        self.effects.lock().unwrap().clone()
    }

    pub fn partials(&self) -> Vec<String> {
        self.partials.lock().unwrap().clone()
    }

    pub fn text(&self) -> String {
        format!("{:?}{:?}", self.effects(), self.partials())
    }
}

impl Effects for Journal {
    fn begin(&self, effect: &Effect) -> std::io::Result<EffectId> {
        let mut effects = self.effects.lock().unwrap();
        effects.push(effect.clone());
        Ok(effects.len() as EffectId)
    }

    fn end(&self, _: EffectId, _: &EffectOutcome) {}

    fn observe(&self, _: &RequestRecord, _: &EffectOutcome) {}

    fn save_partial(&self, partial: &str) -> std::io::Result<()> {
        self.partials.lock().unwrap().push(partial.to_owned());
        Ok(())
    }
}

/// A screen in memory: one line for each message, its kind first.
#[derive(Default)]
pub struct Screen(Mutex<Vec<String>>);

impl Screen {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    fn push(&self, kind: &str, message: &str) {
        self.0.lock().unwrap().push(format!("{kind}: {message}"));
    }
}

impl Progress for Screen {
    fn step(&self, message: &str) {
        self.push("step", message);
    }

    fn waiting(&self, message: &str) {
        self.push("waiting", message);
    }

    fn log(&self, level: &str, message: &str) {
        self.push(level, message);
    }
}
