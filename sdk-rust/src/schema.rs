//! The options' JSON Schema, derived from their Rust type (feature `schema`).
//!
//! A component stays small when its schema is a file that it includes, and a schema stays true when nobody
//! writes it by hand. So the type is derived in tests only, and a test holds the file to it:
//!
//! ```
//! use serde::Deserialize;
//! use ss_sdk::schema::JsonSchema;
//!
//! /// Options of a widget.
//! #[derive(Deserialize, JsonSchema)] // in a plugin: `#[cfg_attr(test, derive(JsonSchema))]`
//! #[schemars(crate = "ss_sdk::schema::schemars")]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// How large the widget is.
//!     #[schemars(range(min = 1, max = 100))]
//!     size: u32,
//!     /// Signs what the widget sends.
//!     #[schemars(extend("x-sealed" = true))]
//!     webhook_secret: Option<String>,
//! }
//!
//! let schema = ss_sdk::schema::of::<Options>();
//! assert_eq!(schema["properties"]["size"]["maximum"], 100);
//! assert_eq!(schema["properties"]["webhook_secret"]["x-sealed"], true);
//! assert_eq!(schema["required"][0], "size");
//! ```
//!
//! The plugin enables the feature for its tests alone, and includes the file:
//!
//! ```toml
//! [dev-dependencies]
//! ss-sdk = { path = "vendor/sdk-rust", features = ["schema"] }
//! ```
//!
//! ```ignore
//! options_schema: include_str!("../options.schema.json").into(),
//! ```

use std::path::Path;

pub use schemars::{self, JsonSchema};
use serde_json::Value;

/// Set to anything, this variable makes [`assert_written`] write the file.
const UPDATE: &str = "SS_UPDATE_SCHEMA";

/// The JSON Schema (2020-12) of a type, whole: what it refers to stands inside it.
pub fn of<Options: JsonSchema>() -> Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Options>().to_value()
}

/// The schema as the file holds it: indented, with a line end.
pub fn text_of<Options: JsonSchema>() -> String {
    format!("{:#}\n", of::<Options>())
}

/// Holds a file, named from the plugin's folder on, to the schema of a type. For tests:
/// `SS_UPDATE_SCHEMA=1 cargo test` writes the file instead.
///
/// # Panics
///
/// If the file is not there or holds another schema.
#[track_caller]
pub fn assert_written<Options: JsonSchema>(file: impl AsRef<Path>) {
    let file = file.as_ref();
    let current = text_of::<Options>();
    if std::env::var_os(UPDATE).is_some() {
        let written = std::fs::write(file, &current);
        assert!(written.is_ok(), "`{}` cannot be written: {written:?}", file.display());
        return;
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let same = serde_json::from_str::<Value>(&written).is_ok_and(|written| written == of::<Options>());
    assert!(
        same,
        "`{}` is not the schema of the options; `{UPDATE}=1 cargo test` writes it anew. It would be:\n{current}",
        file.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Inner {
        flag: bool,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Outer {
        inner: Inner,
        /// Where it runs.
        region: Option<String>,
    }

    #[test]
    fn a_schema_is_whole() {
        let schema = of::<Outer>();
        assert_eq!(schema["properties"]["inner"]["properties"]["flag"]["type"], "boolean");
        assert_eq!(schema["properties"]["region"]["description"], "Where it runs.");
        assert!(!schema.to_string().contains("$ref"), "{schema}");
    }

    #[test]
    fn a_file_that_differs_is_noticed_and_layout_is_not() {
        let folder = std::env::temp_dir().join(format!("ss-sdk-schema-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("options.schema.json");
        std::fs::write(&file, of::<Outer>().to_string()).expect("a file");
        assert_written::<Outer>(&file);
        let stale = std::panic::catch_unwind(|| assert_written::<Inner>(&file));
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(stale.is_err());
    }
}
