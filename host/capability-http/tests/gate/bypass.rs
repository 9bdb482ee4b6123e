//! Every known way around the gate, one line each: the class, the attempt, and what the denial says.

use http::{HeaderValue, Request};
use ss_capability_http::Bytes;

use crate::support::{World, get, post, request};

/// Attempts by URL: (class, URL, part of the denial). The method is GET.
const URLS: &[(&str, &str, &str)] = &[
    ("other host", "https://evil.example/v1/apps", "nothing at `https://evil.example` is granted"),
    ("other host: suffix", "https://api.acme.dev.evil.example/v1/", "nothing at"),
    ("other host: prefix", "https://evilapi.acme.dev/v1/", "nothing at"),
    ("other host: parent", "https://acme.dev/v1/", "nothing at"),
    ("other host: child", "https://x.api.acme.dev/v1/", "nothing at"),
    ("wildcard: no label", "https://storage.acme.dev/", "nothing at"),
    ("wildcard: two labels", "https://a.b.storage.acme.dev/", "nothing at"),
    ("wildcard: punycode label", "https://xn--bcher-kva.storage.acme.dev/", "nothing at"),
    ("wildcard: literal star", "https://*.storage.acme.dev/", "not a DNS name"),
    ("two wildcards: no first label", "https://blob.eu-1.acme.dev/", "nothing at"),
    ("two wildcards: no second label", "https://a.blob.acme.dev/", "nothing at"),
    ("two wildcards: two labels for the first", "https://a.b.blob.eu-1.acme.dev/", "nothing at"),
    ("two wildcards: two labels for the second", "https://a.blob.eu.1.acme.dev/", "nothing at"),
    ("two wildcards: another name between", "https://a.mail.eu-1.acme.dev/", "nothing at"),
    ("two wildcards: punycode label", "https://a.blob.xn--bcher-kva.acme.dev/", "nothing at"),
    ("two wildcards: suffix", "https://a.blob.eu-1.acme.dev.evil.example/", "nothing at"),
    ("two wildcards: other owner", "https://a.blob.acme.dev.evil.example/", "nothing at"),
    ("two wildcards: literal stars", "https://*.blob.*.acme.dev/", "not a DNS name"),
    ("other scheme", "http://api.acme.dev/v1/apps", "nothing at `http://api.acme.dev`"),
    ("other scheme: ftp", "ftp://api.acme.dev/v1/apps", "starts with `https://`"),
    ("other scheme: ws", "wss://api.acme.dev/v1/apps", "starts with `https://`"),
    ("no origin", "/v1/apps", "not absolute"),
    ("no origin: asterisk", "*", "not absolute"),
    ("other port", "https://api.acme.dev:8443/v1/apps", "nothing at"),
    ("other port: the other scheme's", "https://api.acme.dev:80/v1/apps", "nothing at"),
    ("other port: default instead of granted", "https://other.acme.dev/", "nothing at"),
    ("port: leading zero", "https://api.acme.dev:0443/v1/apps", "the port"),
    ("port: too large", "https://api.acme.dev:65979/v1/apps", "the port"),
    ("port: empty", "https://api.acme.dev:/v1/apps", "the port"),
    ("user information", "https://user@api.acme.dev/v1/apps", "user information"),
    ("user information: password", "https://a:b@api.acme.dev/v1/apps", "user information"),
    ("user information: granted host as user", "https://api.acme.dev@evil.example/v1/", "user information"),
    (
        "user information: granted host as user, port as password",
        "https://api.acme.dev:443@evil.example/v1/",
        "user information",
    ),
    ("host: trailing dot", "https://api.acme.dev./v1/apps", "may not end in a dot"),
    ("host: upper case", "https://API.acme.dev/v1/apps", "lower case"),
    ("host: single label", "https://localhost/v1/apps", "not a full DNS name"),
    ("host: metadata by name", "https://metadata.google.internal/v1/", "nothing at"),
    ("IPv4", "https://127.0.0.1/v1/", "numeric address"),
    ("IPv4: metadata", "https://169.254.169.254/latest/meta-data/", "numeric address"),
    ("IPv4: public", "https://1.1.1.1/v1/", "numeric address"),
    ("IPv4: decimal", "https://2130706433/v1/", "numeric address"),
    ("IPv4: hexadecimal", "https://0x7f000001/v1/", "numeric address"),
    ("IPv4: octal", "https://0177.0.0.1/v1/", "numeric address"),
    ("IPv4: short", "https://127.1/v1/", "numeric address"),
    ("IPv4: trailing dot", "https://127.0.0.1./v1/", "may not end in a dot"),
    ("IPv6", "https://[::1]/v1/", "numeric address"),
    ("IPv6: mapped", "https://[::ffff:127.0.0.1]/v1/", "numeric address"),
    ("IPv6: mapped, hexadecimal", "https://[::ffff:7f00:1]/v1/", "numeric address"),
    ("IPv6: NAT64", "https://[64:ff9b::7f00:1]/v1/", "numeric address"),
    ("other path", "https://api.acme.dev/v2/apps", "this path is not granted"),
    ("other path: folder without slash", "https://api.acme.dev/v1", "this path is not granted"),
    ("other path: longer folder", "https://api.acme.dev/v1evil/", "this path is not granted"),
    ("other path: case", "https://api.acme.dev/V1/apps", "this path is not granted"),
    ("other path: below an exact one", "https://api.acme.dev/graphql/x", "this path is not granted"),
    ("path: the segment of a star itself", "https://api.acme.dev/zones/1", "this path is not granted"),
    ("path: no segment for a star", "https://api.acme.dev/zones/records/1", "this path is not granted"),
    ("path: empty segment for a star", "https://api.acme.dev/zones//records/1", "empty segment"),
    ("path: two segments for a star", "https://api.acme.dev/zones/1/2/records/1", "this path is not granted"),
    ("path: encoded slash in a star", "https://api.acme.dev/zones/1%2f2/records/1", "%2F"),
    ("path: dots for a star", "https://api.acme.dev/zones/../records/1", "`..` segment"),
    ("path: dots behind a star", "https://api.acme.dev/zones/1/records/../x", "`..` segment"),
    (
        "path: another folder behind a star",
        "https://api.acme.dev/zones/1/recordsx/1",
        "this path is not granted",
    ),
    ("path: dots", "https://api.acme.dev/v1/../admin", "`..` segment"),
    ("path: dots at the end", "https://api.acme.dev/v1/..", "`..` segment"),
    ("path: one dot", "https://api.acme.dev/./v1/", "`..` segment"),
    ("path: encoded dots", "https://api.acme.dev/v1/%2e%2e/admin", "%2E"),
    ("path: half encoded dots", "https://api.acme.dev/v1/.%2E/admin", "%2E"),
    ("path: encoded slash", "https://api.acme.dev/v1/..%2fadmin", "%2F"),
    ("path: encoded backslash", "https://api.acme.dev/v1/..%5cadmin", "%5C"),
    ("path: doubly encoded", "https://api.acme.dev/v1/%252e%252e%252fadmin", "%25"),
    ("path: overlong UTF-8", "https://api.acme.dev/v1/%c0%ae%c0%ae/admin", "not UTF-8"),
    ("path: encoded letter", "https://api.acme.dev/v1/%61dmin", "%61"),
    ("path: empty segment", "https://api.acme.dev/v1//admin", "empty segment"),
    ("path: empty first segment", "https://api.acme.dev//v1/apps", "empty segment"),
    ("path: parameter", "https://api.acme.dev/v1/..;/admin", "';'"),
    ("path: encoded parameter", "https://api.acme.dev/v1/..%3b/admin", "%3B"),
    ("path: NUL", "https://api.acme.dev/v1/a%00", "%00"),
    ("path: encoded line break", "https://api.acme.dev/v1/a%0d%0aX:%20y", "%0D"),
    ("path: encoded question mark", "https://api.acme.dev/v1/a%3f", "%3F"),
    ("path: broken escape", "https://api.acme.dev/v1/a%2", "not an escape"),
    ("path: not ASCII", "https://api.acme.dev/v1/\u{2025}/admin", "which servers read"),
    ("path: full-width dots", "https://api.acme.dev/v1/\u{ff0e}\u{ff0e}/admin", "which servers read"),
    ("query: encoded line break", "https://api.acme.dev/v1/a?b=%0d%0aX:y", "line break"),
    ("query: NUL", "https://api.acme.dev/v1/a?b=%00", "NUL"),
    ("query: broken escape", "https://api.acme.dev/v1/a?b=%", "not an escape"),
    ("query: backslash", "https://api.acme.dev/v1/a?b=\\", "has to be escaped"),
    ("query: not ASCII", "https://api.acme.dev/v1/a?b=\u{e9}", "not printable ASCII"),
    ("query: method override", "https://api.acme.dev/v1/a?x=1&_method=DELETE", "overrides the method"),
    ("query: method override, encoded", "https://api.acme.dev/v1/a?%5Fmethod=DELETE", "overrides the method"),
    (
        "query: method override, case",
        "https://api.acme.dev/v1/a?X-HTTP-Method-Override=PUT",
        "overrides the method",
    ),
    (
        "query: method override, mixed case",
        "https://api.acme.dev/v1/a?_MeThOd=DELETE",
        "overrides the method",
    ),
    (
        "query: method override behind `;`",
        "https://api.acme.dev/v1/a?x=1;_method=PUT",
        "overrides the method",
    ),
];

