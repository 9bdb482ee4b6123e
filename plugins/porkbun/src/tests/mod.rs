//! The provider against a small Porkbun in memory. The stand-in of `tests/clouds` knows more of its habits.

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::http::{Request, Response, TransportError};
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer, sealed_token};
use ss_sdk::{Action, Context, Failure, FailureKind, Outcome, Provider, Service, State};

use crate::Porkbun;
use crate::options::Options;

/// One account.
#[derive(Default)]
struct Cloud {
    owned: Vec<String>,
    records: Vec<Value>,
    ns: Vec<String>,
    bought: u32,
    price: &'static str,
    avail: &'static str,
    /// Answers to the next changes, given after they were made.
    troubles: Vec<Result<Response, TransportError>>,
    made: u32,
    keys: Vec<String>,
}

fn cloud() -> RefCell<Cloud> {
    let owned = vec!["my.app".to_owned()];
    RefCell::new(Cloud { owned, price: "11.08", avail: "yes", ..Cloud::default() })
}

fn ok(mut body: Value) -> Response {
    body["status"] = json!("SUCCESS");
    answer(200, &body)
}

fn refusal(status: u16, code: &str) -> Response {
    answer(status, &json!({"status": "ERROR", "code": code, "message": "no"}))
}

impl Cloud {
    fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        let body = request.json();
        if body["apikey"] != sealed_token(1) || body["secretapikey"] != sealed_token(2) {
            return Ok(refusal(400, "INVALID_API_KEYS_001"));
        }
        let path = request.path().strip_prefix("/api/json/v3/").expect("the API's prefix").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let changes = !matches!(parts[1], "listAll" | "checkDomain" | "getNs" | "retrieve");
        if changes {
            let key = request.header("idempotency-key").expect("a key").to_owned();
            if self.keys.contains(&key) {
                let last = self.records.last().map_or(Value::Null, |record| record["id"].clone());
                return Ok(ok(json!({ "id": last })));
            }
            self.keys.push(key);
        }
        let response = match parts.as_slice() {
            ["domain", "listAll"] => {
                let all: Vec<Value> = self
                    .owned
                    .iter()
                    .map(|name| json!({"domain": name, "apiAccess": 1, "autoRenew": 1}))
                    .collect();
                ok(json!({ "domains": all }))
            }
            ["domain", "checkDomain", _] => ok(
                json!({"response": {"avail": self.avail, "price": self.price, "premium": "no", "minDuration": 1}}),
            ),
            ["domain", "create", name] => {
                assert_eq!(body["cost"], 1108);
                self.bought += 1;
                self.owned.push((*name).to_owned());
                self.records.push(json!({"id": "9", "name": name, "type": "ALIAS", "content": "pixie.porkbun.com", "ttl": "600"}));
                ok(json!({}))
            }
            ["domain", "getNs", _] => ok(json!({ "ns": self.ns })),
            ["domain", "updateNs", _] => {
                self.ns = serde_json::from_value(body["ns"].clone()).expect("names");
                ok(json!({}))
            }
            ["dns", "retrieve", _] => ok(json!({ "records": self.records })),
            ["dns", "create", domain] => {
                self.made += 1;
                let id = self.made.to_string();
                self.records.push(record(&body, domain, &id));
                ok(json!({ "id": id }))
            }
            ["dns", "edit", domain, id] => {
                let at = self.records.iter().position(|record| record["id"] == *id).expect("a record");
                self.records[at] = record(&body, domain, id);
                ok(json!({}))
            }
            ["dns", "delete", _, id] => {
                let before = self.records.len();
                self.records.retain(|record| record["id"] != *id);
                if before == self.records.len() { refusal(400, "INVALID_RECORD_ID") } else { ok(json!({})) }
            }
            other => panic!("{other:?}"),
        };
        if changes && !self.troubles.is_empty() {
            return self.troubles.remove(0);
        }
        Ok(response)
    }

    fn contents(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.records
            .iter()
            .map(|record| {
                format!("{} {} {}", text(&record["type"]), text(&record["name"]), text(&record["content"]))
            })
            .collect()
    }
}

fn record(body: &Value, domain: &str, id: &str) -> Value {
    let name = match body["name"].as_str().unwrap_or_default() {
        "" => domain.to_owned(),
        name => format!("{name}.{domain}"),
    };
    let ttl = body["ttl"].as_u64().unwrap_or(600).max(600).to_string();
    json!({"id": id, "name": name, "type": body["type"], "content": body["content"], "ttl": ttl, "prio": null, "notes": body["notes"]})
}

fn host(cloud: &RefCell<Cloud>) -> FakeHost<'_> {
    let host = FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request));
    host.put_vault("providers:porkbun/secret_api_key", &sealed_token(2));
    host
}

fn service(options: Value) -> Service<Options> {
    Service {
        id: "domain".into(),
        kind: "dns".into(),
        name: None,
        command: None,
        options,
        options_path: "provision".into(),
        env: Vec::new(),
    }
    .parse()
    .expect("options")
}

