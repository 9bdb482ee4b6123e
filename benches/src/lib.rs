//! What the benches measure with: systems of any size, a provider in memory, the built-in plugins.
//!
//! Each file in `benches/` measures one noun, and its comment names the budget. Here belongs what more than
//! one of them needs; what is measured belongs there.

mod cloud;
mod guest;
mod system;

pub use cloud::{Cloud, EmptyStore};
pub use guest::{operation, runtime, services};
pub use system::{SIZES, yaml};

use ss_registry::{PluginName, Registry, VerifiedPlugin};

/// Every built-in plugin at its newest version, loaded from the registry in this binary and verified.
///
/// # Panics
/// If the embedded registry is damaged.
pub fn built_in() -> Vec<VerifiedPlugin> {
    let registry = Registry::official();
    names(&registry).iter().map(|name| load(&registry, name)).collect()
}

/// The plugins of a registry.
///
/// # Panics
/// If the registry cannot be read.
#[expect(clippy::expect_used, reason = "a bench without its subject is a bug")]
pub fn names(registry: &Registry) -> Vec<PluginName> {
    registry.plugins().expect("the embedded registry is readable")
}

/// The newest release of a plugin, verified: what every process does for each plugin that it uses.
///
/// # Panics
/// If it does not verify.
#[expect(clippy::expect_used, reason = "a bench without its subject is a bug")]
pub fn load(registry: &Registry, name: &PluginName) -> VerifiedPlugin {
    let newest = registry.newest(name).expect("it has a usable release");
    registry.load(name, &newest).expect("it verifies")
}
