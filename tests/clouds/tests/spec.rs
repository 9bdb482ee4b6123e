//! The checker must be able to fail: what is wrong on purpose has to be found.

use serde_json::{Value, json};
use ss_clouds::spec::{Checked, Violation, check};
use ss_clouds::{Cloud, Habits, Provider, Recorded};

/// Judges requests; none if there is no description.
#[expect(clippy::print_stderr, reason = "a check that did not run must not pass in silence")]
fn judge(provider: Provider, requests: &[Recorded]) -> Option<Vec<Violation>> {
    match check(provider, requests).expect("a usable description") {
        Checked::Ran { exchanges, violations } => {
            assert_eq!(exchanges, requests.len());
            Some(violations)
        }
        Checked::DidNotRun { missing } => {
            eprintln!("\n*** THIS TEST DID NOT RUN: there is no {} ***\n", missing.display());
            None
        }
    }
}

fn one_violation(provider: Provider, recorded: &Recorded, place: &str) {
    if let Some(violations) = judge(provider, std::slice::from_ref(recorded)) {
        assert!(!violations.is_empty(), "nothing was found in {recorded:?}");
        assert!(violations.iter().any(|v| v.place.starts_with(place)), "not at {place}: {violations:?}");
    }
}

fn created(provider: Provider) -> Recorded {
    let cloud = Cloud::of(provider, Habits::default()).start().expect("a free port");
    let (path, body) = match provider {
        Provider::Neon => {
            let project = json!({ "name": "a", "org_id": "org-quiet-star-12345678" });
            ("/api/v2/projects", json!({ "project": project }))
        }
        Provider::Fly => ("/v1/apps", json!({ "name": "a", "org_slug": "personal" })),
        Provider::Supabase => {
            let region = json!({ "type": "specific", "code": "us-east-1" });
            let organization = "vsoazsxzqrcbuyxsfbtq";
            let body = json!({
                "name": "a", "db_pass": "a-password", "organization_slug": organization, "region_selection": region,
            });
            ("/v1/projects", body)
        }
        Provider::Railway => {
            let query = "mutation A($input: ProjectCreateInput!) { projectCreate(input: $input) { id environments { edges { node { id } } } } }";
            ("/graphql/v2", json!({ "query": query, "variables": { "input": { "name": "a" } } }))
        }
        other => panic!("no creation at {other} is prepared"),
    };
    let status = cloud.client().post(path, &body).expect("an answer").status;
    assert!(matches!(status, 200 | 201), "{status}");
    cloud.requests().remove(0)
}

fn altered(recorded: &Recorded, change: impl FnOnce(&mut Recorded)) -> Recorded {
    let mut other = recorded.clone();
    change(&mut other);
    other
}

fn body(recorded: &mut Recorded) -> &mut Value {
    recorded.body.as_mut().expect("a body")
}

fn answer(recorded: &mut Recorded) -> &mut Value {
    recorded.answer.as_mut().expect("an answer")
}

#[test]
fn wrong_requests_to_neon_are_found() {
    let good = created(Provider::Neon);
    assert_eq!(judge(Provider::Neon, std::slice::from_ref(&good)).unwrap_or_default(), []);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        one_violation(Provider::Neon, &altered(&good, change), place);
    };
    wrong("request /project", |r| body(r)["project"]["regoin_id"] = "aws-us-east-2".into());
    wrong("request /project/pg_version", |r| body(r)["project"]["pg_version"] = "17".into());
    wrong("request /project/branch", |r| body(r)["project"]["branch"] = json!({ "role": "x" }));
    wrong("request", |r| r.body = Some(json!({})));
    wrong("request", |r| r.body = None);
    wrong("request", |r| r.path = "/api/v2/project".to_owned());
    wrong("request", |r| r.path = "/api/v1/projects".to_owned());
    wrong("request", |r| r.method = "PUT".to_owned());
    wrong("query", |r| r.query.push(("wait".to_owned(), "true".to_owned())));
    wrong("header content-type", |r| r.headers.clear());
}

