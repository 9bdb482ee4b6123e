//! What a granted plugin can do: the gate is of no use if honest requests fail.

use ss_capability_http::{Mode, Safety};

use crate::support::{Server, World, answer, get, post, request, soon};

fn safety(world: &World, request: &http::Request<ss_capability_http::Bytes>) -> Safety {
    match world.gate().judge(request) {
        Ok(verdict) => verdict.safety,
        Err(denial) => panic!("{}", denial.message),
    }
}

#[test]
fn granted_requests_pass_and_are_told_apart() {
    let world = World::new();
    for (request, expected) in [
        (get("/v1/apps"), Safety::Safe),
        (get("/v1/"), Safety::Safe),
        (get("/v1/apps?limit=10&cursor=a%2Fb&filter[name]=x"), Safety::Safe),
        (get("/v1/kv/a%20b%C3%A9"), Safety::Safe),
        (get("/zones/z1/records/r1"), Safety::Safe),
        (post("/zones/z1/records/", "{}"), Safety::Unsafe),
        (request("HEAD", "https://api.acme.dev/v1/apps", &[], ""), Safety::Safe),
        (request("GET", "https://api.acme.dev:443/v1/apps", &[("host", "api.acme.dev")], ""), Safety::Safe),
        (request("GET", "https://bucket-1.storage.acme.dev/key", &[], ""), Safety::Safe),
        (request("GET", "https://bucket-1.blob.eu-1.acme.dev/key", &[], ""), Safety::Safe),
        (
            request("GET", "https://other.acme.dev:8443/", &[("host", "other.acme.dev:8443")], ""),
            Safety::Safe,
        ),
        (request("DELETE", "https://api.acme.dev/v1/apps/1", &[], ""), Safety::Unsafe),
        (request("PUT", "https://b.storage.acme.dev/k", &[("content-length", "2")], "ab"), Safety::Unsafe),
        (post("/v1/apps", r#"{"name":"x"}"#), Safety::Unsafe),
        (post("/search", "anything"), Safety::Safe),
        (post("/graphql", r#"{"query":"{ me { id } }"}"#), Safety::Safe),
        (post("/graphql", r#"{"query":"mutation { a }"}"#), Safety::Unsafe),
    ] {
        assert_eq!(safety(&world, &request), expected, "{request:?}");
    }
}

#[test]
fn a_read_only_operation_may_read() {
    let world = World::read_only();
    for request in [get("/v1/apps"), post("/search", "{}"), post("/graphql", r#"{"query":"query Q { a }"}"#)]
    {
        assert_eq!(safety(&world, &request), Safety::Safe);
    }
}

#[tokio::test]
async fn what_arrives_is_what_the_plugin_meant() {
    let server =
        Server::always(answer(201, "x-request-id: r1\r\nconnection: close\r\n", r#"{"id":1}"#)).await;
    let world = World::towards(&server);
    let request = request(
        "POST",
        "https://api.acme.dev/v1/apps?wait=true",
        &[("content-type", "application/json"), ("accept-encoding", "gzip"), ("x-acme", "1")],
        r#"{"name":"x"}"#,
    );
    let response = soon(world.gate().send(request)).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.body().as_ref(), br#"{"id":1}"#);
    assert_eq!(response.headers()["x-request-id"], "r1");
    assert!(!response.headers().contains_key("connection"));

    let seen = server.seen().remove(0);
    assert!(seen.starts_with("POST /v1/apps?wait=true HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"name\":\"x\"}"));
    for line in ["host: api.acme.dev", "accept-encoding: identity", "x-acme: 1", "content-length: 12"] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
    }
    assert!(seen.contains("\r\nuser-agent: starsystem/"));
    assert!(!seen.contains("gzip"));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::always(answer(200, "", "ok")).await;
    let world = World::towards(&server);
    let gate = world.gate();
    for _ in 0..3 {
        assert_eq!(soon(gate.send(get("/v1/a"))).await.unwrap().status(), 200);
    }
    assert_eq!(world.config.mode, Mode::Full);
    assert_eq!(server.seen().len(), 3);
}
