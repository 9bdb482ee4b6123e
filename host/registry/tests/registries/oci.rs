//! A registry inside an OCI registry: Debian's `docker-registry`, for real, on loopback.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ss_capability_http::Client;
use ss_registry::{Location, MetadataFault, OciRepository, Patience};

use crate::fixture::version;
use crate::house::{House, Machine, alpha, block_on, fault};

/// A running OCI registry; it ends when dropped.
struct OciServer {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl OciServer {
    /// None if the program is not there; that is said where nobody overlooks it.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: true\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            data.display()
        );
        fs::write(&config, text).unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            let line = "\n*** NOT RUN: the program `docker-registry` is missing (Debian package `docker-registry`) ***\n";
            let _ = std::io::stderr().write_all(line.as_bytes());
            return None;
        };
        let server = Self { folder, port, process };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the registry does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    fn url(&self) -> String {
        format!("oci://127.0.0.1:{}/company/plugins", self.port)
    }

    fn repository(&self) -> OciRepository {
        match self.url().parse().unwrap() {
            Location::Oci(repository) => repository,
            other => panic!("{other}"),
        }
    }

    fn push(&self, folder: &Path) {
        block_on(self.repository().push_from(folder, &Client::new(), Patience::default())).unwrap();
    }

    fn pull(&self, folder: &Path) -> bool {
        block_on(self.repository().pull_into(folder, &Client::new(), Patience::default())).unwrap()
    }

    /// The tags of a repository, sorted.
    fn tags(&self, repository: &str) -> Vec<String> {
        let tags: PathBuf = self
            .folder
            .path()
            .join("data/docker/registry/v2/repositories")
            .join(repository)
            .join("_manifests/tags");
        let mut names: Vec<_> = fs::read_dir(tags)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for OciServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_registry_in_an_oci_registry_is_written_and_read() {
    let Some(server) = OciServer::start() else { return };
    assert!(!server.pull(tempfile::tempdir().unwrap().path()), "there is none yet");
    let house = House::with_alpha();
    server.push(house.folder());
    // The component by its version; its statement through the tag for registries without referrers.
    let tags = server.tags("company/plugins/acme/alpha");
    assert_eq!(tags[0], "0.1.0");
    assert!(tags[1].starts_with("sha256-") && tags[1].len() == 71, "{tags:?}");
    assert_eq!(server.tags("company/plugins"), ["starsystem-registry"]);

    let machine = Machine::new();
    machine.add(&server.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
    machine.refresh().unwrap();
    machine.load("0.1.0").unwrap();

    // Somebody else adds a release with a copy of the index only.
    let old = house.save();
    let copy = House::empty();
    assert!(server.pull(copy.folder()));
    assert_eq!(fs::read_dir(copy.path("root")).unwrap().count(), 1);
    copy.publish("alpha", "0.2.0");
    server.push(copy.folder());
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.2.0");
    machine.load("0.2.0").unwrap();
    machine.load("0.1.0").unwrap();

    // A tag that is moved back is an old state.
    server.push(old.path());
    assert!(matches!(fault(machine.refresh()).1, MetadataFault::Older { .. }));
    drop(server);
    machine.load("0.2.0").unwrap();
}

#[test]
fn a_version_that_is_there_is_not_pushed_over() {
    let Some(server) = OciServer::start() else { return };
    let house = House::with_alpha();
    server.push(house.folder());
    server.push(house.folder());
    let other = House::empty();
    let component = crate::fixture::plugin_component("alpha", "0.1.0", "");
    other.publish_by(&other.publisher, component, false);
    let pushed = block_on(server.repository().push_from(other.folder(), &Client::new(), Patience::default()));
    assert!(pushed.unwrap_err().to_string().contains("there already"));
    let machine = Machine::new();
    machine.add(&server.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
    let loaded = machine.load("0.1.0").unwrap();
    assert_eq!((loaded.name(), loaded.version()), (&alpha(), &version("0.1.0")));
    assert_eq!(loaded.manifest().authority.http.len(), 1);
}
