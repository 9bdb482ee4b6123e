//! What the provider says about itself.

use serde_json::{Value, json};
use ss_provider::{Description, Identity};

/// The name by which a file asks for it.
pub const PROVIDER: &str = "terraform";

const EXAMPLE: &str = "\
services:
  site:
    type: cdn
    target:
      type: terraform
      module: infra/site
      variables:
        bucket_name: my-app-site
";

pub(crate) fn description() -> Description {
    Description {
        provider: PROVIDER.to_owned(),
        summary: "a Terraform module, by the Terraform or OpenTofu that is installed".to_owned(),
        requires_api_key: false,
        vault_keys: Vec::new(),
        options_schema: schema(),
        shapes: Vec::new(),
        example: EXAMPLE.to_owned(),
    }
}

/// It is part of this program, so its version is the program's and there is no file to take a digest of.
pub(crate) fn identity(version: &str) -> Identity {
    Identity {
        name: PROVIDER.to_owned(),
        version: version.to_owned(),
        digest: "built-in".to_owned(),
        development: false,
    }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Options of terraform",
        "type": "object",
        "additionalProperties": false,
        "required": ["module"],
        "properties": {
            "module": {
                "description": "Folder of the root module, relative to `starsystem.yaml`.",
                "type": "string",
                "minLength": 1,
                "x-home-path": true
            },
            "variables": {
                "description": "Values of the module's variables. Lists and maps are handed over as such.",
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" },
                "additionalProperties": { "x-sealed": true }
            },
            "outputs": {
                "description": "Credentials and the outputs that they are. Default: every output, in upper case.",
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "additionalProperties": { "type": "string", "minLength": 1 }
            },
            "backend": {
                "description": "Settings for the backend that the module declares; kept in the open.",
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "additionalProperties": { "type": ["string", "number", "boolean"] }
            }
        }
    })
}
