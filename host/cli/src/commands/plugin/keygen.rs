//! `ss plugin keygen`: a key that signs releases.

use std::path::Path;

use serde_json::json;

use crate::commands::registry::keys;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, file: &Path) -> Result<(), CommandError> {
    let key = keys::make(file)?;
    let public = keys::public_file(file);
    ui.line(&format!(
        "{} {} (private: keep it, and a copy of it)",
        ui.paint(Style::Good, "✓"),
        file.display()
    ));
    ui.line(&format!("{} {}", ui.paint(Style::Good, "✓"), public.display()));
    ui.line(&format!("  public key  {}", key.to_hex()));
    ui.line(&format!("  id          {}", key.id()));
    ui.note(&format!(
        "next: whoever runs the registry gives it a namespace: `ss registry delegate <registry> <namespace> --public-key {} --registry-keys <folder>`",
        public.display()
    ));
    ui.document(
        &json!({ "publicKey": key.to_hex(), "id": key.id().to_string(), "file": file.display().to_string() }),
    );
    Ok(())
}
