//! The registries of this machine, held to what a lock has seen of them.

use std::path::Path;

use ss_registry::{Floor, Lock, OFFICIAL, PluginName, Registries, RegistryPin};

use crate::error::CommandError;

/// Opens the registries. None may show an older state than the lock has seen, and each must be the one that
/// the lock means.
///
/// # Errors
/// If their list cannot be used, or a registry has another root than the lock says.
pub fn open_registries(home: &Path, lock: &Lock) -> Result<Registries, CommandError> {
    let mut registries = Registries::open(home).map_err(|error| CommandError::of(&error))?;
    for (name, pin) in lock.registries() {
        let Some(listed) = registries.listed(name) else {
            return Err(unknown(name, pin));
        };
        if name != OFFICIAL && listed.root_sha256 != pin.root_sha256 {
            return Err(CommandError::failed(format!(
                "`starsystem.lock` means a registry `{name}` with the root {}; on this machine `{name}` is {} with the root {}",
                pin.root_sha256, listed.url, listed.root_sha256
            ))
            .hint("find out which of them is right; `ss registry list` shows those of this machine"));
        }
        let floor = Floor { root_version: pin.root_version, snapshot_version: pin.snapshot_version };
        registries.require(name, floor);
    }
    Ok(registries)
}

fn unknown(name: &str, pin: &RegistryPin) -> CommandError {
    CommandError::failed(format!(
        "`starsystem.lock` pins plugins of the registry `{name}`, which this machine does not know"
    ))
    .hint(format!(
        "if you trust it: `ss registry add {} --name {name} --root-sha256 {}`; have the fingerprint confirmed by whoever runs it",
        pin.url, pin.root_sha256
    ))
    .needs_approval()
}

/// The state of the registry that a plugin comes from, for the lock; none for what is part of this binary.
///
/// # Errors
/// If its metadata is refused.
pub fn seen(
    registries: &Registries,
    plugin: &PluginName,
) -> Result<Option<(String, RegistryPin)>, CommandError> {
    if plugin.namespace() == OFFICIAL {
        return Ok(None);
    }
    let registry = registries.of(plugin).map_err(|error| CommandError::of(&error))?;
    let Some(listed) = registries.listed(registry.name()) else { return Ok(None) };
    let Some(floor) = registry.floor().map_err(|error| CommandError::of(&error))? else { return Ok(None) };
    let pin = RegistryPin {
        url: listed.url,
        root_sha256: listed.root_sha256,
        root_version: floor.root_version,
        snapshot_version: floor.snapshot_version,
    };
    Ok(Some((listed.name, pin)))
}
