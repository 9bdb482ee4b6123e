//! One file per command.

pub mod auth;
pub mod catalog;
pub mod cost;
pub mod graph;
pub mod logs;
pub mod plugin;
pub mod provision;
pub mod reference;
pub mod registry;
pub mod remote;
pub mod services;
pub mod validate;
pub mod vault;
