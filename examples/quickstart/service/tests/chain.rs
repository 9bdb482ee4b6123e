//! The three services find each other by the injected values, and only by them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Service {
    child: Child,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(role: &str, env: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart-service"));
        command.args([role, "--port=0"]).envs(env.iter().cloned()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("its first line");
        let address = line.trim().rsplit(' ').next().expect("an address").to_owned();
        Self { child, address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

#[test]
fn health_needs_the_whole_chain() {
    let store = Service::start("store", &[]);
    let api = Service::start("api", &[("STORE_URL", store.url())]);
    let web = Service::start("web", &[("API_URL", api.url())]);
    assert!(web.get("/").ends_with("hello number 1\n"));
    assert!(web.get("/").ends_with("hello number 2\n"));
    assert!(web.get("/health").starts_with("HTTP/1.1 200"));
    assert!(web.get("/elsewhere").starts_with("HTTP/1.1 404"));
    drop(store);
    assert!(web.get("/health").starts_with("HTTP/1.1 503"));
}

#[test]
fn a_missing_value_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart-service"));
    let output = command.args(["api", "--port=0"]).env_remove("STORE_URL").output().expect("it runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("STORE_URL"));
}
