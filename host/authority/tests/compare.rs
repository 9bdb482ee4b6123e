//! Comparing authorities: known cases, and the property that what is covered is allowed.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use ss_authority::{
    Authority, HttpRule, Origin, OriginPattern, Path, PathPattern, ProcessAuthority, VaultRead,
};

fn rule(origin: &str, path: &str, methods: &[&str]) -> HttpRule {
    HttpRule {
        origin: origin.to_owned(),
        path: path.to_owned(),
        methods: methods.iter().map(|&method| method.to_owned()).collect(),
        reads: None,
        sealed_body: Vec::new(),
    }
}

fn http(rules: &[HttpRule]) -> Authority {
    Authority { http: rules.to_vec(), ..Authority::default() }
}

#[test]
fn a_narrower_rule_is_covered() {
    let granted = http(&[rule("https://*.example.com", "/v1/", &["GET", "POST"])]);
    for narrower in [
        rule("https://*.example.com", "/v1/", &["GET"]),
        rule("https://a.example.com", "/v1/apps/", &["POST"]),
        rule("https://a.example.com", "/v1/apps", &["POST", "GET"]),
    ] {
        assert_eq!(granted.covers(&http(&[narrower])), Ok(()));
    }
}

#[test]
fn a_wider_rule_is_not() {
    let granted = http(&[rule("https://a.example.com", "/v1/", &["GET"])]);
    for wider in [
        rule("https://a.example.com", "/v1/", &["DELETE"]),
        rule("https://a.example.com", "/", &["GET"]),
        rule("https://a.example.com", "/v1", &["GET"]),
        rule("https://*.example.com", "/v1/", &["GET"]),
        rule("http://a.example.com", "/v1/", &["GET"]),
        rule("https://a.example.com:8443", "/v1/", &["GET"]),
        rule("https://b.example.com", "/v1/", &["GET"]),
        rule("not an origin", "/v1/", &["GET"]),
    ] {
        assert!(granted.covers(&http(std::slice::from_ref(&wider))).is_err(), "{wider:?}");
        assert!(
            http(std::slice::from_ref(&wider)).covers(&http(&[rule("not an origin", "/", &[])])).is_err()
        );
    }
}

#[test]
fn reads_and_places_are_authority_too() {
    let plain = rule("https://a.b", "/q", &["POST"]);
    let graphql = HttpRule { reads: Some("graphql".to_owned()), ..plain.clone() };
    let post = HttpRule { reads: Some("post".to_owned()), ..plain.clone() };
    let sealed = HttpRule { sealed_body: vec!["config.*".to_owned()], ..plain.clone() };
    let place = HttpRule { sealed_body: vec!["config.env".to_owned()], ..plain.clone() };
    let covers = |a: &HttpRule, b: &HttpRule| {
        http(std::slice::from_ref(a)).covers(&http(std::slice::from_ref(b))).is_ok()
    };
    assert!(covers(&post, &graphql) && covers(&graphql, &plain));
    assert!(!covers(&graphql, &post) && !covers(&plain, &graphql));
    assert!(covers(&sealed, &place));
    assert!(!covers(&place, &sealed) && !covers(&plain, &place));
}

#[test]
fn a_key_is_bound_to_origin_and_place() {
    let read = |origins: &[&str], headers: &[&str]| {
        let mut authority = Authority::default();
        authority.vault.read.push(VaultRead {
            key: "providers:a/k".to_owned(),
            origins: origins.iter().map(|&text| text.to_owned()).collect(),
            headers: headers.iter().map(|&text| text.to_owned()).collect(),
            body: Vec::new(),
        });
        authority
    };
    let granted = read(&["https://*.a.b"], &["authorization", "x-key"]);
    assert_eq!(granted.covers(&read(&["https://c.a.b"], &["x-key"])), Ok(()));
    assert_eq!(granted.covers(&read(&[], &[])), Ok(()));
    assert!(granted.covers(&read(&["https://c.a.b"], &["x-other"])).is_err());
    assert!(granted.covers(&read(&["https://evil.example"], &["x-key"])).is_err());
}

#[test]
fn commands_are_covered_by_their_first_words() {
    let run = |command: &str| Authority {
        process: Some(ProcessAuthority { commands: vec![command.to_owned()], ..ProcessAuthority::default() }),
        ..Authority::default()
    };
    assert!(run("supabase").covers(&run("supabase start")).is_ok());
    assert!(run("supabase start").covers(&run("supabase")).is_err());
    assert!(run("supabase").covers(&run("supabase-evil")).is_err());
}

