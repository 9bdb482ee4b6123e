//! `ss plugin yank`: takes a release back, or the taking back.

use serde_json::json;
use ss_registry::{MarkError, MarkKind, Timestamp};

use super::plugin_name;
use crate::args::Keeper;
use crate::commands::registry::desk::Desk;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command; without a kind it undoes a yank.
pub fn run(
    ui: &Ui,
    plugin: &str,
    version: &str,
    keeper: &Keeper,
    kind: Option<MarkKind>,
    reason: &str,
) -> Result<(), CommandError> {
    let plugin = plugin_name(plugin)?;
    let version = version
        .parse()
        .map_err(|error| CommandError::usage(format!("`{version}` is not a version: {error}")))?;
    let desk = Desk::open(keeper)?;
    desk.check_keys(plugin.namespace())?;
    let now = Timestamp::now();
    let changed =
        ss_registry::mark(desk.folder(), &plugin, &version, kind, reason, &now).map_err(|error| {
            let command_error = CommandError::of(&error);
            match error {
                MarkError::UnknownVersion { .. } => {
                    command_error.hint(format!("`ss plugin info {plugin}` lists them"))
                }
                _ => command_error,
            }
        })?;
    desk.seal(now)?;
    desk.finish()?;
    let what = match kind {
        Some(MarkKind::Yanked) => "yanked: nobody starts to use it, who has it pinned may go on",
        Some(MarkKind::Revoked) => "revoked: nobody may use it any more",
        None => "no longer yanked",
    };
    let glyph = if changed { ui.paint(Style::Good, "✓") } else { "·".to_owned() };
    ui.line(&format!("{glyph} {plugin} {version} {what}"));
    ui.document(&json!({ "name": plugin.to_string(), "version": version.to_string(), "changed": changed }));
    Ok(())
}
