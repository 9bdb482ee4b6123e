//! Writes what a run achieved where the next one looks: the vault, then the overlay's `_state`.
//!
//! Each step is idempotent, so that a run that was cut before its `commit` record is committed by the next.

use serde_json::Value;
use ss_config::{StateError, Written};

use crate::core::Core;
use crate::error::{EngineError, with_causes};
use crate::store::StateChanges;

/// What became of the overlay.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// It was edited.
    pub overlay: bool,
    /// It could not be edited safely. The vault has the states all the same, so that this stops nothing.
    pub warning: Option<String>,
}

impl Core {
    /// Writes the states. Without an overlay the vault alone has them (contract row R26).
    pub(crate) fn commit(&self, changes: &StateChanges) -> Result<Committed, EngineError> {
        if changes.is_empty() {
            return Ok(Committed::default());
        }
        self.store.put_states(changes)?;
        self.write_overlay(changes)
    }

    /// Writes the states of the services that the file still has into the overlay alone.
    pub(crate) fn write_overlay(&self, changes: &StateChanges) -> Result<Committed, EngineError> {
        let Some(overlay) = &self.system.overlay else { return Ok(Committed::default()) };
        let failed = |reason: String| EngineError::Overlay { reason };
        let mut values: Vec<(&str, Option<Value>)> = Vec::with_capacity(changes.len());
        for (service, state) in changes.iter().filter(|(service, _)| self.index.contains_key(*service)) {
            let value = state.as_ref().map(serde_json::to_value).transpose();
            values.push((service, value.map_err(|error| failed(error.to_string()))?));
        }
        let values: Vec<(&str, Option<&Value>)> =
            values.iter().map(|(service, value)| (*service, value.as_ref())).collect();
        match ss_config::write_states(overlay, &values) {
            Ok(written) => Ok(Committed { overlay: written == Written::Changed, warning: None }),
            Err(error @ StateError::Refused { .. }) => {
                Ok(Committed { overlay: false, warning: Some(by_hand(&error)) })
            }
            Err(error) => Err(failed(with_causes(&error))),
        }
    }
}

fn by_hand(error: &StateError) -> String {
    match error {
        StateError::Refused { patch, .. } if !patch.is_empty() => {
            format!("{error}; the vault has it; to have it in the file too, add:\n{patch}")
        }
        _ => format!("{error}; the vault has it"),
    }
}