fn with(records: Value) -> Service<Options> {
    service(json!({"domain": "my.app", "records": records}))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    // Another change has another key.
    Context { existing: Some(state.clone()), idempotency_key: "2".repeat(32), ..host.context("domain") }
}

fn provision(context: &Context<'_>, service: &Service<Options>) -> Outcome {
    Porkbun::provision(context, service).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn refused(context: &Context<'_>, service: &Service<Options>) -> Failure {
    Porkbun::provision(context, service).map(drop).expect_err("refused")
}

/// What was sent that may have changed something.
fn changes(host: &FakeHost<'_>) -> Vec<String> {
    let reads = ["/listAll", "/checkDomain", "/getNs", "/retrieve"];
    host.unsafe_requests().into_iter().filter(|line| !reads.iter().any(|read| line.contains(read))).collect()
}

#[test]
fn records_are_made_kept_changed_and_removed() {
    let cloud = cloud();
    cloud
        .borrow_mut()
        .records
        .push(json!({"id": "t", "name": "my.app", "type": "TXT", "content": "theirs", "ttl": "600"}));
    let a = |content: &str| json!({"type": "A", "name": "@", "content": content, "ttl": 300});
    let www = json!({"type": "CNAME", "name": "www", "content": "my.app."});
    let (wanted, changed) = (with(json!([a("192.0.2.1"), www])), with(json!([a("192.0.2.2"), www])));
    let first = host(&cloud);
    assert_eq!(Porkbun::plan(&first.context("domain"), &wanted).expect("a plan").action, Action::Create);
    assert_eq!(changes(&first), [""; 0]);
    let state = provision(&first.context("domain"), &wanted).state;

    let second = host(&cloud);
    assert_eq!(Porkbun::plan(&next(&second, &state), &wanted).expect("a plan").action, Action::Nothing);
    assert_eq!(provision(&next(&second, &state), &wanted).state, state);
    assert_eq!(Porkbun::observe(&second.context("domain"), &wanted, &state), Ok(Vec::new()));
    assert_eq!(changes(&second), [""; 0]);
    let plan = Porkbun::plan(&next(&second, &state), &changed).expect("a plan");
    assert_eq!((plan.changes.len(), plan.changes[0].field.as_str()), (1, "A my.app"));
    let state = provision(&next(&second, &state), &changed).state;
    assert_eq!(changes(&second), ["POST /api/json/v3/dns/edit/my.app/1"]);
    assert!(Porkbun::status(&second.context("domain"), &state).expect("a status").healthy);

    // Somebody changes it behind our back.
    cloud.borrow_mut().records[1]["content"] = json!("203.0.113.1");
    let seen = Porkbun::observe(&second.context("domain"), &changed, &state).expect("observed");
    assert_eq!((seen[0].field.as_str(), seen[0].before.clone()), ("A my.app", Some(json!("203.0.113.1"))));
    Porkbun::destroy(&second.context("domain"), &state).expect("destroyed");
    assert_eq!(cloud.borrow().contents(), ["TXT my.app theirs"]);
    Porkbun::destroy(&second.context("domain"), &state).expect("gone already");
    assert!(!Porkbun::status(&second.context("domain"), &state).expect("a status").healthy);
}

#[test]
fn name_servers_are_set_once() {
    let cloud = cloud();
    let wanted = service(json!({"domain": "My.App", "nameservers": ["b.ns.x", "A.ns.x."]}));
    let host = host(&cloud);
    let state = provision(&host.context("domain"), &wanted).state;
    assert_eq!(changes(&host), ["POST /api/json/v3/domain/updateNs/my.app"]);
    provision(&next(&host, &state), &wanted);
    assert_eq!(changes(&host).len(), 1);
}

#[test]
fn nothing_is_bought_without_leave_or_above_the_price() {
    let cloud = cloud();
    let host = host(&cloud);
    let other = |register: Value| service(json!({"domain": "new.app", "records": [], "register": register}));
    let failure = refused(&host.context("domain"), &other(Value::Null));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.domain".into()));
    assert!(failure.message.contains("11.08 USD"), "{}", failure.message);
    let failure =
        refused(&host.context("domain"), &other(json!({"max_price": 11.07, "agree_to_terms": true})));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.register.max_price".into()));
    refused(&host.context("domain"), &other(json!({"max_price": 20, "agree_to_terms": false})));
    cloud.borrow_mut().avail = "no";
    let failure = refused(&host.context("domain"), &other(json!({"max_price": 20, "agree_to_terms": true})));
    assert_eq!(failure.kind, FailureKind::Conflict);
    for odd in ["", "free", "1.005", "-3"] {
        cloud.borrow_mut().avail = "yes";
        cloud.borrow_mut().price = odd;
        refused(&host.context("domain"), &other(json!({"max_price": 20, "agree_to_terms": true})));
    }
    assert_eq!((cloud.borrow().bought, changes(&host)), (0, Vec::new()));
}

fn buying() -> Service<Options> {
    service(json!({
        "domain": "new.app", "register": {"max_price": 11.08, "agree_to_terms": true},
        "records": [{"type": "A", "name": "@", "content": "192.0.2.1"}],
    }))
}

#[test]
fn the_plan_says_what_it_costs_and_the_parking_makes_room() {
    let cloud = cloud();
    let host = host(&cloud);
    let plan = Porkbun::plan(&host.context("domain"), &buying()).expect("a plan");
    assert_eq!(
        (plan.action, plan.detail.as_str()),
        (Action::Create, "register new.app for 11.08 USD + 1 DNS record")
    );
    assert_eq!(
        (plan.changes[0].field.as_str(), plan.changes[0].after.clone()),
        ("cost", Some(json!("11.08 USD")))
    );
    assert_eq!(changes(&host), [""; 0]);
    let state = provision(&host.context("domain"), &buying()).state;
    assert_eq!(cloud.borrow().contents(), ["A new.app 192.0.2.1"]);
    assert_eq!(state.metadata["registered_for"], "11.08 USD");
    Porkbun::destroy(&host.context("domain"), &state).expect("destroyed");
    assert!(host.logs().iter().any(|(_, text)| text.contains("stays registered")));
    assert_eq!(cloud.borrow().owned.len(), 2);
}

#[test]
fn a_crash_at_any_call_buys_once_and_makes_one_record() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = cloud();
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("domain");
            if first.attempt(|| provision(&context, &buying())).is_some() {
                break;
            }
            let second = host(&cloud);
            let again = Context { partial: first.partial(), ..second.context("domain") };
            Porkbun::find(&again, &buying()).expect("looked");
            let state = provision(&again, &buying()).state;
            assert_eq!(
                (cloud.borrow().bought, cloud.borrow().contents()),
                (1, vec!["A new.app 192.0.2.1".to_owned()]),
                "{call} {crash:?}"
            );
            Porkbun::destroy(&second.context("domain"), &state).expect("destroyed");
            assert_eq!(cloud.borrow().contents(), [""; 0]);
        }
    }
}

