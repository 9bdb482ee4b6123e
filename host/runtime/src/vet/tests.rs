//! What a plugin may return, and what not.

use std::sync::Arc;

use ss_secret::{Scrubber, Secret};

use super::*;

const SECRET: &str = "hunter2\"hunter2";

fn cleaner() -> Cleaner {
    let scrubber = Scrubber::new();
    scrubber.learn(&Secret::new(SECRET));
    Cleaner::new(Arc::new(scrubber))
}

fn state(metadata: &str) -> wit::State {
    wit::State {
        provider: "neon".into(),
        resource_id: "r-1".into(),
        provisioned_at: "2026-11-21T09:31:00.123Z".into(),
        region: None,
        metadata: metadata.into(),
    }
}

fn check_state(state: wit::State) -> Result<State, String> {
    Vetting { provider: "neon", cleaner: &cleaner() }.state(state).map_err(|rejected| rejected.to_string())
}

fn outcome(credentials: &[(&str, &str)], seals: &Seals) -> Result<Outcome, String> {
    let credentials = credentials
        .iter()
        .map(|(name, value)| wit::Credential {
            name: (*name).into(),
            value: (*value).into(),
            sensitive: true,
        })
        .collect();
    let outcome = wit::Outcome { state: state("{}"), credentials, summary: "done".into() };
    Vetting { provider: "neon", cleaner: &cleaner() }
        .outcome(outcome, seals)
        .map_err(|rejected| rejected.to_string())
}

