//! A module's outputs: credentials for the vault, and what of them may stand in the state.
//!
//! What the module marks as sensitive goes to the vault and nowhere else; so does whatever contains a secret
//! that this run knows, marked or not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use ss_provider::{Credential, Failure, FailureKind};
use ss_secret::{Scrubber, Secret};

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    value: Value,
}

/// What outputs become.
pub(crate) struct Offered {
    pub credentials: Vec<Credential>,
    /// Those that anyone may know, by the module's own names.
    pub open: Map<String, Value>,
}

/// Reads what `terraform output -json` prints. `names` are credentials and the outputs that they are.
///
/// # Errors
/// If it cannot be read, or an output that is named does not exist.
pub(crate) fn read(
    text: &[u8],
    names: Option<&BTreeMap<String, String>>,
    scrubber: &Scrubber,
) -> Result<Offered, Failure> {
    let outputs: BTreeMap<String, Output> = serde_json::from_slice(text).map_err(|error| {
        Failure::new(FailureKind::Internal, format!("Terraform's outputs cannot be read: {error}"))
    })?;
    let every: BTreeMap<String, String>;
    let names = match names {
        Some(names) => names,
        None => {
            every = outputs.keys().map(|output| (conventional(output), output.clone())).collect();
            &every
        }
    };
    for output in outputs.values().filter(|output| output.sensitive) {
        scrubber.learn(&secret(&output.value));
    }
    let is_open = |output: &Output| !output.sensitive && !scrubber.leaks(&output.value.to_string());
    let mut credentials = Vec::new();
    for (name, wanted) in names {
        let Some(output) = outputs.get(wanted) else {
            let kind = FailureKind::InvalidConfiguration { path: format!("target.outputs.{name}") };
            let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
            return Err(Failure::new(kind, format!("the module has no output `{wanted}`"))
                .with_next_step(format!("its outputs are: {}", known.join(", "))));
        };
        if output.value.is_null() {
            continue;
        }
        let value = secret(&output.value);
        credentials.push(Credential { name: name.clone(), value, sensitive: !is_open(output) });
    }
    let open = outputs.iter().filter(|(_, output)| is_open(output) && !output.value.is_null());
    let open = open.map(|(name, output)| (name.clone(), output.value.clone())).collect();
    Ok(Offered { credentials, open })
}

/// `DATABASE_URL` of `database_url`: how credentials are named, and variables of an environment.
fn conventional(output: &str) -> String {
    output.to_ascii_uppercase().replace('-', "_")
}

fn secret(value: &Value) -> Secret {
    Secret::new(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUTS: &[u8] = br#"{
        "database_url": {"sensitive": true, "type": "string", "value": "postgres://u:hunter2hunter2@h/db"},
        "pin": {"sensitive": true, "type": "string", "value": "42"},
        "bucket-name": {"sensitive": false, "type": "string", "value": "site"},
        "note": {"sensitive": false, "type": "string", "value": "see postgres://u:hunter2hunter2@h/db"},
        "ports": {"sensitive": false, "type": ["list", "number"], "value": [80, 443]},
        "none": {"sensitive": false, "type": "string", "value": null}
    }"#;

    fn shown(offered: &Offered) -> Vec<(&str, &str, bool)> {
        let credentials = offered.credentials.iter();
        credentials.map(|one| (one.name.as_str(), one.value.expose_str().unwrap(), one.sensitive)).collect()
    }

    #[test]
    fn what_is_sensitive_or_holds_a_secret_stays_out_of_the_open() {
        let offered = read(OUTPUTS, None, &Scrubber::new()).unwrap();
        assert_eq!(
            shown(&offered),
            [
                ("BUCKET_NAME", "site", false),
                ("DATABASE_URL", "postgres://u:hunter2hunter2@h/db", true),
                ("NOTE", "see postgres://u:hunter2hunter2@h/db", true),
                // Too short for anything that looks for known secrets.
                ("PIN", "42", true),
                ("PORTS", "[80,443]", false),
            ]
        );
        assert_eq!(offered.open.keys().collect::<Vec<_>>(), ["bucket-name", "ports"]);
    }

    #[test]
    fn a_file_may_name_them() {
        let names = BTreeMap::from([("URL".to_owned(), "database_url".to_owned())]);
        let offered = read(OUTPUTS, Some(&names), &Scrubber::new()).unwrap();
        assert_eq!(shown(&offered), [("URL", "postgres://u:hunter2hunter2@h/db", true)]);
        let names = BTreeMap::from([("URL".to_owned(), "databse_url".to_owned())]);
        let failure = read(OUTPUTS, Some(&names), &Scrubber::new()).err().unwrap();
        assert!(
            failure.message.contains("`databse_url`") && failure.next_step.unwrap().contains("database_url")
        );
    }
}
