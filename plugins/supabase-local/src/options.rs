//! The service's options, as `options.schema.json` describes them.

use serde::Deserialize;

/// Options of a Supabase stack on this machine.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Folder that holds `supabase/`.
    pub workdir: Option<String>,
    /// Containers that are not started.
    pub exclude: Vec<String>,
    /// How to install the CLI.
    pub install_hint: Option<String>,
}
