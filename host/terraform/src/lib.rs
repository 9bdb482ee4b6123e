//! Terraform targets: a provider that runs the person's own Terraform (or OpenTofu) on a module.
//!
//! A service goes through it like one of any plugin: planned by `terraform plan`, provisioned by
//! `terraform apply`, its outputs kept as credentials, compared by a plan that only refreshes, torn down by
//! `terraform destroy`. It is no plugin: Terraform runs outside the sandbox, with the person's rights, and
//! whoever names a module trusts it.
//!
//! Threat: what Terraform and its providers print, and what a module's state says, is text of strangers with
//! secrets in it. Sensitive outputs go to the vault and nowhere else, everything shown passes the scrubber,
//! secrets reach Terraform through its environment and never through its arguments.
//!
//! Here belongs running Terraform and reading what it says. Here does not belong: when to run it (the
//! engine), and anything about a particular Terraform provider.

mod describe;
mod events;
mod failure;
mod folder;
mod inputs;
mod outputs;
mod plan;
mod program;
mod provider;

pub use describe::PROVIDER;
pub use provider::{Setup, Terraform, TraceParent};
