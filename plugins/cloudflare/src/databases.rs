//! D1 databases. Their rows are none of this plugin's business.

use serde_json::{Value, json};
use ss_sdk::{Change, Credential, Failure};

use crate::account::Thing;
use crate::api::{Api, segment, text};
use crate::options::{Kind, Options};
use crate::site::{Site, changed};

/// D1 databases.
pub static DATABASE: Database = Database;

/// D1 databases.
pub struct Database;

impl Thing for Database {
    fn kind(&self) -> Kind {
        Kind::D1
    }

    fn noun(&self) -> &'static str {
        "D1 database"
    }

    fn folder(&self) -> &'static str {
        "d1/database"
    }

    fn members(&self) -> (&'static str, &'static str) {
        ("uuid", "name")
    }

    fn longest_name(&self) -> usize {
        63
    }

    fn named(&self, api: &Api<'_, '_>, folder: &str, name: &str) -> Result<Option<Value>, Failure> {
        let databases = api.list(folder, &[("name", name)], 1000, "list the databases")?;
        // The search finds parts of names too.
        let Some(found) = databases.into_iter().find(|database| text(database, "name") == name) else {
            return Ok(None);
        };
        // The list leaves out how it is replicated.
        let whole = api.find(&format!("{folder}/{}", segment(text(&found, "uuid"))?), "read the database")?;
        Ok(Some(whole.unwrap_or(found)))
    }

    fn creation(&self, options: &Options, name: &str) -> Value {
        let mut body = json!({ "name": name });
        if let Some(location) = &options.location {
            body["primary_location_hint"] = json!(location);
        }
        if let Some(jurisdiction) = &options.jurisdiction {
            body["jurisdiction"] = json!(jurisdiction);
        }
        body
    }

    fn changes(&self, site: &Site<'_, '_>, _: &str, database: &Value) -> Result<Vec<Change>, Failure> {
        let mode = &database["read_replication"]["mode"];
        Ok(changed("read_replication", mode, site.options.read_replication.clone()).into_iter().collect())
    }

    fn apply(&self, site: &Site<'_, '_>, path: &str, change: &Change) -> Result<(), Failure> {
        let body = json!({ "read_replication": { "mode": change.after } });
        site.api.patch(path, Some(&body), "change the replication").map(drop)
    }

    fn credentials(&self, site: &Site<'_, '_>, _: &str) -> Result<Vec<Credential>, Failure> {
        Ok(vec![
            Credential::public("D1_DATABASE_ID", site.known.id.clone()),
            Credential::public("D1_DATABASE_NAME", site.known.name.clone()),
            Credential::public("D1_ACCOUNT_ID", site.known.account_id.clone()),
        ])
    }
}
