//! What the MCP server is lent: systems opened as every command opens them, and the commands' own reports.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use ss_secret::Scrubber;
use ss_server::{Composition, Opened, Opening, Refusal, Report};

use super::project::{LOCAL, Project, Purpose};
use crate::args::{self, GraphCommand, PinCommand, PinScope, PluginCommand, RegistryCommand, VaultCommand};
use crate::commands;
use crate::error::CommandError;
use crate::render::diagnostics;
use crate::ui::Ui;

/// How many services a tool works on at once.
const PARALLELISM: usize = 8;

/// One system, for agents.
pub struct Agents {
    file: PathBuf,
    scrubber: Arc<Scrubber>,
}

impl Agents {
    /// For the system of this file.
    pub fn new(file: PathBuf, scrubber: Arc<Scrubber>) -> Self {
        Self { file, scrubber }
    }

    /// As a command line would name the system.
    fn system(&self, environment: &str) -> args::System {
        let env = (environment != LOCAL).then(|| environment.to_owned());
        args::System { file: self.file.clone(), env }
    }

    fn place(&self, environment: &str) -> args::Place {
        args::Place { file: self.file.clone(), env: Some(environment.to_owned()) }
    }
}

#[async_trait]
impl Composition for Agents {
    async fn open(&self, opening: Opening) -> Result<Opened, Refusal> {
        let ui = Ui::captured(Arc::clone(&self.scrubber));
        let purpose =
            Purpose { scope: opening.scope, parallelism: PARALLELISM, ..Purpose::looking(opening.command) };
        let opened = Project::open(&ui, &self.scrubber, &self.system(&opening.environment), purpose).await;
        let project = opened.map_err(|error| refusal(&ui, error))?;
        Ok(Opened {
            local: project.local,
            system: project.system,
            engine: project.engine,
            workspace: project.workspace,
        })
    }

    async fn check(&self, environment: &str, yaml: String) -> Result<Value, Refusal> {
        let ui = Ui::captured(Arc::clone(&self.scrubber));
        let overlay_path = ss_config::overlay_path(&self.file, environment);
        let overlay = std::fs::read(&overlay_path).ok();
        let overlay = overlay.as_deref().map(|bytes| (&*overlay_path, bytes));
        let loaded = ss_config::load_bytes((&self.file, yaml.as_bytes()), overlay, environment);
        if loaded.system.is_none() {
            return Ok(diagnostics::document(&loaded.sources, &loaded.diagnostics));
        }
        let purpose = Purpose::looking("starsystem_validate_yaml");
        match Project::open_loaded(&ui, &self.scrubber, loaded, &self.file, purpose).await {
            Ok(project) => Ok(diagnostics::document(&project.sources, &project.findings)),
            // What is wrong with the text has been told as a document.
            Err(error) if error.message.is_none() => {
                Ok(ui.captured_document().unwrap_or_else(|| json!({ "valid": false, "findings": [] })))
            }
            Err(error) => Err(refusal(&ui, error)),
        }
    }

    async fn report(&self, environment: &str, report: Report) -> Result<Value, Refusal> {
        let ui = Ui::captured(Arc::clone(&self.scrubber));
        let scrubber = Arc::clone(&self.scrubber);
        let (system, place) = (self.system(environment), self.place(environment));
        // Commands bring a runtime of their own, which may not stand within another.
        let task = tokio::task::spawn_blocking(move || {
            let made = make(&ui, &scrubber, system, place, report);
            (ui, made)
        });
        let (ui, made) = task.await.map_err(|error| Refusal::of(&error))?;
        let document = ui.captured_document();
        match (made, document) {
            (Ok(()), Some(document)) => Ok(document),
            // It ran and found something wrong, which its document says.
            (Err(error), Some(document)) if error.message.is_none() => Ok(document),
            (Err(error), _) => Err(refusal(&ui, error)),
            (Ok(()), None) => Err(Refusal::new("the report is empty")),
        }
    }
}

/// Runs the command that makes a report.
fn make(
    ui: &Ui,
    scrubber: &Arc<Scrubber>,
    system: args::System,
    place: args::Place,
    report: Report,
) -> Result<(), CommandError> {
    let plugin = |command| {
        let arguments = args::Plugin { command };
        commands::plugin::run(ui, scrubber, &arguments)
    };
    let receipts = |id: Option<String>, list: bool, verify: bool| {
        let arguments = args::Inspect { id, place: place.clone(), list, state: false, calls: false, verify };
        commands::inspect::run(ui, &arguments)
    };
    match report {
        Report::Catalog { provider } => commands::catalog::run(ui, scrubber, &args::Catalog { provider }),
        Report::PluginSearch { word } => plugin(PluginCommand::Registry(RegistryCommand::Search { word })),
        Report::PluginInfo { plugin: name } => {
            plugin(PluginCommand::Registry(RegistryCommand::Info { plugin: name }))
        }
        Report::PluginVerify => {
            let scope = PinScope { file: system.file.clone(), env: system.env.clone() };
            plugin(PluginCommand::Pins(PinCommand::Verify { scope }))
        }
        Report::VaultKeys => {
            let env = system.env.clone().unwrap_or_else(|| LOCAL.to_owned());
            let scope = args::VaultScope { env, file: system.file.clone() };
            commands::vault::run(ui, scrubber, &args::Vault { command: VaultCommand::List { scope } })
        }
        Report::Logs { service, lines } => {
            let arguments = args::Logs { service, system, follow: false, lines, since: None };
            commands::logs::run(ui, scrubber, &arguments)
        }
        Report::Graph => {
            let format = args::DiagramFormat::Mermaid;
            let render = args::RenderGraph { system, services: false, format, out: None };
            commands::graph::run(ui, scrubber, &args::Graph { command: GraphCommand::Render(render) })
        }
        Report::Doctor => commands::doctor::run(ui, scrubber, &args::Doctor { system, fix: None }),
        Report::Receipts => receipts(None, true, false),
        Report::Receipt { run } => receipts(run, false, false),
        Report::VerifyReceipts => receipts(None, false, true),
    }
}

/// A command's failure, for an agent. What it would have printed as a document goes along.
fn refusal(ui: &Ui, error: CommandError) -> Refusal {
    Refusal {
        message: error.message.unwrap_or_else(|| "the configuration has errors".to_owned()),
        details: error.details,
        causes: error.causes,
        hints: error.hints,
        document: ui.captured_document().map(Box::new),
    }
}
