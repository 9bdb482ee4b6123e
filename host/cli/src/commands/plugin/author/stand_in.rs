//! `ss plugin stand-in`: a pretend API.

use ss_scaffold::StandIn;

use crate::error::CommandError;
use crate::ui::Ui;

/// Runs the command, until the process is ended.
pub fn run(ui: &Ui, port: u16) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::caused_by(format!("cannot pretend to be an API on port {port}"), &error)
    };
    let stand_in = StandIn::bind(port).map_err(|error| {
        failed(error).hint("another program may have the port; `--port` takes another one")
    })?;
    ui.note(&format!("pretending to be an API at {}; Ctrl-C ends it", stand_in.url().map_err(failed)?));
    let watched = ui.clone();
    stand_in.serve(move |line| watched.note(line)).map_err(failed)
}
