//! `ss plugin vendor`: the pinned plugins in a folder, for places without a network.

use std::path::Path;

use super::Opened;
use crate::args::PinScope;
use crate::error::CommandError;
use crate::ui::Ui;

/// Runs the command.
#[expect(clippy::unused_async, reason = "fetches what is not here")]
pub async fn run(ui: &Ui, _folder: &Path, scope: &PinScope) -> Result<(), CommandError> {
    let _opened = Opened::new(ui, scope)?;
    Err(CommandError::failed("not there yet"))
}
