//! A Terraform target whose module keeps its state at a backend, with the real Terraform.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::TestEnvironment;
use crate::terraform::real;

const MODULE: &str = r#"
terraform {
  backend "http" {}
}
variable "name" { type = string }
resource "terraform_data" "site" { input = var.name }
output "site_name" { value = terraform_data.site.output }
"#;

/// Keeps a text per path, as Terraform's `http` backend wants it.
struct Backend {
    url: String,
    kept: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::<Mutex<BTreeMap<String, String>>>::default();
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Self { url, kept }
    }

    fn state(&self) -> String {
        self.kept.lock().unwrap().values().cloned().collect()
    }
}

/// Answers one request and closes.
fn answer(mut stream: TcpStream, kept: &Mutex<BTreeMap<String, String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) == 0 || header == "\r\n" {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut kept = kept.lock().unwrap();
    let found = match method {
        "POST" => {
            kept.insert(path, String::from_utf8(body).unwrap());
            Some(String::new())
        }
        "DELETE" => {
            kept.remove(&path);
            Some(String::new())
        }
        _ => kept.get(&path).cloned(),
    };
    let (status, body) = found.map_or(("404 Not Found", String::new()), |text| ("200 OK", text));
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
}

/// A machine with a checkout of the system.
fn machine(backend: &Backend) -> TestEnvironment {
    let mut environment = TestEnvironment::warm();
    environment.set("TF_CLI_CONFIG_FILE", "/dev/null");
    environment.write("infra/main.tf", MODULE);
    environment.write(
        "starsystem.yaml",
        &format!(
            "name: my-app\nservices:\n  infra:\n    type: cdn\n    target:\n      type: terraform\n      module: infra\n      \
             variables: {{ name: my-site }}\n      backend: {{ address: \"{}/state\" }}\n",
            backend.url
        ),
    );
    environment.write("starsystem.prod.yaml", "environment: prod\n");
    environment
}

/// The states that lie in the home of `ss`.
fn local_states(environment: &TestEnvironment) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![environment.ss_home()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"instances\"")) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_state_at_a_backend_serves_every_machine() {
    if !real() {
        return;
    }
    let backend = Backend::start();
    let first = machine(&backend);
    let made = first.succeed(&["deploy", "--env=prod"]);
    assert!(made.stdout.contains("✓ terraform_data.site created"), "{}", made.raw);
    assert!(backend.state().contains("terraform_data"), "{}", backend.state());
    let kept = local_states(&first);
    assert!(kept.is_empty(), "{kept:?}");

    let second = machine(&backend);
    second.write("starsystem.prod.yaml", &first.read("starsystem.prod.yaml"));
    let same = second.succeed(&["deploy", "--env=prod"]);
    assert!(same.stdout.ends_with("✓ Deploy complete: 0 provisioned, 1 unchanged\n"), "{}", same.raw);
    second.replace("starsystem.yaml", "name: my-site", "name: our-site");
    second.succeed(&["deploy", "--env=prod"]);
    assert!(backend.state().contains("our-site"), "{}", backend.state());
    // The other checkout sees what the first has not been told.
    let plan = first.succeed(&["plan", "--env=prod"]);
    assert!(plan.stdout.contains("terraform_data.site.input: our-site → my-site"), "{}", plan.raw);

    second.succeed(&["destroy", "--env=prod", "--yes"]);
    assert!(!backend.state().contains("terraform_data"), "{}", backend.state());
    first.succeed(&["deploy", "--env=prod"]);
    assert!(backend.state().contains("my-site"), "{}", backend.state());
}
