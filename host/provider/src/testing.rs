//! Doubles of what a run gives to an operation, for tests of gates and providers.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::{
    Cancel, Context, Effect, EffectId, EffectOutcome, Effects, Operation, Progress, RequestRecord, Service,
};

/// A journal in memory, which can be told to be full.
#[derive(Debug, Default)]
pub struct MemoryEffects {
    begun: Mutex<Vec<Effect>>,
    full: AtomicBool,
}

impl MemoryEffects {
    /// Every effect that began, in order.
    pub fn begun(&self) -> Vec<Effect> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on no effect may begin.
    pub fn fill(&self) {
        self.full.store(true, Ordering::SeqCst);
    }
}

impl Effects for MemoryEffects {
    fn begin(&self, effect: &Effect) -> io::Result<EffectId> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(effect.clone());
        Ok(begun.len() as EffectId)
    }

    fn end(&self, _: EffectId, _: &EffectOutcome) {}

    fn observe(&self, _: &RequestRecord, _: &EffectOutcome) {}

    fn save_partial(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// A screen that nobody watches.
#[derive(Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn step(&self, _: &str) {}

    fn waiting(&self, _: &str) {}

    fn log(&self, _: &str, _: &str) {}
}

/// A service of these options, otherwise bare.
pub fn service(id: &str, options: Value) -> Service {
    Service {
        id: id.to_owned(),
        kind: "process".to_owned(),
        name: None,
        command: None,
        options,
        options_path: "provision".to_owned(),
        env: Vec::new(),
    }
}

/// An operation on a service, and the journal that it writes.
pub fn operation(service: Service, config_dir: Option<PathBuf>) -> (Operation, Arc<MemoryEffects>) {
    let effects = Arc::new(MemoryEffects::default());
    let operation = Operation {
        context: Context {
            project: "shop".to_owned(),
            environment: "local".to_owned(),
            api_key: None,
            existing: None,
            partial: None,
            config_dir,
            idempotency_key: "0".repeat(32),
            inputs_digest: None,
        },
        service: Arc::new(service),
        seals: Arc::default(),
        effects: Arc::clone(&effects) as Arc<dyn Effects>,
        progress: Arc::new(NoProgress),
        cancel: Cancel::default(),
    };
    (operation, effects)
}
