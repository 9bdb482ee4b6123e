//! `ss server` over HTTP: strangers, web pages, floods.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::TestEnvironment;
use crate::agents::web_service;
use crate::local::{eventually, free_port};
use crate::rehearsal::{Rehearsal, immediate};

/// A server that listens. It stops when this is dropped.
pub struct Listening {
    child: Child,
    pub port: u16,
}

impl Listening {
    pub fn start(environment: &TestEnvironment, arguments: &[&str]) -> Self {
        let port = free_port();
        let named = format!("--port={port}");
        let arguments = [&["server", "--http", named.as_str()], arguments].concat();
        let mut command = environment.command(&arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ss runs");
        let this = Self { child, port };
        eventually("the server listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        this
    }

    /// Sends a request; status and body of the answer.
    fn send(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).expect("a head");
        // A server that refuses a body need not read it.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
    }

    /// The head of a request that is in order.
    fn head(&self, more: &str) -> String {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n{more}",
            self.port
        )
    }

    /// Calls a tool; its result.
    pub fn call(&self, tool: &str, arguments: &Value) -> Value {
        let (status, body) = self.send(&self.head(""), request(tool, arguments).as_bytes());
        assert_eq!(status, 200, "{body}");
        let text = body
            .lines()
            .find_map(|line| line.strip_prefix("data: ").or_else(|| line.starts_with('{').then_some(line)));
        let answer: Value =
            serde_json::from_str(text.unwrap_or_default()).unwrap_or_else(|_| panic!("{body}"));
        answer["result"].clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(tool: &str, arguments: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
}

fn workshop() -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", "name: shop\nservices:\n  vm: {type: process}\n");
    environment
}

#[test]
fn neither_web_pages_nor_strangers_are_answered() {
    let environment = workshop();
    let server = Listening::start(&environment, &[]);
    let ask = request("starsystem_read_system", &json!({}));
    let status = |head: &str| server.send(head, ask.as_bytes()).0;
    let port = server.port;
    assert_eq!(status(&server.head("")), 200);
    assert_eq!(status(&server.head(&format!("Origin: http://localhost:{port}\r\n"))), 200);
    for origin in ["https://evil.example", "http://localhost", "null", "http://127.0.0.1:1", "file://"] {
        assert_eq!(status(&server.head(&format!("Origin: {origin}\r\n"))), 403, "{origin}");
    }
    for host in ["evil.example", "evil.example:7700", "localhost", "127.0.0.1.nip.io", "127.0.0.1:1"] {
        let head = server.head("").replace(&format!("127.0.0.1:{port}"), host);
        assert_eq!(status(&head), 403, "{host}");
    }
    let twice = server.head("Host: evil.example\r\n");
    assert!(matches!(status(&twice), 400 | 403));
    assert_eq!(status(&server.head("").replace("/mcp", "/")), 404);
    assert_eq!(status(&server.head("").replace("POST", "GET")), 405);
    assert_eq!(status(&server.head("").replace("application/json\r\nAccept", "text/plain\r\nAccept")), 415);
}

#[test]
fn another_address_needs_a_token() {
    let environment = workshop();
    let refused = environment.run(&["server", "--http", "--host=0.0.0.0", "--port=0"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("so a token is needed") && refused.stderr.contains("--token-file"),
        "{}",
        refused.raw
    );
    environment.write("token", "short\n");
    let short = environment.run(&["server", "--http", "--port=0", "--token-file=token"]);
    assert!(short.stderr.contains("it needs 32 at least"), "{}", short.raw);
    let token = "0123456789abcdef0123456789abcdef";
    environment.write("token", &format!("{token}\n"));
    let server = Listening::start(&environment, &["--host=0.0.0.0", "--token-file=token"]);
    let ask = request("starsystem_read_yaml", &json!({}));
    let status = |more: &str| server.send(&server.head(more), ask.as_bytes()).0;
    assert_eq!(status(""), 401);
    assert_eq!(status(&format!("Authorization: Bearer {}\r\n", token.replace('f', "e"))), 401);
    assert_eq!(status(&format!("Authorization: Bearer {token}\r\n")), 200);
}

#[test]
fn floods_are_survived() {
    let environment = workshop();
    let server = Listening::start(&environment, &[]);
    // A hundred megabytes are not read; the answer may get lost when the connection is closed on them.
    let large = vec![b' '; 100 << 20];
    let (status, answer) = server.send(&server.head(""), &large);
    assert!(matches!(status, 0 | 413), "{status} {answer}");
    let begun = Instant::now();
    let yaml = json!({});
    let tools = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..200).map(|_| scope.spawn(|| server.call("starsystem_read_system", &yaml))).collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert!(tools.iter().all(|result| result["structuredContent"]["name"] == "shop"));
    crate::agents::figure(&format!(
        "200 concurrent starsystem_read_system: {} ms",
        begun.elapsed().as_millis()
    ));
    // One writer: of two edits at the same time none gets lost.
    std::thread::scope(|scope| {
        for number in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let service = json!({ "type": "process", "command": format!("echo {number}") });
                let result = server.call(
                    "starsystem_add_service",
                    &json!({ "id": format!("s{number}"), "service": service }),
                );
                assert_ne!(result["isError"], true, "{result}");
            });
        }
    });
    let yaml = environment.read("starsystem.yaml");
    assert_eq!(yaml.matches("type: process").count(), 9, "{yaml}");
}