#[test]
fn lost_answers_and_limits_are_waited_out_under_one_key() {
    let limited = answer(
        400,
        &json!({"status": "ERROR", "code": "RATE_LIMIT_EXCEEDED", "message": "slow", "ttlRemaining": 9}),
    );
    for trouble in [Err(TransportError::Lost("gone".into())), Ok(answer(502, &json!({}))), Ok(limited)] {
        let cloud = cloud();
        cloud.borrow_mut().troubles = vec![trouble];
        let host = host(&cloud);
        provision(
            &host.context("domain"),
            &with(json!([{"type": "A", "name": "@", "content": "192.0.2.1"}])),
        );
        assert_eq!(cloud.borrow().contents(), ["A my.app 192.0.2.1"]);
        assert!(host.logs().iter().any(|(_, text)| text.contains("trying again in")));
    }
}

#[test]
fn both_keys_are_needed_and_refusals_have_kinds() {
    let cloud = cloud();
    let without = FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request));
    let failure = refused(&without.context("domain"), &with(json!([])));
    assert_eq!(failure.kind, FailureKind::Authentication);
    assert!(failure.next_step.is_some_and(|step| step.contains("ss vault set PORKBUN_SECRET_KEY")));
    assert!(without.requests().is_empty());
    for (code, kind) in [
        ("INVALID_API_KEYS_001", FailureKind::Authentication),
        ("INSUFFICIENT_FUNDS", FailureKind::Quota),
        ("INVALID_TYPE", FailureKind::InvalidConfiguration("provision".into())),
    ] {
        for status in [200, 400] {
            let host = FakeHost::with_cloud(|_| Ok(refusal(status, code)));
            host.put_vault("providers:porkbun/secret_api_key", &sealed_token(2));
            let failure = refused(&host.context("domain"), &with(json!([])));
            assert!(failure.kind == kind || status == 200, "{code} {status}: {failure:?}");
        }
    }
}

/// Whatever Porkbun answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    for hostile in hostile_answers() {
        for at in 0..6 {
            let cloud = cloud();
            let mut number = 0;
            let host = FakeHost::with_cloud(|request| {
                number += 1;
                if number == at + 1 { Ok(hostile.clone()) } else { cloud.borrow_mut().answer(request) }
            });
            host.put_vault("providers:porkbun/secret_api_key", &sealed_token(2));
            let context = host.context("domain");
            let outcome = Porkbun::provision(&context, &buying());
            assert!(cloud.borrow().bought <= 1);
            let _ = Porkbun::plan(&context, &buying());
            let _ = Porkbun::find(&context, &buying());
            if let Ok(outcome) = outcome {
                let _ = Porkbun::status(&context, &outcome.state);
                let _ = Porkbun::observe(&context, &buying(), &outcome.state);
                let _ = Porkbun::destroy(&context, &outcome.state);
            }
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Porkbun::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
    for key in &description.vault_keys {
        assert!(manifest.contains(&format!("providers:porkbun/{}", key.name)));
    }
}