#[test]
fn a_command_that_only_looks_is_granted_by_itself() {
    let process = |process| Authority { process: Some(process), ..Authority::default() };
    let look = |command: &str| {
        process(ProcessAuthority { reads: vec![command.to_owned()], ..ProcessAuthority::default() })
    };
    let run = process(ProcessAuthority { commands: vec!["supabase".into()], ..ProcessAuthority::default() });
    assert!(look("supabase status").covers(&look("supabase status -o json")).is_ok());
    assert!(look("supabase status").covers(&look("supabase")).is_err());
    assert!(run.covers(&look("supabase status")).is_err());
    assert!(look("supabase").covers(&run).is_err());
    assert_eq!(look("supabase status").sentences(), ["may run `supabase status …`, while planning too"]);
}

#[test]
fn a_difference_reads_well() {
    let old = http(&[rule("https://a.b", "/v1/", &["GET", "POST"])]);
    let mut new = http(&[rule("https://a.b", "/v1/", &["GET", "DELETE"])]);
    new.secrets.generate = true;
    assert_eq!(
        old.difference(&new).to_string(),
        "+ may send DELETE https://a.b/v1/…\n+ may have secrets made\n− may send POST https://a.b/v1/…\n"
    );
    assert!(old.difference(&old).is_empty());
}

fn origins() -> impl Strategy<Value = &'static str> {
    select(vec![
        "https://a.x.y",
        "https://*.x.y",
        "https://b.x.y",
        "http://a.x.y",
        "https://a.x.y:8443",
        "https://*.a.x.y",
    ])
}

fn paths() -> impl Strategy<Value = &'static str> {
    select(vec![
        "/",
        "/v1/",
        "/v1",
        "/v1/apps/",
        "/v1/apps",
        "/v11/",
        "/*",
        "/*/",
        "/v1/*",
        "/*/apps/",
        "/v1/*/",
    ])
}

prop_compose! {
    fn rules()(rules in prop::collection::vec((origins(), paths(), prop::sample::subsequence(vec!["GET", "POST", "DELETE"], 1..=3)), 0..4)) -> Authority {
        http(&rules.iter().map(|(origin, path, methods)| rule(origin, path, methods)).collect::<Vec<_>>())
    }
}

/// Whether an authority lets a request through, told without any of the code under test but matching.
fn allows(authority: &Authority, method: &str, origin: &Origin<'_>, path: &Path<'_>) -> bool {
    authority.http.iter().any(|rule| {
        rule.methods.iter().any(|known| known == method)
            && OriginPattern::parse(&rule.origin).expect("valid").matches(origin)
            && PathPattern::parse(&rule.path).expect("valid").matches(path)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_covered_is_allowed(a in rules(), b in rules(), picks in prop::collection::vec(any::<Index>(), 3)) {
        let requested = [
            "https://a.x.y", "https://b.x.y", "https://c.x.y", "http://a.x.y", "https://a.x.y:8443", "https://c.a.x.y", "https://x.y.z",
        ];
        let paths = ["/", "/v1/", "/v1", "/v1/apps", "/v1/apps/", "/v1/apps/1", "/v11/x", "/x"];
        let methods = ["GET", "POST", "DELETE"];
        let origin = Origin::parse(requested[picks[0].index(requested.len())]).unwrap();
        let path = Path::parse(paths[picks[1].index(paths.len())]).unwrap();
        let method = methods[picks[2].index(methods.len())];
        if a.covers(&b).is_ok() && allows(&b, method, &origin, &path) {
            prop_assert!(allows(&a, method, &origin, &path));
        }
    }

    #[test]
    fn covering_is_an_order(a in rules(), b in rules(), c in rules()) {
        prop_assert!(a.covers(&a).is_ok());
        prop_assert!(a.covers(&Authority::default()).is_ok());
        if a.covers(&b).is_ok() && b.covers(&c).is_ok() {
            prop_assert!(a.covers(&c).is_ok());
        }
        prop_assert_eq!(a.normalized().digest(), a.digest());
        prop_assert!(a.difference(&a.normalized()).is_empty());
    }

    #[test]
    fn parsing_never_panics_and_never_changes_a_text(text in "\\PC{0,40}") {
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(path.as_str(), text.as_str());
        }
        if let Ok(origin) = Origin::parse(&text) {
            let shown = origin.to_string();
            prop_assert_eq!(Origin::parse(&shown), Ok(origin));
        }
        let _ = ss_authority::Manifest::parse(&text);
    }
}
