//! Resources: the system's file, its recorded state, and the receipts.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::{Value, json};
use ss_engine::Scope;

use crate::answer::scrubbed;
use crate::composition::{Refusal, Report};
use crate::marked::{mark, untrusted};
use crate::server::Shared;

const YAML: &str = "starsystem://system/yaml";
const STATE: &str = "starsystem://system/state";
const RECEIPTS: &str = "starsystem://receipts";
const JSON: &str = "application/json";

/// Those that can be listed: address, name, meaning.
pub(crate) const RESOURCES: &[(&str, &str, &str)] = &[
    (YAML, "starsystem.yaml", "The system's file, as marked text."),
    (STATE, "Recorded state", "What is recorded of every service, as `starsystem_read_system` sees it."),
    (RECEIPTS, "Receipts", "The runs of this system, newest first."),
];
/// One receipt.
pub(crate) const RECEIPT_TEMPLATE: &str = "starsystem://receipts/{run}";

pub(crate) fn list() -> Vec<Resource> {
    let resource = |(uri, name, description): &(&str, &str, &str)| {
        Resource::new(*uri, *name).with_description(*description).with_mime_type(JSON)
    };
    RESOURCES.iter().map(resource).collect()
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(RECEIPT_TEMPLATE, "Receipt")
            .with_description("What one run did.")
            .with_mime_type(JSON),
    ]
}

pub(crate) async fn read(shared: &Shared, uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let Some(read) = content(shared, uri).await else {
        return Err(ErrorData::resource_not_found("there is no such resource", None));
    };
    let value = read.map_err(|refusal| {
        let data = scrubbed(&shared.config.scrubber, mark(refusal.to_json()));
        ErrorData::internal_error("the resource cannot be read", Some(data))
    })?;
    let text = format!("{:#}", scrubbed(&shared.config.scrubber, value));
    let contents = ResourceContents::text(text, uri).with_mime_type(JSON);
    Ok(ReadResourceResponse::Complete(ReadResourceResult::new(vec![contents])))
}

async fn content(shared: &Shared, uri: &str) -> Option<Result<Value, Refusal>> {
    let report = |report| async {
        let environment = &shared.config.environment;
        shared.config.composition.report(environment, report).await.map(mark)
    };
    Some(match uri {
        YAML => shared.read_file().map(|text| json!({ "yaml": untrusted(text) })),
        STATE => state(shared).await,
        RECEIPTS => report(Report::Receipts).await,
        _ => {
            let run = uri.strip_prefix(RECEIPTS)?.strip_prefix('/')?.to_owned();
            report(Report::Receipt { run: Some(run) }).await
        }
    })
}

async fn state(shared: &Shared) -> Result<Value, Refusal> {
    let environment = &shared.config.environment;
    let opened = shared.open(environment, "starsystem://system/state", Scope::Everything).await?;
    Ok(mark(json!(opened.engine.overview()?)))
}
