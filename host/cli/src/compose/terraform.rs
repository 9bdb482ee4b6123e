//! Terraform, lent what it may use.

use std::path::PathBuf;
use std::sync::Arc;

use ss_provider::Provider;
use ss_secret::Scrubber;
use ss_telemetry::{Settings, traceparent};
use ss_terraform::{PROVIDER, Setup, Terraform, TraceParent};

/// What it may do, for the journal.
pub const RIGHTS: &str =
    "may run the installed `terraform` outside the sandbox, with the person's own rights";

/// Terraform as a provider of a command such as `ss deploy`. It inherits the person's environment, keys of
/// providers included: those are what Terraform's own providers expect there.
pub fn terraform(home: PathBuf, scrubber: &Arc<Scrubber>, command: &'static str) -> Arc<dyn Provider> {
    Arc::new(Terraform::new(Setup {
        home,
        environment: ss_capability_process::inherited_environment(|_| false),
        scrubber: Arc::clone(scrubber),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        trace_parent: trace_parent(command),
    }))
}

/// Where its own trace belongs, if traces are asked for.
fn trace_parent(command: &'static str) -> TraceParent {
    let variable = |name: &str| std::env::var(name).ok();
    let traced = matches!(Settings::from_environment(&variable), Ok(Some(_)));
    Arc::new(move |run, service| {
        let run = run.parse().ok().filter(|_| traced)?;
        Some(traceparent(run, command, service, PROVIDER))
    })
}
