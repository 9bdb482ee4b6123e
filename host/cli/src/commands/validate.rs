//! `ss validate`: the files, and every provider's options.

use std::sync::Arc;

use ss_secret::Scrubber;

use crate::args;
use crate::compose::{Project, Purpose, tokio_runtime};
use crate::error::CommandError;
use crate::render::diagnostics;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Validate) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let project = Project::open(ui, scrubber, &arguments.system, Purpose::looking("ss validate")).await?;
        for (source, services) in &project.system.files {
            let name = project.sources.name(*source);
            ui.line(&format!("{} {name} ({services} services)", ui.paint(Style::Good, "✓")));
        }
        ui.line("Configuration is valid.");
        ui.document(&diagnostics::document(&project.sources, &project.findings));
        Ok(())
    })
}