#[test]
fn the_documented_sequence_without_a_session_and_no_yes_from_strangers() {
    let environment = workshop();
    let server = Listening::start(&environment, &[]);
    let port = free_port();
    let ok = |tool: &str, arguments: Value| {
        let result = server.call(tool, &arguments);
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
        result["structuredContent"].clone()
    };
    ok("starsystem_read_system", json!({}));
    ok("starsystem_add_service", json!({ "id": "web", "service": web_service(port) }));
    assert_eq!(ok("starsystem_provision_service", json!({ "service_id": "web" }))["status"], "applied");
    assert_eq!(ok("starsystem_provision_status", json!({}))["healthy"], true);
    assert_eq!(ok("starsystem_test_connection", json!({ "service_id": "web" }))["reachable"], true);

    // Whoever can reach loopback may say that a person said yes: without a token that counts for nothing.
    let rehearsal = Rehearsal::new(immediate());
    let server = Listening::start(&rehearsal.environment, &[]);
    let params = json!({
        "name": "starsystem_provision_service",
        "arguments": { "service_id": "app-db", "environment": "prod" },
        "inputResponses": { "approval": { "action": "accept", "content": { "confirm": true } } },
        "requestState": "x",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "evil", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let more = "Mcp-Method: tools/call\r\nMcp-Name: starsystem_provision_service\r\n";
    let head = server.head(more).replace("2025-11-25", "2026-07-28");
    let (status, answer) = server.send(&head, body.as_bytes());
    assert!(status == 200 && answer.contains("approval-needed"), "{status} {answer}");
    assert!(rehearsal.unsafe_requests().is_empty());
}

#[test]
fn a_question_is_answered_once_and_for_its_plan_only() {
    let rehearsal = Rehearsal::new(immediate());
    let token = "0123456789abcdef0123456789abcdef";
    rehearsal.environment.write("token", token);
    let server = Listening::start(&rehearsal.environment, &["--token-file=token"]);
    let call = |tool: &str, arguments: Value, answer: Option<(&str, Value)>| {
        let mut params = json!({
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
            },
        });
        if let Some((question, answer)) = answer {
            params["inputResponses"] = json!({ "approval": answer });
            params["requestState"] = json!(question);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let more = format!("Authorization: Bearer {token}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n");
        let head = server.head(&more).replace("2025-11-25", "2026-07-28");
        let (status, body) = server.send(&head, body.as_bytes());
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"));
        answer["result"].clone()
    };
    let one = "starsystem_provision_service";
    let arguments = json!({ "service_id": "app-db", "environment": "prod" });
    let ask = || {
        let asked = call(one, arguments.clone(), None);
        asked["requestState"].as_str().unwrap_or_else(|| panic!("{asked:#}")).to_owned()
    };
    let yes = json!({ "action": "accept", "content": { "confirm": true } });
    let refused = |result: Value| assert_eq!(result["isError"], true, "{result:#}");
    refused(call(one, arguments.clone(), Some(("invented", yes.clone()))));
    refused(call("starsystem_deploy", json!({ "environment": "prod" }), Some((&ask(), yes.clone()))));
    for no in [
        json!({ "action": "decline", "content": { "confirm": true } }),
        json!({ "action": "accept", "content": { "confirm": false } }),
        json!({ "action": "accept" }),
    ] {
        let question = ask();
        refused(call(one, arguments.clone(), Some((&question, no))));
        refused(call(one, arguments.clone(), Some((&question, yes.clone()))));
    }
    assert!(rehearsal.unsafe_requests().is_empty(), "{:?}", rehearsal.unsafe_requests());
    let done = call(one, arguments.clone(), Some((&ask(), yes)));
    assert_eq!(done["structuredContent"]["approvedBy"], "person", "{done:#}");
    assert_eq!(rehearsal.neon.projects().len(), 1);
}

#[test]
fn whoever_is_slow_or_too_many_is_turned_away() {
    let environment = workshop();
    let server = Listening::start(&environment, &[]);
    let connect = || {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        stream
    };
    let begin = |head: &str| {
        let mut stream = connect();
        stream.write_all(head.as_bytes()).expect("a head");
        stream
    };
    let read = |mut stream: TcpStream| {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an end");
        String::from_utf8_lossy(&answer).into_owned()
    };
    // As many as are worked on at once: each has its turn and sends nothing.
    let stalled = server.head("Content-Length: 100\r\n\r\n");
    let slow: Vec<_> = (0..16).map(|_| begin(&stalled)).collect();
    let half_a_head = begin("POST /mcp HTTP/1.1\r\nHost: ");
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    server.call("starsystem_read_system", &json!({}));
    assert!(begun.elapsed() > Duration::from_secs(2), "it did not wait for its turn");
    for stream in slow {
        let answer = read(stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    read(half_a_head);
    assert!(begun.elapsed() < Duration::from_secs(18), "{:?}", begun.elapsed());
    let idle: Vec<_> = (0..512).map(|_| connect()).collect();
    let one_more = Instant::now();
    let mut stream = connect();
    let _ = stream.write_all(server.head("Content-Length: 0\r\n\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() && one_more.elapsed() < Duration::from_secs(5), "{}", answer.len());
    drop(idle);
}
