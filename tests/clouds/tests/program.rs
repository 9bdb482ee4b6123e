//! The program: prints where it listens, and serves there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Ends the program with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn all_clouds_listen_and_tell_what_they_are_asked() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ss-clouds"));
    command.args(["all", "--key", "right", "--pace-ms", "1"]).stdout(Stdio::piped());
    let mut program = Ended(command.spawn().expect("the program starts"));
    let output = program.0.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(output).lines().map(|line| line.expect("text"));
    for name in ["NEON", "FLY", "RAILWAY", "SUPABASE"] {
        let address = lines.next().expect("a line");
        let export = lines.next().expect("a line");
        let url = export.trim().strip_prefix(&format!("export STARSYSTEM_ENDPOINT_{name}=")).expect(&export);
        assert!(address.ends_with(url));
        let mut stream = TcpStream::connect(url.strip_prefix("http://").expect("a URL")).expect("it listens");
        stream
            .write_all(b"GET /v1/apps HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        // Railway tells what is wrong with status 200.
        let refused = answer.starts_with("HTTP/1.1 401") || answer.contains("Not Authorized");
        assert!(refused, "{answer}");
    }
    let told: Vec<String> = lines.filter(|line| line.contains("/v1/apps")).take(4).collect();
    assert!(told.iter().all(|line| line.contains("GET /v1/apps")), "{told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("401")).count(), 3, "{told:?}");
}
