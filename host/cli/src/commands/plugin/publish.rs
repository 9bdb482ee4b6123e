//! `ss plugin publish`: signs a component and adds it to a registry.

use std::path::Path;

use serde_json::json;
use ss_registry::{Digest, Draft, MAX_COMPONENT, NotADigest, PublishError, Published, Publisher, Timestamp};

use crate::args::Keeper;
use crate::commands::registry::desk::Desk;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(
    ui: &Ui,
    component: &Path,
    keeper: &Keeper,
    namespace: Option<&str>,
    source: Option<&str>,
) -> Result<(), CommandError> {
    let bytes = read(component)?;
    let digest = Digest::of(&bytes);
    let source = match source {
        Some(text) => text.parse().map_err(|error: NotADigest| {
            CommandError::usage(format!("`--source-digest {text}` is no digest: {error}"))
        })?,
        None => digest,
    };
    let desk = Desk::open(keeper)?;
    let namespace = desk.namespace(namespace)?;
    desk.check_keys(&namespace)?;
    let now = Timestamp::now();
    let keys = desk.publisher_keys();
    let publisher = Publisher { root: desk.folder(), keys: &keys, replace: false };
    let draft = Draft { namespace: &namespace, component: bytes, source, published: now.clone() };
    let (line, outcome) = publisher.publish(draft).map_err(|error| refused(component, &error))?;
    desk.seal(now)?;
    desk.finish()?;

    let plugin = format!("{}/{}", line.ns, line.n);
    match outcome {
        Published::Unchanged => ui.line(&format!("{plugin} {} is published already", line.v)),
        Published::Added | Published::Replaced => {
            ui.line(&format!(
                "{} {plugin} {} published to {}",
                ui.paint(Style::Good, "✓"),
                line.v,
                keeper.to
            ));
        }
    }
    ui.line(&format!("  digest     {}", line.digest));
    ui.line(&format!("  statement  {}", line.statement_digest));
    ui.line(&format!("  size       {} bytes", line.size));
    ui.document(&json!({
        "name": plugin,
        "version": line.v.to_string(),
        "digest": line.digest.to_string(),
        "statement": line.statement_digest.to_string(),
        "size": line.size,
        "added": outcome != Published::Unchanged,
    }));
    Ok(())
}

fn read(component: &Path) -> Result<Vec<u8>, CommandError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(component)
        .and_then(|file| file.take(MAX_COMPONENT + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            CommandError::caused_by(format!("cannot read `{}`", component.display()), &error)
                .hint("`ss plugin build` makes the component")
        })?;
    Ok(bytes)
}

fn refused(component: &Path, error: &PublishError) -> CommandError {
    let command_error = CommandError::caused_by(format!("`{}` is not published", component.display()), error);
    match error {
        PublishError::Taken { .. } => command_error
            .hint("a published version never changes; raise `version` in `plugin.toml` and build again"),
        PublishError::Component(_) => {
            command_error.hint("`ss plugin build` makes a component with its manifest inside")
        }
        _ => command_error,
    }
}
