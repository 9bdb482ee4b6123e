//! `ss graph`: the system as a diagram.

use std::sync::Arc;

use serde_json::json;
use ss_secret::Scrubber;

use crate::args::{self, DiagramFormat, GraphCommand};
use crate::compose::{Project, Purpose, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::render::diagram::{Diagram, dot, mermaid, svg};
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Graph) -> Result<(), CommandError> {
    let GraphCommand::Render(arguments) = &arguments.command;
    tokio_runtime()?.block_on(async {
        let project =
            Project::open(ui, scrubber, &arguments.system, Purpose::looking("ss graph render")).await?;
        let overview = project.engine.overview().map_err(|error| engine_error(&error))?;
        let diagram = Diagram::new(&overview, arguments.services);
        let (format, source) = match arguments.format {
            DiagramFormat::Mermaid => ("mermaid", mermaid(&diagram)),
            DiagramFormat::Dot => ("dot", dot(&diagram)),
            DiagramFormat::Svg => ("svg", svg(&diagram)),
        };
        if let Some(path) = &arguments.out {
            let text = ui.scrub(&source);
            ss_durable::replace(path, text.as_bytes()).map_err(|error| {
                CommandError::caused_by(format!("cannot write `{}`", path.display()), &error)
            })?;
            ui.note(&format!("written to {}", path.display()));
        } else if !ui.json {
            ui.line(source.trim_end());
        }
        ui.document(&json!({ "format": format, "source": source, "system": overview }));
        Ok(())
    })
}
