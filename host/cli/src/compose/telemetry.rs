//! The trace of a run that has ended, for the collector that the environment names.

use ss_engine::History;
use ss_telemetry::{Settings, Trace, encode, export};
use uuid::Uuid;

use super::Project;
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// Sends the trace of a run, if the environment asks for it.
///
/// The run is over whatever happens here: what goes wrong is one line for a person.
pub async fn trace(ui: &Ui, project: &Project, run: Uuid) {
    if let Err(error) = send(ui, project, run).await {
        let reasons = error.message.into_iter().chain(error.causes);
        ui.note(&ui.paint(Style::Dim, &format!("note: {}", reasons.collect::<Vec<_>>().join(": "))));
    }
}

async fn send(ui: &Ui, project: &Project, run: Uuid) -> Result<(), CommandError> {
    let variable = |name: &str| std::env::var(name).ok();
    let settings = Settings::from_environment(&variable).map_err(|error| CommandError::of(&error))?;
    let Some(settings) = settings else { return Ok(()) };
    settings.headers.iter().for_each(|(_, value)| ui.hide(value));
    let system = &project.system;
    let history = History::new(&home::home()?, &system.project, Some(&system.environment));
    // A run whose results could not be written has no receipt yet.
    let Ok(receipt) = history.find(Some(&run.to_string())) else { return Ok(()) };
    let body = encode(&Trace::of(&receipt), env!("CARGO_PKG_VERSION"), &|text| ui.scrub(text));
    export(settings, body).await.map_err(|error| CommandError::of(&error))
}