#[test]
fn wrong_answers_of_neon_are_found() {
    let good = created(Provider::Neon);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        one_violation(Provider::Neon, &altered(&good, change), place);
    };
    wrong("answer", |r| answer(r)["extra"] = true.into());
    wrong("answer /project", |r| answer(r)["project"]["invented"] = 1.into());
    wrong("answer /project/created_at", |r| answer(r)["project"]["created_at"] = "yesterday".into());
    wrong("answer /operations/0/status", |r| answer(r)["operations"][0]["status"] = "done".into());
    wrong("answer", |r| answer(r)["roles"] = Value::Null);
    wrong("answer", |r| r.answer = None);
    wrong("answer", |r| r.status = Some(500));
}

#[test]
fn wrong_exchanges_with_fly_are_found() {
    let good = created(Provider::Fly);
    assert_eq!(judge(Provider::Fly, std::slice::from_ref(&good)).unwrap_or_default(), []);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        one_violation(Provider::Fly, &altered(&good, change), place);
    };
    wrong("request", |r| body(r)["app_name"] = "a".into());
    wrong("answer", |r| r.status = Some(200));
    wrong("answer", |r| answer(r)["id"] = 7.into());
    // A refusal that the operation does not list is measured by Fly's general shape.
    wrong("answer", |r| r.status = Some(404));
    let list = altered(&good, |r| (r.method, r.body, r.status) = ("GET".to_owned(), None, None));
    one_violation(Provider::Fly, &list, "query org_slug");
    let wait = altered(&list, |r| {
        r.path = "/v1/apps/a/machines/m/wait".to_owned();
        r.query = vec![("timeout".to_owned(), "soon".to_owned()), ("state".to_owned(), "running".to_owned())];
    });
    one_violation(Provider::Fly, &wait, "query timeout");
    one_violation(Provider::Fly, &wait, "query state");
    let unleased = altered(&list, |r| {
        (r.method, r.path) = ("DELETE".to_owned(), "/v1/apps/a/machines/m/lease".to_owned());
    });
    one_violation(Provider::Fly, &unleased, "header fly-machine-lease-nonce");
}

#[test]
fn wrong_exchanges_with_supabase_are_found() {
    let good = created(Provider::Supabase);
    assert_eq!(judge(Provider::Supabase, std::slice::from_ref(&good)).unwrap_or_default(), []);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        one_violation(Provider::Supabase, &altered(&good, change), place);
    };
    wrong("request", |r| body(r)["organisation"] = "x".into());
    wrong("request", |r| drop(body(r).as_object_mut().expect("an object").remove("db_pass")));
    wrong("request /region_selection", |r| body(r)["region_selection"]["code"] = "moon-1".into());
    wrong("answer /ref", |r| answer(r)["ref"] = "SHORT".into());
    wrong("answer /status", |r| answer(r)["status"] = "FINE".into());
}

#[test]
fn wrong_exchanges_with_railway_are_found() {
    let good = created(Provider::Railway);
    assert_eq!(judge(Provider::Railway, std::slice::from_ref(&good)).unwrap_or_default(), []);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        one_violation(Provider::Railway, &altered(&good, change), place);
    };
    wrong("request", |r| r.method = "GET".to_owned());
    wrong("request /query", |r| body(r)["query"] = "mutation { projectMake { id } }".into());
    wrong("request /query", |r| body(r)["query"] = "query { me { id surname } }".into());
    wrong("request /query", |r| body(r)["query"] = "query { project { id } }".into());
    wrong("request /query", |r| body(r)["query"] = "query { me".into());
    wrong("request /operationName", |r| body(r)["operationName"] = "B".into());
    wrong("request /variables", |r| body(r)["variables"] = json!({}));
    wrong("request /variables", |r| body(r)["variables"]["input"]["nmae"] = "a".into());
    wrong("request /variables", |r| body(r)["variables"]["input"]["name"] = 7.into());
    wrong("request /variables", |r| body(r)["variables"]["other"] = 7.into());
    wrong("answer /data/projectCreate/id", |r| answer(r)["data"]["projectCreate"]["id"] = Value::Null);
    wrong("answer /data/projectCreate/id", |r| answer(r)["data"]["projectCreate"]["id"] = 7.into());
    wrong("answer /data/projectCreate/name", |r| answer(r)["data"]["projectCreate"]["name"] = "a".into());
    wrong("answer /data/projectCreate/environments/edges", |r| {
        answer(r)["data"]["projectCreate"]["environments"]["edges"] = json!({});
    });
    wrong("answer /data/projectCreate", |r| answer(r)["data"] = json!({}));
}