/// Attempts by header: (class, name, value, part of the denial).
const HEADERS: &[(&str, &str, &str, &str)] = &[
    ("host header: other", "host", "evil.example", "differs from the host"),
    ("host header: granted, with port", "host", "api.acme.dev:443", "differs from the host"),
    ("host header: case", "host", "API.acme.dev", "differs from the host"),
    ("smuggling: transfer-encoding", "transfer-encoding", "chunked", "belongs to the connection"),
    ("smuggling: transfer-encoding, odd", "transfer-encoding", "xchunked", "belongs to the connection"),
    ("smuggling: content-length too long", "content-length", "5", "differs from the length"),
    ("smuggling: content-length with sign", "content-length", "+0", "differs from the length"),
    ("smuggling: content-length list", "content-length", "0, 0", "differs from the length"),
    ("smuggling: te", "te", "trailers", "belongs to the connection"),
    ("smuggling: trailer", "trailer", "x", "belongs to the connection"),
    ("smuggling: connection hides a header", "connection", "authorization", "belongs to the connection"),
    ("smuggling: keep-alive", "keep-alive", "timeout=999", "belongs to the connection"),
    ("smuggling: underscore", "content_length", "0", "in its name"),
    ("smuggling: odd name", "x'y", "0", "in its name"),
    ("smuggling: expect", "expect", "100-continue", "belongs to the connection"),
    ("upgrade", "upgrade", "websocket", "belongs to the connection"),
    ("upgrade: cleartext HTTP/2", "http2-settings", "AAMAAABkAARAAAAAAAIAAAAA", "belongs to the connection"),
    ("proxy", "proxy-authorization", "Basic eA==", "belongs to a proxy"),
    ("proxy: connection", "proxy-connection", "keep-alive", "belongs to a proxy"),
    ("rerouting: forwarded", "forwarded", "host=evil.example", "reroutes"),
    ("rerouting: forwarded host", "x-forwarded-host", "evil.example", "reroutes"),
    ("rerouting: original URL", "x-original-url", "/admin", "reroutes"),
    ("rerouting: rewritten URL", "x-rewrite-url", "/admin", "reroutes"),
    ("method override", "x-http-method-override", "DELETE", "overrides the method"),
    ("method override: another", "x-method-override", "DELETE", "overrides the method"),
    ("method override: short", "x-http-method", "DELETE", "overrides the method"),
    ("session", "cookie", "a=b", "carries a session"),
    ("compressed body", "content-encoding", "gzip", "hides the body"),
];

