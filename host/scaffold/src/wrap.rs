//! Making a component out of a core module, as compilers without component support give it.
//!
//! The module's types come from its own `component-type` section (bindings put it there), or else from the
//! world in the project's `wit/`. What it imports of WASI preview 1 is served by the adapter, of which only
//! the used part stays. Threat: none that counts; the module is the author's own, and the component is
//! checked like a stranger's afterwards.

use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::bindings::WORLD;

/// How a core module begins; a component has another version.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// Name that the section with the types begins with.
const TYPES: &[u8] = b"component-type";

/// Why a core module makes no component.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// It says nothing about its types, and there is no usable `wit/`.
    #[error("the core module has no component types, and `wit/` gives none: {reason}")]
    NoTypes {
        /// What is wrong with `wit/`.
        reason: String,
    },
    /// It does not fit its world.
    #[error("the core module cannot be wrapped as a component: {reason}")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
}

impl WrapError {
    /// What a person can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoTypes { .. } => Some(
                "put the contract's WIT and the world `plugin` into `wit/`, as `ss plugin new` does"
                    .to_owned(),
            ),
            Self::Encode { .. } => Some(
                "it must export every function of the adapter and its memory, as the bindings do".to_owned(),
            ),
        }
    }
}

/// Whether the bytes begin as a core module.
pub fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(CORE_MODULE)
}

/// Wraps a core module. `wit` is the folder with the world, for a module that does not bring its types.
///
/// # Errors
/// If its types are unknown, or it does not fit them.
pub fn wrap(module: &[u8], wit: &Path) -> Result<Vec<u8>, WrapError> {
    let mut module = module.to_vec();
    if !brings_types(&module) {
        add_types(&mut module, wit).map_err(|reason| WrapError::NoTypes { reason })?;
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(encode)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        .map_err(encode)?
        .encode()
        .map_err(encode)
}

/// The encoder's error with what caused it.
fn encode(error: impl std::fmt::Display) -> WrapError {
    WrapError::Encode { reason: format!("{error:#}") }
}

fn brings_types(module: &[u8]) -> bool {
    module.windows(TYPES.len()).any(|bytes| bytes == TYPES)
}

fn add_types(module: &mut Vec<u8>, wit: &Path) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(|error| format!("{error:#}"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_types_says_what_is_missing() {
        let error = wrap(CORE_MODULE, Path::new("/nonexistent")).unwrap_err();
        assert!(matches!(error, WrapError::NoTypes { .. }), "{error}");
        assert!(error.help().is_some());
    }

    #[test]
    fn a_module_that_does_not_implement_the_world_is_refused() {
        let project = tempfile::tempdir().unwrap();
        for (path, content) in crate::template::project("acme", crate::Language::C) {
            let path = project.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let error = wrap(CORE_MODULE, &project.path().join("wit")).unwrap_err();
        assert!(matches!(error, WrapError::Encode { .. }), "{error}");
    }

    #[test]
    fn a_component_is_no_core_module() {
        assert!(is_core_module(CORE_MODULE));
        assert!(!is_core_module(b"\0asm\x0d\0\x01\0"));
        assert!(!is_core_module(b""));
    }
}
