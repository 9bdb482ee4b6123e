//! Random requests: what passes means the same to another URL parser, and stays within the grant.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use ss_capability_http::Gate;
use url::Url;

use crate::support::{World, request};

/// Made once: the grant is the same for every case.
static GATE: LazyLock<Gate> = LazyLock::new(|| World::new().gate());
static READ_ONLY: LazyLock<Gate> = LazyLock::new(|| World::read_only().gate());

/// Pieces that URL tricks are made of.
fn pieces() -> impl Strategy<Value = String> {
    let known = select(vec![
        "https://",
        "http://",
        "api.acme.dev",
        "storage.acme.dev",
        "a.storage.acme.dev",
        "a.blob.eu-1.acme.dev",
        ".blob.",
        "xn--a",
        "evil.example",
        "/v1/",
        "/v1",
        "/graphql",
        "..",
        ".",
        "/",
        "//",
        "\\",
        "@",
        ":",
        "443",
        "8443",
        "%2e",
        "%2f",
        "%5c",
        "%00",
        "%25",
        "%c3%a9",
        "%20",
        ";",
        "?",
        "#",
        "&",
        "_method=PUT",
        "[::1]",
        "127.0.0.1",
        "127.1",
        "A",
        "é",
        "~",
        "a=b",
        "%",
        "*",
        "+",
        "!",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{1,3}", 1 => any::<char>().prop_map(String::from)]
}

fn urls() -> impl Strategy<Value = String> {
    let start = select(vec!["https://api.acme.dev/v1/", "https://b.storage.acme.dev/", "https://", ""]);
    (start, prop::collection::vec(pieces(), 0..8))
        .prop_map(|(start, rest)| format!("{start}{}", rest.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_passes_is_read_alike_by_others(text in urls()) {
        let Ok(uri) = text.parse::<http::Uri>() else { return Ok(()) };
        let request = http::Request::builder().uri(uri.clone()).body(ss_capability_http::Bytes::new()).unwrap();
        let Ok(verdict) = GATE.judge(&request) else { return Ok(()) };

        let oracle = Url::parse(&uri.to_string()).expect("another parser reads it");
        prop_assert_eq!(oracle.scheme(), verdict.origin.scheme().as_str());
        prop_assert_eq!(oracle.host_str(), Some(verdict.origin.host()));
        prop_assert_eq!(oracle.port_or_known_default(), Some(verdict.origin.port()));
        prop_assert_eq!(oracle.path(), verdict.path.as_str());
        prop_assert!(oracle.username().is_empty() && oracle.password().is_none());
        prop_assert!(matches!(oracle.host(), Some(url::Host::Domain(_))));

        let host = oracle.host_str().unwrap_or_default();
        let at_api = host == "api.acme.dev" && oracle.path().starts_with("/v1/") && oracle.port().is_none();
        let at_storage = host.strip_suffix(".storage.acme.dev").is_some_and(|label| !label.contains('.'));
        let labels: Vec<&str> = host.split('.').collect();
        let at_blob = matches!(labels[..], [_, "blob", _, "acme", "dev"]);
        let at_other = host == "other.acme.dev" && oracle.port() == Some(8443);
        prop_assert!(oracle.scheme() == "https" && (at_api || at_storage || at_blob || at_other), "{}", oracle);
    }

    #[test]
    fn nothing_unsafe_passes_while_reading(
        method in select(vec!["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "post", "X"]),
        path in select(vec!["/v1/a", "/graphql", "/search"]),
        body in select(vec!["", "{}", r#"{"query":"{ a }"}"#, r#"{"query":"mutation { a }"}"#]),
    ) {
        let json = [("content-type", "application/json")];
        let request = request(method, &format!("https://api.acme.dev{path}"), &json, body);
        if READ_ONLY.judge(&request).is_ok() {
            let read = matches!(method, "GET" | "HEAD" | "OPTIONS");
            let declared = method == "POST" && (path == "/search" || (path == "/graphql" && body.contains("{ a }") && !body.contains("mutation")));
            prop_assert!(read || declared);
        }
    }

    #[test]
    fn no_body_makes_the_gate_panic_or_a_token_pass(bytes in prop::collection::vec(any::<u8>(), 0..60), around in "[\\[\\]{}\",:a\\\\]{0,12}") {
        let world = World::new();
        let source = ss_secret::Source::Injected("db.URL".to_owned());
        let token = world.config.seals.seal(ss_secret::Secret::new("real"), source);
        let mut body = bytes;
        body.extend_from_slice(around.as_bytes());
        body.extend_from_slice(token.as_bytes());
        body.extend(around.bytes().rev());
        let request = http::Request::builder()
            .method("POST")
            .uri("https://api.acme.dev/search")
            .header("content-type", "application/json")
            .body(ss_capability_http::Bytes::from(body))
            .unwrap();
        // No field of this path may carry anything.
        prop_assert!(world.gate().judge(&request).is_err());
    }
}
