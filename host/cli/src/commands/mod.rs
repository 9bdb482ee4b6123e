//! One file per command.

pub mod approve;
pub mod auth;
pub mod catalog;
pub mod cost;
pub mod deploy;
pub mod destroy;
pub mod doctor;
pub mod drift;
pub mod graph;
pub mod inspect;
pub mod logs;
pub mod plan;
pub mod plugin;
pub mod provision;
pub mod reference;
pub mod registry;
pub mod remote;
pub mod resolve;
pub mod rollback;
pub mod server;
pub mod services;
pub mod validate;
pub mod vault;
