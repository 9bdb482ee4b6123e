//! Sealed secrets: where they go, and every place where they do not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ss_capability_http::Bytes;
use ss_secret::{Secret, Source};

use crate::support::{Server, World, answer, denied, post, request, soon};

const API: &str = "https://api.acme.dev/v1/apps";

fn api_key(world: &World, value: &str) -> String {
    world.config.seals.seal(Secret::new(value), Source::VaultKey("providers:acme/api_key".to_owned()))
}

fn secret_key(world: &World, value: &str) -> String {
    world.config.seals.seal(Secret::new(value), Source::VaultKey("providers:acme/secret_key".to_owned()))
}

fn injected(world: &World, value: &str) -> String {
    world.config.seals.seal(Secret::new(value), Source::Injected("db.DATABASE_URL".to_owned()))
}

async fn arrived(world: &World, server: &Server, request: http::Request<Bytes>) -> String {
    soon(world.gate().send(request)).await.expect("sent");
    server.seen().pop().expect("seen")
}

#[tokio::test]
async fn a_key_goes_into_its_header_at_its_origin() {
    let server = Server::always(answer(200, "", "")).await;
    let world = World::towards(&server);
    let token = api_key(&world, "real-key");
    let bearer = format!("Bearer {token}");
    let seen = arrived(&world, &server, request("GET", API, &[("authorization", &bearer)], "")).await;
    assert!(seen.contains("\r\nauthorization: Bearer real-key\r\n"), "{seen}");
    assert!(!seen.contains("sealed1_"));

    let basic = format!("Basic {}", STANDARD.encode(format!("user:{token}")));
    let seen = arrived(&world, &server, request("GET", API, &[("authorization", &basic)], "")).await;
    assert!(
        seen.contains(&format!("\r\nauthorization: Basic {}\r\n", STANDARD.encode("user:real-key"))),
        "{seen}"
    );
}

#[tokio::test]
async fn secrets_go_into_declared_fields_of_a_body() {
    let server = Server::always(answer(200, "", "")).await;
    let world = World::towards(&server);
    let (secret, url) = (secret_key(&world, "a\"b\\c"), injected(&world, "postgres://u:p@h/d"));
    let body = format!(
        r#"{{"secretapikey":"{secret}","config":{{"env":{{"URL":"{url}?ssl"}}}},"list":[{{"value":"{url}"}}],"n":1.0}}"#
    );
    let seen = arrived(&world, &server, post("/v1/apps", &body)).await;
    let sent = seen.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        sent,
        r#"{"secretapikey":"a\"b\\c","config":{"env":{"URL":"postgres://u:p@h/d?ssl"}},"list":[{"value":"postgres://u:p@h/d"}],"n":1.0}"#
    );
    assert!(seen.contains(&format!("\r\ncontent-length: {}\r\n", sent.len())));
}

