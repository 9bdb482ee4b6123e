//! `ss services`: what the system consists of.

use std::sync::Arc;

use serde_json::json;
use ss_engine::Standing;
use ss_secret::Scrubber;

use crate::args::{self, ServicesCommand};
use crate::compose::{Project, Purpose, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Services) -> Result<(), CommandError> {
    let ServicesCommand::List { system } = &arguments.command;
    tokio_runtime()?.block_on(async {
        let project = Project::open(ui, scrubber, system, Purpose::looking("ss services list")).await?;
        let overview = project.engine.overview().map_err(|error| engine_error(&error))?;
        for warning in &overview.warnings {
            ui.warn(warning);
        }
        let ids = overview.services.iter().map(|service| service.id.as_str());
        let providers = overview.services.iter().filter_map(|service| service.provider.as_deref());
        let (width, column) = (widest(ids), widest(providers));
        for service in &overview.services {
            let (word, style) = match service.standing {
                Standing::Provisioned => ("provisioned", Style::Good),
                Standing::Unfinished => ("unfinished", Style::Warn),
                Standing::Pending => ("not provisioned", Style::Hint),
                Standing::Unmanaged => ("no provisioner", Style::Dim),
            };
            let provider = service.provider.as_deref().unwrap_or("−");
            let resource = service.state.as_ref().map(|state| format!("  {}", state.resource_id));
            ui.line(&format!(
                "{:width$}  {provider:column$}  {}{}",
                service.id,
                ui.paint(style, word),
                ui.paint(Style::Dim, &resource.unwrap_or_default())
            ));
        }
        ui.document(&json!(overview));
        Ok(())
    })
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(1)
}
