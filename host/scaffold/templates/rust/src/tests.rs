//! The provider against a pretend cloud, natively: no WebAssembly, no network.

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::http::{Method, Request, Response};
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer};
use ss_sdk::{Action, Context, Failure, Outcome, Provider, Service};

use crate::{Options, Plugin};

/// A cloud that keeps widgets in memory.
#[derive(Default)]
struct Cloud(RefCell<Vec<Value>>);

impl Cloud {
    fn handle(&self, request: &Request) -> Response {
        let mut widgets = self.0.borrow_mut();
        let id = request.path().strip_prefix("/v1/widgets/").unwrap_or_default();
        let position = widgets.iter().position(|widget| widget["id"] == id);
        match (request.method, position) {
            (Method::Get, _) if id.is_empty() => {
                let name = request.query("name").unwrap_or_default();
                let found: Vec<_> = widgets.iter().filter(|widget| widget["name"] == name).collect();
                answer(200, &json!({ "widgets": found }))
            }
            (Method::Post, _) => {
                let mut widget = request.json();
                widget["id"] = format!("w-{}", widgets.len() + 1).into();
                widgets.push(widget.clone());
                answer(201, &widget)
            }
            (_, None) => answer(404, &json!({"message": "no such widget"})),
            (Method::Patch, Some(at)) => {
                widgets[at]["size"] = request.json()["size"].clone();
                answer(200, &widgets[at])
            }
            (Method::Delete, Some(at)) => {
                widgets.remove(at);
                answer(204, &Value::Null)
            }
            (_, Some(at)) => answer(200, &widgets[at]),
        }
    }

    fn host(&self) -> FakeHost<'_> {
        FakeHost::with_cloud(|request| Ok(self.handle(request)))
    }
}

fn service(size: u32) -> Service<Options> {
    Service {
        id: "widget".into(),
        kind: "external".into(),
        name: None,
        command: None,
        options: Options { size },
        options_path: "provision".into(),
        env: Vec::new(),
    }
}

fn provision(host: &FakeHost<'_>, previous: Option<Outcome>, size: u32) -> Result<Outcome, Failure> {
    let existing = previous.map(|outcome| outcome.state);
    Plugin::provision(&Context { existing, ..host.context("widget") }, &service(size))
}

#[test]
fn creates_once_and_then_changes_only_what_differs() {
    let cloud = Cloud::default();
    let host = cloud.host();
    let first = provision(&host, None, 2).expect("created");
    let second = provision(&host, Some(first.clone()), 2).expect("verified");
    assert_eq!(second.state, first.state);
    provision(&host, Some(second), 3).expect("resized");
    assert_eq!(host.unsafe_requests(), ["POST /v1/widgets", "PATCH /v1/widgets/w-1"]);
    assert_eq!(cloud.0.borrow()[0]["size"], 3);
}

#[test]
fn a_plan_says_what_would_be_done_and_changes_nothing() {
    let cloud = Cloud::default();
    let host = cloud.host();
    let plan = |existing, size| {
        Plugin::plan(&Context { existing, ..host.context("widget") }, &service(size)).expect("a plan")
    };
    assert_eq!(plan(None, 2).action, Action::Create);
    assert!(host.unsafe_requests().is_empty());
    let state = provision(&host, None, 2).expect("created").state;
    assert_eq!(plan(Some(state.clone()), 2).action, Action::Nothing);
    assert_eq!(plan(Some(state), 3).changes[0].field, "size");
    assert_eq!(host.unsafe_requests().len(), 1);
}

#[test]
fn a_crash_at_any_call_never_creates_twice() {
    for call in 0..20 {
        for crash in [Crash::Before, Crash::After] {
            let cloud = Cloud::default();
            let host = cloud.host();
            host.crash_at(call, crash);
            let finished = host.attempt(|| provision(&host, None, 2)).is_some();
            let partial = host.partial();
            let host = cloud.host();
            Plugin::provision(&Context { partial, ..host.context("widget") }, &service(2)).expect("resumed");
            assert_eq!(cloud.0.borrow().len(), 1, "{crash:?} call {call}");
            if finished {
                break;
            }
        }
    }
}

#[test]
fn destroying_twice_is_fine() {
    let cloud = Cloud::default();
    let host = cloud.host();
    let outcome = provision(&host, None, 2).expect("created");
    for _ in 0..2 {
        Plugin::destroy(&host.context("widget"), &outcome.state).expect("gone");
    }
    let health = Plugin::status(&host.context("widget"), &outcome.state).expect("an answer");
    assert!(!health.healthy);
}

#[test]
fn hostile_answers_are_failures_and_nothing_worse() {
    for hostile in hostile_answers() {
        let host = FakeHost::with_cloud(|_| Ok(hostile.clone()));
        let _ = provision(&host, None, 2);
    }
}