#[test]
fn a_token_anywhere_else_is_denied_with_its_place() {
    let world = World::new();
    let key = api_key(&world, "real-key");
    let secret = secret_key(&world, "real-secret");
    let value = injected(&world, "real-value");
    let derived =
        world.config.seals.seal(Secret::new("raw"), Source::Derived("providers:acme/api_key".to_owned()));
    let stranger = World::new();
    let foreign = api_key(&stranger, "of another operation");
    let other_key =
        world.config.seals.seal(Secret::new("k"), Source::VaultKey("providers:neon/api_key".to_owned()));
    let json = &[("content-type", "application/json")][..];
    let field = |name: &str, token: &str| format!(r#"{{"{name}":"{token}"}}"#);
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{value}")));

    for (class, request, says) in [
        ("URL: path", request("GET", &format!("{API}/{key}"), &[], ""), "the URL's path"),
        ("URL: query", request("GET", &format!("{API}?k={key}"), &[], ""), "the URL's query"),
        ("other header", request("GET", API, &[("x-other", &key)], ""), "header `x-other`"),
        (
            "header of another origin",
            request("GET", "https://other.acme.dev:8443/", &[("authorization", &key)], ""),
            "may not go to `https://other.acme.dev:8443`",
        ),
        (
            "other key",
            request("GET", API, &[("authorization", &other_key)], ""),
            "vault key `providers:neon/api_key` may not go",
        ),
        (
            "body key in a header",
            request("GET", API, &[("authorization", &secret)], ""),
            "vault key `providers:acme/secret_key` may not go",
        ),
        (
            "header key in a body",
            request("POST", API, json, &field("secretapikey", &key)),
            "body field `secretapikey`",
        ),
        (
            "injected value in a header",
            request("GET", API, &[("authorization", &value)], ""),
            "the injected secret `db.DATABASE_URL` may not go",
        ),
        (
            "injected value in basic credentials",
            request("GET", API, &[("authorization", &basic)], ""),
            "the injected secret",
        ),
        (
            "derived key in a header",
            request("GET", API, &[("authorization", &derived)], ""),
            "a key derived from",
        ),
        (
            "derived key in a body",
            request("POST", API, json, &field("secretapikey", &derived)),
            "a key derived from",
        ),
        ("other field", request("POST", API, json, &field("name", &value)), "body field `name`"),
        (
            "field of the same name, deeper",
            request("POST", API, json, &format!(r#"{{"a":{}}}"#, field("secretapikey", &secret))),
            "body field `a.secretapikey`",
        ),
        (
            "field in an array",
            request("POST", API, json, &format!("[{}]", field("secretapikey", &secret))),
            "body field `*.secretapikey`",
        ),
        (
            "dotted name that looks like a place",
            request("POST", API, json, &field("config.env.A", &value)),
            "body field `*`",
        ),
        ("name of a member", request("POST", API, json, &field(&value, "x")), "a member's name"),
        ("whole body", request("POST", API, json, &format!("\"{value}\"")), "the body as a whole"),
        (
            "escaped token in another field",
            request(
                "POST",
                API,
                json,
                &format!(r#"{{"secretapikey":"{secret}","x":"\u0073{}"}}"#, &secret[1..]),
            ),
            "body field `x`",
        ),
        ("body that is not JSON", request("POST", API, json, &format!("k={value}")), "is not JSON"),
        (
            "body of another type",
            request("POST", API, &[("content-type", "text/plain")], &field("secretapikey", &secret)),
            "content-type",
        ),
        (
            "body of another charset",
            request(
                "POST",
                API,
                &[("content-type", "application/json; charset=utf-16")],
                &field("secretapikey", &secret),
            ),
            "content-type",
        ),
        ("body without a type", request("POST", API, &[], &field("secretapikey", &secret)), "content-type"),
        (
            "granted field of another rule",
            post("/search", &format!(r#"{{"config":{{"env":{{"A":"{value}"}}}}}}"#)),
            "body field `config.env.A`",
        ),
        (
            "token of another operation: header",
            request("GET", API, &[("authorization", &foreign)], ""),
            "no secret of this operation",
        ),
        (
            "token of another operation: body",
            request("POST", API, json, &field("secretapikey", &foreign)),
            "no secret of this operation",
        ),
    ] {
        let denial = world.denial(&request);
        assert!(denial.message.contains(says), "{class}: {}", denial.message);
        assert!(!denial.message.contains("real-"), "{class}");
    }
}

#[test]
fn a_denied_secret_shows_the_line_that_would_allow_it() {
    let world = World::new();
    let key = api_key(&world, "real-key");
    let denial = world.denial(&request("GET", "https://other.acme.dev:8443/", &[("x-key", &key)], ""));
    let line = denial.allow.unwrap();
    assert!(line.starts_with(
        r#"authority.vault.read = [{ key = "providers:acme/api_key", origins = ["https://other.acme.dev:8443"], headers = ["x-key"] }]"#
    ));
}

#[tokio::test]
async fn a_secret_cannot_break_out_of_its_header() {
    let server = Server::always(answer(200, "", "")).await;
    let world = World::towards(&server);
    for (secret, says) in
        [("key\n", "line break"), ("key\r\nx-evil: 1", "line break"), ("key\0", "control character")]
    {
        let token = api_key(&world, secret);
        let plain = request("GET", API, &[("authorization", &token)], "");
        let basic = format!("Basic {}", STANDARD.encode(&token));
        for request in [plain, request("GET", API, &[("authorization", &basic)], "")] {
            let denial = denied(soon(world.gate().send(request)).await);
            assert!(denial.message.contains(says), "{}", denial.message);
            assert!(denial.message.contains("vault key `providers:acme/api_key`"), "{}", denial.message);
        }
    }
    assert!(server.seen().is_empty());
}

#[test]
fn text_that_only_looks_like_a_token_is_text() {
    let world = World::new();
    let request = request("POST", API, &[("x-a", "sealed1_"), ("content-type", "text/plain")], "sealed1_zz");
    assert!(world.gate().judge(&request).is_ok());
}
