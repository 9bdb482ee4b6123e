//! Traces: what a collector gets, read by OpenTelemetry's own Python package, and what a dead one changes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::python_with;
use crate::rehearsal::{Rehearsal, immediate};
use crate::{Output, canary};

/// A collector's key.
const HEADER_KEY: &str = "hcaik_01hq3v7z8k9 x2";

/// Reads OTLP on standard input and prints its resource and spans as JSON.
const DECODER: &str = r#"
import json, sys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
request = Request.FromString(sys.stdin.buffer.read())
value = lambda v: getattr(v, v.WhichOneof("value"))
pairs = lambda attributes: {one.key: value(one.value) for one in attributes}
resource, = request.resource_spans
scope, = resource.scope_spans
print(json.dumps({
    "resource": pairs(resource.resource.attributes),
    "spans": [{
        "trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex(),
        "name": span.name, "kind": span.kind, "error": span.status.code == 2,
        "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
        "attributes": pairs(span.attributes),
    } for span in scope.spans],
}))
"#;

/// A folder with Python and OpenTelemetry's messages; none if they cannot be had.
fn python() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| python_with("otlp", &["opentelemetry-proto"], "bin/python")).as_deref()
}

fn decode(body: &[u8]) -> Value {
    let python = python().expect("asked for before").join("bin/python");
    let mut child = Command::new(python)
        .args(["-c", DECODER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    child.stdin.take().expect("stdin").write_all(body).expect("Python reads");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "this is no OTLP");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a collector received.
struct Received {
    /// Request line and headers, in lower case.
    head: String,
    body: Vec<u8>,
}

/// A collector that takes everything.
struct Collector {
    url: String,
    received: Receiver<Received>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (tell, received) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if tell.send(take(stream)).is_err() {
                    return;
                }
            }
        });
        Self { url, received }
    }

    /// The one trace that has come since the last.
    fn trace(&self) -> Received {
        let received = self.received.try_recv().expect("a trace");
        assert!(self.received.try_recv().is_err(), "one trace, in one request");
        received
    }
}

fn take(stream: TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a line") > 0, "the head ends early");
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.trim().parse().expect("a number")];
    reader.read_exact(&mut body).expect("the body");
    let _ =
        reader.into_inner().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    Received { head: lower, body }
}

fn run(rehearsal: &Rehearsal, command: &[&str]) -> Output {
    rehearsal.environment.run(&[command, &["--env=prod"]].concat())
}

fn receipt(rehearsal: &Rehearsal) -> Value {
    let output = run(rehearsal, &["inspect", "--json"]);
    serde_json::from_str(&output.stdout).expect("a receipt")
}

/// The names from the root to a span.
fn path(spans: &[Value], span: &Value) -> Vec<String> {
    let parent = spans.iter().find(|other| other["id"] == span["parent"]);
    let mut names = parent.map(|parent| path(spans, parent)).unwrap_or_default();
    names.push(span["name"].as_str().expect("a name").to_owned());
    names
}

