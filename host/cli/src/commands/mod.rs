//! One file per command.

pub mod catalog;
pub mod plugin;
pub mod provision;
pub mod reference;
pub mod validate;
pub mod vault;
