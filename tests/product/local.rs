//! What the tests of local processes share: a server to start, free ports, and the processes that `ss` knows.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::TestEnvironment;

/// The variable that makes [`serve`] a server.
const PORT: &str = "PRODUCT_TEST_SERVER_PORT";

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The YAML lines of a service, indented by four, that serve HTTP on the port: `GET /health` answers 200,
/// `GET /<NAME>` the environment variable of that name.
pub fn server(port: u16) -> String {
    let program = std::env::current_exe().expect("this program");
    let command = format!("{} --exact local::serve --nocapture", program.display());
    format!("    type: process\n    command: {command}\n    env:\n      {PORT}: \"{port}\"\n")
}

/// Not a test: the server of [`server`], which is this program with a port in its environment.
#[test]
fn serve() {
    let Some(port) = std::env::var(PORT).ok().and_then(|port| port.parse::<u16>().ok()) else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    for mut stream in listener.incoming().flatten() {
        // The whole head, because closing with something unread resets the connection.
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let request = head.first().and_then(|line| line.split(' ').nth(1));
        let path = request.unwrap_or("/").trim_start_matches('/').to_owned();
        let body = if path == "health" { Some("ok".to_owned()) } else { std::env::var(&path).ok() };
        let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
        let body = body.unwrap_or_default();
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    }
}

/// Status and body of a GET; none if nobody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let answer = std::io::read_to_string(stream).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, body.to_owned()))
}

/// The processes that `--status` shows as healthy, by service.
pub fn pids(environment: &TestEnvironment) -> BTreeMap<String, u32> {
    // Not `run`, which replaces the very numbers.
    let status = environment.command(&["provision", "--status", "--json"]).output().expect("ss runs");
    let document: serde_json::Value = serde_json::from_slice(&status.stdout).expect("one JSON document");
    let services = document["status"]["services"].as_array().expect("services").iter();
    let healthy = services.filter(|service| service["healthy"] == true);
    healthy
        .filter_map(|service| {
            let message = service["message"].as_str()?;
            let digits = message.split_once("pid ")?.1;
            let end = digits.find(|c: char| !c.is_ascii_digit())?;
            Some((service["service"].as_str()?.to_owned(), digits[..end].parse().ok()?))
        })
        .collect()
}

/// Whether the process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Kills the process and waits until it is gone.
pub fn kill(pid: u32) {
    signal(pid, "KILL");
    eventually(&format!("the end of process {pid}"), || !is_alive(pid));
}

/// Sends a signal.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Waits until something holds, at most a minute: other tests keep the machine busy.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}
