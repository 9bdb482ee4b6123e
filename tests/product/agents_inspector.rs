//! The documented sequence with the protocol's own inspector, which others wrote: over both transports, and its
//! strict look at every schema.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::TestEnvironment;
use crate::agents::web_service;
use crate::agents_http::Listening;
use crate::local::free_port;

/// What is installed, by name, with npm.
const PACKAGE: &str = "@modelcontextprotocol/inspector@2.12.0";

/// The inspector's program; none if it cannot be had.
fn inspector() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-inspector");
    let program = folder.join("node_modules/.bin/mcp-inspector");
    if program.is_file() {
        return Some(program);
    }
    std::fs::create_dir_all(&folder).ok()?;
    let arguments = ["install", "--no-audit", "--no-fund", "--silent", "--omit=dev", PACKAGE];
    let npm = Command::new("npm").args(arguments).current_dir(&folder).stdout(Stdio::null()).status();
    if npm.is_ok_and(|status| status.success()) && program.is_file() {
        return Some(program);
    }
    let line = "NOT RUN: the MCP inspector is missing (Debian package `npm`, then npm package `@modelcontextprotocol/inspector`)\n";
    std::io::stderr().write_all(line.as_bytes()).expect("stderr");
    None
}

/// Runs the inspector against the target; what it printed as JSON.
fn inspect(program: &Path, environment: &TestEnvironment, target: &[&str], arguments: &[&str]) -> Value {
    let ss = environment.command(&[]);
    let mut command = Command::new(program);
    command.arg("--cli").args(target).args(arguments).current_dir(environment.project()).env_clear();
    for (name, value) in ss.get_envs() {
        command.env(name, value.unwrap_or_default());
        // The inspector hands few variables on by itself.
        if let (Some(name), Some(value)) = (name.to_str(), value.and_then(|value| value.to_str())) {
            command.args(["-e", &format!("{name}={value}")]);
        }
    }
    let output = command.stdin(Stdio::null()).output().expect("the inspector runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn the_documented_sequence_and_strict_schemas() {
    let Some(program) = inspector() else { return };
    for over_http in [false, true] {
        let environment = TestEnvironment::warm();
        environment
            .write("starsystem.yaml", "# Ours.\nname: shop\nservices:\n  vm:   {type: process}  # odd\n");
        let server = over_http.then(|| Listening::start(&environment, &[]));
        let url = server.as_ref().map(|server| format!("http://127.0.0.1:{}/mcp", server.port));
        let ss = environment.command(&[]).get_program().to_str().expect("a path").to_owned();
        let target: Vec<&str> = url.as_deref().map_or_else(|| vec![&*ss, "server"], |url| vec![url]);
        let call = |tool: &str, arguments: &[&str]| {
            let mut all = vec!["--method", "tools/call", "--tool-name", tool];
            for argument in arguments {
                all.extend(["--tool-arg", argument]);
            }
            let result = inspect(program, &environment, &target, &all);
            assert_ne!(result["isError"], true, "{tool}: {result:#}");
            result["structuredContent"].clone()
        };
        let listed = inspect(program, &environment, &target, &["--method", "tools/list", "--strict"]);
        assert!(listed["tools"].as_array().expect("tools").len() >= 28);
        call("starsystem_read_system", &[]);
        let service = format!("service={}", web_service(free_port()));
        assert_eq!(call("starsystem_add_service", &["id=web", &service])["status"], "applied");
        assert_eq!(call("starsystem_provision_service", &["service_id=web"])["status"], "applied");
        assert_eq!(call("starsystem_provision_status", &[])["healthy"], true);
        assert_eq!(call("starsystem_test_connection", &["service_id=web"])["reachable"], true);
    }
}
