//! Which processes are a service's own: those that its recorded state names.

use serde_json::Value;
use ss_capability_process::Handle;
use ss_provider::Context;

/// Processes that are looked for in one state.
const MAX_HANDLES: usize = 16;

/// The processes that the existing and the partial state name: every JSON object in them that has a number
/// `pid` and a text `started`.
pub(crate) fn known(context: &Context) -> Vec<Handle> {
    let mut handles = Vec::new();
    if let Some(existing) = &context.existing {
        existing.metadata.values().for_each(|value| collect(value, &mut handles));
        handles.extend(handle(existing.metadata.get("pid"), existing.metadata.get("started")));
    }
    if let Some(partial) = &context.partial
        && let Ok(partial) = serde_json::from_str::<Value>(partial)
    {
        collect(&partial, &mut handles);
    }
    handles.truncate(MAX_HANDLES);
    handles
}

fn collect(value: &Value, handles: &mut Vec<Handle>) {
    match value {
        Value::Object(members) => {
            handles.extend(handle(members.get("pid"), members.get("started")));
            members.values().for_each(|value| collect(value, handles));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, handles)),
        _ => {}
    }
}

fn handle(pid: Option<&Value>, started: Option<&Value>) -> Option<Handle> {
    let pid = u32::try_from(pid?.as_u64()?).ok()?;
    Some(Handle { pid, started: started?.as_str()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ss_provider::State;

    #[test]
    fn finds_processes_in_existing_and_partial_states() {
        let metadata =
            serde_json::json!({ "pid": 7, "started": "a", "helpers": [{ "pid": 8, "started": "b" }] });
        let Value::Object(metadata) = metadata else { unreachable!() };
        let context = Context {
            project: "p".into(),
            environment: "local".into(),
            api_key: None,
            existing: Some(State {
                provider: "local-process".into(),
                resource_id: "pid-7".into(),
                provisioned_at: "2026-11-21T09:31:00Z".into(),
                region: None,
                metadata,
            }),
            partial: Some(r#"{"pid":9,"started":"c","other":{"pid":"no"}}"#.into()),
            config_dir: None,
            idempotency_key: String::new(),
            inputs_digest: None,
        };
        let mut pids: Vec<u32> = known(&context).iter().map(|handle| handle.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [7, 8, 9]);
    }
}
