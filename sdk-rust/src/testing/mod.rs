//! A host for tests: provider logic runs natively against it, without WebAssembly and without a network.
//!
//! ```
//! use ss_sdk::http::Client;
//! use ss_sdk::testing::{FakeHost, json};
//! use serde_json::{Value, json};
//!
//! let host = FakeHost::with_cloud(|request| Ok(json(200, &json!({"path": request.path()}))));
//! let client = Client::new(&host, "Acme", "https://api.acme.test");
//! let answer: Value = client.get("/widgets").fetch()?;
//! assert_eq!(answer["path"], "/widgets");
//! assert!(host.unsafe_requests().is_empty());
//! # Ok::<(), ss_sdk::Failure>(())
//! ```

mod fake_host;
mod fake_process;

pub use fake_host::{Crash, FakeHost};

use serde_json::Value;

use crate::http::Response;

/// A sealed token for tests; `number` tells tokens apart.
pub fn sealed_token(number: u64) -> String {
    format!("sealed1_{number:040x}")
}

/// A JSON answer.
pub fn json(status: u16, body: &Value) -> Response {
    Response {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().into_bytes(),
    }
}

/// Answers that no API should give and some day one does: cut off, of another type, or not JSON at all.
pub fn hostile_answers() -> Vec<Response> {
    let bodies: [&[u8]; 12] = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"42",
        b"\"text\"",
        b"{\"project\": {\"id\":",
        b"{\"project\": 7, \"id\": [], \"config\": \"x\", \"projects\": {}, \"ips\": 1, \"tokens\": null}",
        b"{\"id\": \"\", \"project\": {\"id\": \"\"}, \"operations\": [{}], \"connection_uris\": [{}]}",
        b"<html><body>502 Bad Gateway</body></html>",
        b"\xff\xfe\x00\x01",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ];
    let mut answers = Vec::new();
    for status in [200, 201, 302, 400, 404, 409, 422, 423, 500, 999] {
        for body in bodies {
            answers.push(Response { status, headers: Vec::new(), body: body.to_vec() });
        }
    }
    answers
}