#[test]
fn a_collector_gets_the_documented_tree_of_every_run() {
    if python().is_none() {
        return;
    }
    let collector = Collector::start();
    let mut rehearsal = Rehearsal::with_variables(immediate());
    let header = HEADER_KEY.replace(' ', "%20");
    rehearsal.environment.set("OTEL_EXPORTER_OTLP_HEADERS", &format!("x-honeycomb-team={header}"));
    // As the documents have it: the path is there already.
    rehearsal.environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("{}/v1/traces", collector.url));

    let deployed = run(&rehearsal, &["deploy"]);
    assert_eq!(deployed.code, 0, "{}", deployed.raw);
    let sent = collector.trace();
    assert!(sent.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", sent.head);
    for header in ["content-type: application/x-protobuf", &format!("x-honeycomb-team: {HEADER_KEY}")] {
        assert!(sent.head.contains(&format!("\r\n{header}\r\n")), "{header} in {}", sent.head);
    }
    rehearsal.environment.write_bytes("sent.otlp", &sent.body);

    let (trace, receipt) = (decode(&sent.body), receipt(&rehearsal));
    assert_eq!(trace["resource"]["service.name"], "starsystem");
    let spans = trace["spans"].as_array().expect("spans");
    let shown = run(&rehearsal, &["inspect"]);
    let id = spans[0]["trace"].as_str().expect("an id");
    assert_eq!(receipt["trace"], id);
    assert!(shown.stdout.contains(&format!("trace: {id}\n")), "{}", shown.stdout);
    assert_eq!(id, receipt["run"].as_str().expect("a run").replace('-', ""));

    let above = |service: &str, provider: &str| {
        let service = format!("ss.deploy.service.{service}");
        ["ss.cli.deploy".to_owned(), "ss.deploy".to_owned(), service, format!("ss.provision.{provider}")]
    };
    let paths: Vec<Vec<String>> = spans.iter().map(|span| path(spans, span)).collect();
    for wanted in [above("app-db", "neon"), above("api", "fly")] {
        assert!(paths.contains(&wanted.to_vec()), "{wanted:?} is not among {paths:#?}");
    }
    assert_eq!(spans.iter().filter(|span| span["parent"] == "").count(), 1, "one root");
    assert!(spans.iter().all(|span| span["trace"] == id && span["start"].as_u64() <= span["end"].as_u64()));

    // One span per gated request, no more and no less.
    let mut requests: Vec<String> = spans
        .iter()
        .filter(|span| span["kind"] == 3)
        .map(|span| {
            let of = |name: &str| span["attributes"][name].to_string();
            let names = ["server.address", "url.path", "http.response.status_code", "starsystem.grant"];
            format!("{} {}", of("http.request.method"), names.map(of).join(" "))
        })
        .collect();
    let mut calls: Vec<String> = receipt["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(|call| {
            let status = &call["outcome"]["status"];
            format!("{} {} {} {status} {}", call["method"], call["host"], call["path"], call["grant"])
        })
        .collect();
    requests.sort();
    calls.sort();
    assert_eq!(requests, calls);
    assert!(calls.len() > 5, "{calls:?}");

    // The other commands, with the endpoint as OpenTelemetry has it.
    rehearsal.environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    let to = format!("--to={}", &id[..8]);
    for (command, root) in [
        (&["rollback", &to][..], "ss.cli.rollback"),
        (&["provision"], "ss.cli.provision"),
        (&["destroy", "--yes"], "ss.cli.destroy"),
    ] {
        let output = run(&rehearsal, command);
        assert_eq!(output.code, 0, "{}", output.raw);
        let sent = collector.trace();
        assert!(sent.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", sent.head);
        rehearsal.environment.write_bytes(&format!("{}.otlp", command[0]), &sent.body);
        let trace = decode(&sent.body);
        assert_eq!(trace["spans"][0]["name"], root);
    }
    assert!(
        run(&rehearsal, &["plan"]).code == 0 && collector.received.try_recv().is_err(),
        "no run, no trace"
    );

    // What was sent lies in the project's folder now, and is searched with everything else.
    rehearsal.assert_no_secret(&[&deployed, &shown]);
    canary::assert_absent(&rehearsal.environment, HEADER_KEY, &[&deployed, &shown], &[]);
}

/// A collector that accepts connections and says nothing.
fn silent() -> (String, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let held = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&held);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            keep.lock().expect("held").push(stream);
        }
    });
    (url, held)
}

#[test]
fn a_dead_collector_costs_nothing_and_changes_nothing() {
    let mut rehearsal = Rehearsal::with_variables(immediate());
    let first = run(&rehearsal, &["deploy"]);
    assert_eq!(first.code, 0, "{}", first.raw);
    let timed = |rehearsal: &Rehearsal| {
        let begun = Instant::now();
        (run(rehearsal, &["deploy"]), begun.elapsed())
    };
    let (alone, took) = timed(&rehearsal);
    let lines = |output: &Output| output.stderr.lines().map(str::to_owned).collect::<Vec<_>>();
    let without_ids = |output: &Output| {
        let all = lines(output);
        all.into_iter().filter(|line| !line.starts_with("next: `ss inspect")).collect::<Vec<_>>()
    };
    let (silent, held) = silent();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let cases = [
        (format!("http://{closed}"), "could not be sent"),
        (silent.clone(), "did not take the trace within <time>"),
        ("http://collector.invalid:4318".to_owned(), "the trace"),
        ("collector:4317".to_owned(), "`OTEL_EXPORTER_OTLP_ENDPOINT` is not an address of HTTP"),
    ];
    for (endpoint, says) in &cases {
        rehearsal.environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let (output, took_so) = timed(&rehearsal);
        assert_eq!((output.code, &output.stdout), (0, &alone.stdout), "{endpoint}: {}", output.raw);
        let mut notes = without_ids(&output);
        let note = notes.pop().expect("a line");
        assert!(note.starts_with("note: ") && note.contains(says), "{endpoint}: {note}");
        assert_eq!(notes, without_ids(&alone), "{endpoint}: one line more, and no other");
        assert!(took_so < took + Duration::from_secs(2), "{endpoint}: {took_so:?} instead of {took:?}");
    }
    assert!(!held.lock().expect("held").is_empty(), "it was reached");

    // A run that fails still fails as it did.
    rehearsal.environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", &silent);
    rehearsal.environment.set("NEON_API_KEY", "napi_wrong");
    let failed = run(&rehearsal, &["deploy", "--json"]);
    assert_eq!(failed.code, 1, "{}", failed.raw);
    serde_json::from_str::<Value>(&failed.stdout).expect("one document");
}
