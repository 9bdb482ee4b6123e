//! `ss registry`: which registries this machine uses, and running one.

mod add;
pub mod desk;
pub mod keys;
mod list;
mod run_one;

use crate::args::{RegistriesCommand, Registry};
use crate::error::CommandError;
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, arguments: &Registry) -> Result<(), CommandError> {
    match &arguments.command {
        RegistriesCommand::Add { url, root_sha256, name, namespaces } => {
            add::run(ui, url, root_sha256.as_deref(), name.as_deref(), namespaces)
        }
        RegistriesCommand::List => list::run(ui),
        RegistriesCommand::Remove { name } => list::remove(ui, name),
        RegistriesCommand::Init { folder, keys, namespace } => run_one::init(ui, folder, keys, namespace),
        RegistriesCommand::Delegate { to, namespace, keys, threshold, retired, registry_keys } => {
            run_one::delegate(ui, to, registry_keys, namespace, keys, *threshold, retired)
        }
        RegistriesCommand::Rotate { to, role, registry_keys } => {
            run_one::rotate(ui, to, registry_keys, *role)
        }
        RegistriesCommand::Renew { to, registry_keys } => run_one::renew(ui, to, registry_keys),
        RegistriesCommand::Push { folder, to } => run_one::push(ui, folder, to),
    }
}