fn assert_denied(world: &World, class: &str, request: &Request<Bytes>, says: &str) {
    match world.gate().judge(request) {
        Ok(verdict) => panic!("{class}: allowed as {verdict:?}"),
        Err(denial) => {
            assert!(denial.message.contains(says), "{class}: {}", denial.message);
            assert_eq!(denial.capability, "http");
            assert!(denial.message.starts_with("`acme` may not "), "{}", denial.message);
        }
    }
}

#[test]
fn by_url() {
    let world = World::new();
    for (class, url, says) in URLS {
        let Ok(request) = Request::builder().uri(*url).body(Bytes::new()) else {
            panic!("{class}: {url} is no URI, so the case shows nothing");
        };
        assert_denied(&world, class, &request, says);
    }
}

/// What the `http` crate refuses today; should it change its mind, the gate has to refuse it.
#[test]
fn by_url_that_is_none() {
    for url in [
        "https://api%2eacme.dev/v1/",
        "https://api.acme.dev%40evil.example/v1/",
        "https://api.acme.dev\\@evil.example/",
        "https://api.acme.dev\u{3002}evil.example/",
        "https://b\u{fc}cher.acme.dev/",
        "https://api.acme.dev/v1/\r\nX: y",
        "https://api.acme.dev/v1/ HTTP/1.1",
        "https://api.acme.dev/v1/\u{7f}",
        "https://api.acme.dev:443:80/",
        "https://api.acme.dev:4 43/",
        "https://[::1%25eth0]/",
        "https://[api.acme.dev]/",
        "https:///v1/",
        "https:api.acme.dev/v1/",
        "//api.acme.dev/v1/",
    ] {
        if let Ok(request) = Request::builder().uri(url).body(Bytes::new()) {
            assert!(World::new().gate().judge(&request).is_err(), "{url}");
        }
    }
}