#[test]
fn a_clean_state_is_taken_as_it_is() {
    let taken = check_state(state(r#"{"branch":"main","n":[1,null,true]}"#)).unwrap();
    assert_eq!(taken.metadata["branch"], "main");
    assert_eq!(taken.resource_id, "r-1");
}

#[test]
fn a_secret_in_a_state_is_refused_in_every_place_and_spelling() {
    let token = Seals::new().seal(Secret::new("x"), Source::Generated("p".into()));
    let escaped: String = SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    for metadata in [
        format!(r#"{{"a":"{}"}}"#, SECRET.replace('"', "\\\"")),
        format!(r#"{{"a":{{"b":["{escaped}"]}}}}"#),
        format!(r#"{{"{escaped}":1}}"#),
        format!(r#"{{"a":"{}"}}"#, hex::encode(SECRET)),
        format!(r#"{{"a":"postgres://u:{token}@h"}}"#),
    ] {
        let error = check_state(state(&metadata)).unwrap_err();
        assert!(error.contains("state.metadata") && error.contains("holds a secret"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = check_state(wit::State { resource_id: SECRET.into(), ..state("{}") }).unwrap_err();
    assert_eq!(error, "`state.resource-id` holds a secret; only credentials may");
    let error = check_state(wit::State { region: Some(token), ..state("{}") }).unwrap_err();
    assert_eq!(error, "`state.region` holds a secret; only credentials may");
}

#[test]
fn a_state_of_another_shape_is_refused_with_its_field() {
    for (bad, field) in [
        (wit::State { provider: "fly".into(), ..state("{}") }, "state.provider"),
        (wit::State { provisioned_at: "yesterday".into(), ..state("{}") }, "state.provisioned-at"),
        (
            wit::State { provisioned_at: "2026-11-21T09:31:00+02:00".into(), ..state("{}") },
            "state.provisioned-at",
        ),
        (wit::State { resource_id: String::new(), ..state("{}") }, "state.resource-id"),
        (wit::State { resource_id: "a\nb".into(), ..state("{}") }, "state.resource-id"),
        (state("[]"), "state.metadata"),
        (state("{"), "state.metadata"),
        (state(&format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_METADATA))), "state.metadata"),
        (state(&format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000))), "state.metadata"),
    ] {
        let error = check_state(bad).unwrap_err();
        assert!(error.starts_with(&format!("`{field}`")), "{field}: {error}");
    }
}

#[test]
fn credentials_are_resolved_and_learnt() {
    let seals = Seals::new();
    let password = seals.seal(Secret::new("p4ssw0rd!"), Source::Generated("db".into()));
    let cleaner = cleaner();
    let raw = wit::Outcome {
        state: state("{}"),
        credentials: vec![wit::Credential {
            name: "DATABASE_URL".into(),
            value: format!("postgres://u:{password}@h"),
            sensitive: false,
        }],
        summary: "url is postgres://u:p4ssw0rd!@h".into(),
    };
    let outcome = Vetting { provider: "neon", cleaner: &cleaner }.outcome(raw, &seals).unwrap();
    assert_eq!(outcome.credentials[0].value, Secret::new("postgres://u:p4ssw0rd!@h"));
    assert_eq!(outcome.summary, "url is [secret]");
}

#[test]
fn a_credential_in_the_state_is_refused_although_it_is_new() {
    let raw = wit::Outcome {
        state: state(r#"{"url":"postgres://new-password@h"}"#),
        credentials: vec![wit::Credential {
            name: "URL".into(),
            value: "postgres://new-password@h".into(),
            sensitive: true,
        }],
        summary: String::new(),
    };
    let error = Vetting { provider: "neon", cleaner: &cleaner() }.outcome(raw, &Seals::new()).unwrap_err();
    assert_eq!(error.to_string(), "`state.metadata.url` holds a secret; only credentials may");
}

#[test]
fn a_credential_that_anyone_may_know_may_stand_in_the_state() {
    let raw = wit::Outcome {
        state: state(r#"{"url":"https://app.example"}"#),
        credentials: vec![wit::Credential {
            name: "URL".into(),
            value: "https://app.example".into(),
            sensitive: false,
        }],
        summary: "see https://app.example".into(),
    };
    let outcome = Vetting { provider: "neon", cleaner: &cleaner() }.outcome(raw, &Seals::new()).unwrap();
    assert!(!outcome.credentials[0].sensitive);
    assert_eq!(outcome.summary, "see https://app.example");
}

#[test]
fn keys_of_the_vault_do_not_become_credentials() {
    let seals = Seals::new();
    let key = seals.seal(Secret::new("nk_1"), Source::VaultKey("providers:neon/api_key".into()));
    let derived = seals.seal(Secret::new("k"), Source::Derived("providers:aws/secret_access_key".into()));
    let foreign = Seals::new().seal(Secret::new("y"), Source::Injected("db.URL".into()));
    for (value, problem) in
        [(key, "own origins"), (derived, "derived key"), (foreign, "not of this operation")]
    {
        let error = outcome(&[("URL", &value)], &seals).unwrap_err();
        assert!(error.contains("credentials.URL") && error.contains(problem), "{error}");
    }
}

#[test]
fn names_of_credentials_are_those_of_variables() {
    let seals = Seals::new();
    let long = "A".repeat(128);
    for good in ["A", "_x9", long.as_str()] {
        assert!(outcome(&[(good, "v")], &seals).is_ok(), "{good}");
    }
    let longer = "A".repeat(129);
    for bad in ["", "9A", "A-B", "A=B", "A B", "Ä", longer.as_str()] {
        assert!(outcome(&[(bad, "v")], &seals).is_err(), "{bad}");
    }
    assert!(outcome(&[("A", "1"), ("A", "2")], &seals).unwrap_err().contains("twice"));
}

#[test]
fn text_for_people_is_cleaned_and_not_refused() {
    let cleaner = cleaner();
    let vetting = Vetting { provider: "neon", cleaner: &cleaner };
    let failure = vetting.failure(&wit::Failure {
        kind: wit::FailureKind::RateLimited(Some(3)),
        message: format!("\u{1b}[2Jkey {SECRET} refused"),
        next_step: Some(String::new()),
    });
    assert_eq!(failure.message, "[2Jkey [secret] refused");
    assert_eq!(failure.kind, FailureKind::RateLimited { retry_after: Some(3) });
    assert_eq!(failure.next_step, None);

    let health = vetting.health(wit::Health {
        healthy: true,
        message: "x".repeat(5000),
        raw: Some(serde_json::json!({ "token": SECRET, "list": [SECRET, 1] }).to_string()),
    });
    assert!(health.message.len() < 2100);
    assert_eq!(health.raw, Some(serde_json::json!({ "token": "[secret]", "list": ["[secret]", 1] })));
}

#[test]
fn changes_are_limited_json() {
    let cleaner = cleaner();
    let vetting = Vetting { provider: "neon", cleaner: &cleaner };
    let change = |before: &str| wit::Change {
        field: "region".into(),
        before: Some(before.into()),
        after: None,
        sensitive: false,
    };
    assert_eq!(vetting.changes(vec![change("\"fra\"")]).unwrap()[0].before, Some(Value::from("fra")));
    assert!(vetting.changes(vec![change("fra")]).is_err());
    assert!(vetting.changes((0..1001).map(|_| change("1")).collect()).is_err());
}

#[test]
fn a_description_must_be_the_plugins_own_and_valid() {
    let raw = || wit::Description {
        provider: "neon".into(),
        summary: "Postgres".into(),
        requires_api_key: true,
        vault_keys: vec![],
        options_schema: r#"{"type":"object"}"#.into(),
        shapes: vec![],
        example: "services:\n  db: {}\n\u{1b}[31m".into(),
    };
    let cleaner = cleaner();
    let vetting = Vetting { provider: "neon", cleaner: &cleaner };
    assert_eq!(vetting.description(raw()).unwrap().example, "services:\n  db: {}\n[31m");
    assert!(vetting.description(wit::Description { provider: "fly".into(), ..raw() }).is_err());
    assert!(vetting.description(wit::Description { options_schema: "true".into(), ..raw() }).is_err());
    assert!(vetting.description(wit::Description { options_schema: "{".into(), ..raw() }).is_err());
    let key = wit::VaultKey {
        name: "api key".into(),
        aliases: vec![],
        environment_variable: None,
        required: true,
        obtain: String::new(),
    };
    assert!(vetting.description(wit::Description { vault_keys: vec![key], ..raw() }).is_err());
}

#[test]
fn a_partial_state_is_json_without_secrets() {
    let cleaner = cleaner();
    let vetting = Vetting { provider: "neon", cleaner: &cleaner };
    assert!(vetting.partial(r#"{"step":1}"#, 100).is_ok());
    assert!(vetting.partial("step 1", 100).is_err());
    assert!(vetting.partial(&format!("\"{}\"", "x".repeat(100)), 100).is_err());
    let escaped: String = SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    assert!(vetting.partial(&format!("\"{escaped}\""), 1000).is_err());
}

#[test]
fn times_are_rfc_3339_in_utc() {
    for good in ["2026-11-21T09:31:00Z", "2026-11-21T09:31:00.5Z", "2026-11-21T09:31:00+00:00"] {
        assert!(is_utc_time(good), "{good}");
    }
    for bad in
        ["", "2026-11-21", "2026-11-21T09:31:00", "2026-11-21T09:31:00.Z", "2026-11-21T09:31:00x5Z", "é"]
    {
        assert!(!is_utc_time(bad), "{bad}");
    }
}
