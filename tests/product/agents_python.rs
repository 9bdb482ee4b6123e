//! The documented sequence, driven by the official Python client, which others wrote, over both transports and in
//! both revisions of the protocol.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::TestEnvironment;
use crate::agents::web_service;
use crate::agents_http::Listening;
use crate::local::free_port;

/// What is installed, by name, with pip.
const PACKAGE: &str = "mcp==2.3.0";

/// Takes a JSON object: where the server is, the revision's mode, and the calls. Prints what each returned. The
/// client checks every result against the tool's published schema.
const DRIVER: &str = r#"
import asyncio, json, sys
from mcp import Client, StdioServerParameters

async def main():
    job = json.loads(sys.argv[1])
    where = job["url"] if "url" in job else StdioServerParameters(**job["stdio"])
    async with Client(where, mode=job["mode"]) as client:
        listed = await client.list_tools()
        out = {"version": client.protocol_version, "tools": [tool.name for tool in listed.tools], "results": []}
        for name, arguments in job["calls"]:
            result = await client.call_tool(name, arguments)
            out["results"].append({"error": result.is_error, "says": result.structured_content})
        print(json.dumps(out))

asyncio.run(main())
"#;

/// Python with the client; none if it cannot be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-venv");
    let python = folder.join("bin/python");
    let run = |program: &Path, arguments: &[&str]| {
        let status =
            Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let works = || run(&python, &["-c", "from mcp import Client"]);
    if works() {
        return Some(python);
    }
    let made = run(Path::new("python3"), &["-m", "venv", &folder.display().to_string()]);
    let arguments = ["install", "--quiet", "--disable-pip-version-check", PACKAGE];
    if made && run(&folder.join("bin/pip"), &arguments) && works() {
        return Some(python);
    }
    let line =
        "NOT RUN: the Python MCP client is missing (Debian package `python3-venv`, then pip package `mcp`)\n";
    std::io::stderr().write_all(line.as_bytes()).expect("stderr");
    None
}

fn drive(python: &Path, job: &Value) -> Value {
    let mut command = Command::new(python);
    let output = command.args(["-c", DRIVER, &job.to_string()]).output().expect("Python runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(printed.lines().last().unwrap_or_default()).expect("JSON")
}

/// The documented order of calls for a new process.
fn sequence(port: u16) -> Value {
    json!([
        ["starsystem_read_system", {}],
        ["starsystem_add_service", { "id": "web", "service": web_service(port) }],
        ["starsystem_provision_service", { "service_id": "web" }],
        ["starsystem_provision_status", {}],
        ["starsystem_test_connection", { "service_id": "web" }],
    ])
}

fn assert_done(done: &Value) {
    let results = done["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["error"] == false), "{done:#}");
    assert_eq!(results[2]["says"]["status"], "applied");
    assert_eq!(results[3]["says"]["healthy"], true);
    assert_eq!(results[4]["says"]["reachable"], true);
    assert!(done["tools"].as_array().unwrap().len() >= 28);
}

fn workshop() -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", "# Ours.\nname: shop\nservices:\n  vm:   {type: process}  # odd\n");
    environment
}

#[test]
fn on_stdio() {
    let Some(python) = python() else { return };
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let environment = workshop();
        let ss = environment.command(&[]);
        let variables: serde_json::Map<String, Value> = ss
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
            .collect();
        let stdio = json!({
            "command": ss.get_program().to_str().unwrap(),
            "args": ["server"],
            "env": variables,
            "cwd": environment.project(),
        });
        let done = drive(python, &json!({ "stdio": stdio, "mode": mode, "calls": sequence(free_port()) }));
        assert_eq!(done["version"], version);
        assert_done(&done);
        assert!(
            environment
                .read("starsystem.yaml")
                .starts_with("# Ours.\nname: shop\nservices:\n  vm:   {type: process}  # odd\n  web:\n")
        );
    }
}

#[test]
fn over_http() {
    let Some(python) = python() else { return };
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let environment = workshop();
        let server = Listening::start(&environment, &[]);
        let url = format!("http://localhost:{}/mcp", server.port);
        let done = drive(python, &json!({ "url": url, "mode": mode, "calls": sequence(free_port()) }));
        assert_eq!(done["version"], version);
        assert_done(&done);
    }
}
