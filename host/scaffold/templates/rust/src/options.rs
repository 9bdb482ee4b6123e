//! The service's options. `options.schema.json` is derived from them by a test.

use serde::Deserialize;

/// Options of a widget.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ss_sdk::schema::JsonSchema), schemars(crate = "ss_sdk::schema::schemars"))]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// How large the widget is.
    #[serde(default = "one")]
    #[cfg_attr(test, schemars(range(min = 1, max = 100)))]
    pub size: u32,
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SS_UPDATE_SCHEMA=1 cargo test` writes the file anew.
    #[test]
    fn the_schema_is_that_of_the_options() {
        ss_sdk::schema::assert_written::<Options>("options.schema.json");
    }
}