#[test]
fn by_header() {
    let world = World::new();
    for (class, name, value, says) in HEADERS {
        let request = request("GET", "https://api.acme.dev/v1/apps", &[(name, value)], "");
        assert_denied(&world, class, &request, says);
    }
    for name in ["host", "content-length", "content-type", "authorization"] {
        let value = if name == "host" { "api.acme.dev" } else { "0" };
        let request = request("GET", "https://api.acme.dev/v1/apps", &[(name, value), (name, value)], "");
        assert_denied(&world, "a header twice", &request, "stands there twice");
    }
    let mut request = get("/v1/apps");
    request.headers_mut().insert("x-acme", HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap());
    assert_denied(&world, "header: not ASCII", &request, "not printable ASCII");
    // Line breaks in names or values cannot even be written down.
    assert!(HeaderValue::from_bytes(b"a\r\nx: y").is_err());
    assert!(http::HeaderName::from_bytes(b"a\r\nx").is_err());
}

#[test]
fn by_method() {
    let world = World::new();
    for (class, method, says) in [
        ("method: not granted here", "PUT", "this method is not granted here"),
        ("method: granted elsewhere", "PATCH", "this method is not granted here"),
        ("method: tunnel", "CONNECT", "not a method that can be granted"),
        ("method: echo", "TRACE", "not a method that can be granted"),
        ("method: extension", "PROPFIND", "not a method that can be granted"),
        ("method: lower case", "get", "not a method that can be granted"),
        ("method: lower case, unsafe", "delete", "not a method that can be granted"),
    ] {
        assert_denied(&world, class, &request(method, "https://api.acme.dev/v1/apps", &[], ""), says);
    }
}

#[test]
fn by_change_while_reading() {
    let world = World::read_only();
    let says = "only provision and destroy may";
    for (class, request) in [
        ("read-only: POST", post("/v1/apps", "{}")),
        ("read-only: DELETE", request("DELETE", "https://api.acme.dev/v1/apps/1", &[], "")),
        ("read-only: PUT", request("PUT", "https://b.storage.acme.dev/k", &[], "")),
        ("read-only: mutation", post("/graphql", r#"{"query":"mutation { a }"}"#)),
        (
            "read-only: second operation",
            post("/graphql", r#"{"query":"query A { a } mutation B { b }","operationName":"B"}"#),
        ),
        ("read-only: batch", post("/graphql", r#"[{"query":"{ a }"},{"query":"mutation { b }"}]"#)),
        ("read-only: doubled member", post("/graphql", r#"{"query":"{ a }","query":"mutation { b }"}"#)),
        (
            "read-only: persisted query",
            post("/graphql", r#"{"query":"{ a }","extensions":{"persistedQuery":{}}}"#),
        ),
        ("read-only: query in the URL", post("/graphql?query=mutation%7Bb%7D", r#"{"query":"{ a }"}"#)),
        ("read-only: not JSON", request("POST", "https://api.acme.dev/graphql", &[], r#"{"query":"{ a }"}"#)),
        (
            "read-only: other charset",
            request(
                "POST",
                "https://api.acme.dev/graphql",
                &[("content-type", "application/json; charset=utf-7")],
                r#"{"query":"{ a }"}"#,
            ),
        ),
        ("read-only: read declared for another path", post("/v1/search", "{}")),
    ] {
        assert_denied(&world, class, &request, says);
        assert!(World::new().gate().judge(&request).is_ok(), "{class}: not what the case is about");
    }
}

#[test]
fn by_size() {
    let mut world = World::new();
    world.config.limits.request_body = 100;
    let long = |len| "a".repeat(len);
    assert_denied(&world, "size: body", &post("/v1/a", &long(101)), "the body has more than 100 bytes");
    assert_denied(&world, "size: path", &get(&format!("/v1/{}", long(5000))), "the path is longer");
    assert_denied(&world, "size: query", &get(&format!("/v1/a?{}", long(9000))), "the URL is longer");
    let value = long(33_000);
    let request_with_large = request("GET", "https://api.acme.dev/v1/a", &[("x-a", &value)], "");
    assert_denied(&world, "size: headers", &request_with_large, "the headers have more than");
    let names: Vec<_> = (0..65).map(|index| format!("x-{index}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_denied(
        &world,
        "size: number of headers",
        &request("GET", "https://api.acme.dev/v1/a", &many, ""),
        "more than 64 headers",
    );
    assert_denied(
        &world,
        "body of GET",
        &request("GET", "https://api.acme.dev/v1/a", &[], "x"),
        "has no body",
    );
}

#[test]
fn nothing_granted_nothing_sent() {
    let mut world = World::new();
    let nothing = ss_capability_http::Policy::compile("acme", &ss_authority::Authority::default()).unwrap();
    world.config.policy = std::sync::Arc::new(nothing);
    assert_denied(&world, "no grant", &get("/v1/apps"), "nothing at");
}

#[test]
fn a_denial_shows_the_line_that_would_allow_it_and_no_secret() {
    let world = World::new();
    let allow =
        world.denial(&request("PATCH", "https://api.acme.dev/v1/apps?token=x", &[], "")).allow.unwrap();
    let (line, who) = allow.split_once(" # ").unwrap();
    assert_eq!(
        line,
        r#"authority.http = [{ origin = "https://api.acme.dev", path = "/v1/apps", methods = ["PATCH"] }]"#
    );
    assert!(who.contains("ss plugin approve acme"));
    // The line is one that works.
    let manifest = format!("name='a'\nversion='1.0.0'\ncontract='0.1.0'\ndescription='d'\n{line}");
    assert!(ss_authority::Manifest::parse(&manifest).is_ok());

    world.config.scrubber.learn(&ss_secret::Secret::new("hunter2hunter2"));
    let denial = world.denial(&request(
        "GET",
        "https://u:hunter2hunter2@e.example/hunter2hunter2?hunter2hunter2",
        &[],
        "",
    ));
    assert!(!denial.message.contains("hunter2"), "{}", denial.message);
    let denial = world.denial(&request("GET", "https://e.example/hunter2hunter2", &[], ""));
    assert!(!format!("{denial:?}").contains("hunter2"), "{denial:?}");
}

#[test]
fn a_denial_is_one_line_of_plain_text() {
    let world = World::new();
    let token = world
        .config
        .seals
        .seal(ss_secret::Secret::new("real"), ss_secret::Source::Injected("db.URL".to_owned()));
    for request in [
        get("/v1/\u{202e}\u{9b}2J"),
        post("/v1/apps", &format!(r#"{{"\u001b[2J\n":"{token}"}}"#)),
        post("/v1/apps", &format!(r#"{{"\"]":"{token}"}}"#)),
    ] {
        let denial = world.denial(&request);
        let shown = denial.message + denial.allow.as_deref().unwrap_or_default();
        assert!(shown.chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '), "{shown:?}");
    }
}
