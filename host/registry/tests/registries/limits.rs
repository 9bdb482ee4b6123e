//! Servers that answer too much, too slowly, or from elsewhere.

use std::fs;
use std::time::{Duration, Instant};

use ss_capability_http::Limits;
use ss_registry::{
    Directory, LoadError, MetadataFault, Patience, Registry, RemoteError, RoleName, SyncError, layout,
};

use crate::house::{House, Machine, alpha, fault};
use crate::server::{Habit, Server};

fn machine(house: &House, server: &Server) -> Machine {
    let mut machine = Machine::new();
    let limits = Limits {
        answer: Duration::from_secs(5),
        idle: Duration::from_secs(1),
        total: Duration::from_secs(2),
        ..Limits::default()
    };
    machine.patience = Patience { limits };
    machine.add(&server.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
    machine
}

fn remote<T: std::fmt::Debug>(result: Result<T, SyncError>) -> RemoteError {
    match result {
        Err(SyncError::Remote { failed, .. }) => failed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_web_server_is_asked_for_what_is_new_and_nothing_else() {
    let house = House::with_alpha();
    let server = Server::of(house.folder().to_owned());
    let machine = machine(&house, &server);
    machine.refresh().unwrap();
    machine.load("0.1.0").unwrap();
    server.requests();

    machine.refresh().unwrap();
    let asked = server.requests();
    assert_eq!(asked, [("/root/2.root.json".to_owned(), true), ("/timestamp.json".to_owned(), false)]);
    machine.load("0.1.0").unwrap();
    assert_eq!(server.requests(), [], "what is here is not asked for");

    house.publish("alpha", "0.2.0");
    machine.refresh().unwrap();
    let asked: Vec<_> = server.requests().into_iter().map(|(path, _)| path).collect();
    let index = format!("/{}", layout::index(&alpha()));
    assert_eq!(
        asked,
        ["/root/2.root.json", "/timestamp.json", "/snapshot.json", "/delegated/acme.json", &index]
    );
}

#[test]
fn an_answer_that_never_ends_is_cut_off() {
    let house = House::with_alpha();
    let server = Server::of(house.folder().to_owned());
    let machine = machine(&house, &server);
    machine.refresh().unwrap();
    let line = house.publish("alpha", "0.2.0");
    for path in ["root/2.root.json", "timestamp.json", "snapshot.json", "delegated/acme.json"] {
        let server = Server::of(house.folder().to_owned());
        server.behave(path, Habit::Endless);
        let fresh = Machine::new();
        let error = fresh.add(&server.url(), Some(house.fingerprint()), "acme", &[]).unwrap_err();
        let ss_registry::RegistriesError::Sync(error) = error else { panic!("{error}") };
        let RemoteError::TooLarge { file, limit } = remote::<()>(Err(*error)) else { panic!("{path}") };
        assert_eq!(file, path);
        if ["snapshot.json", "delegated/acme.json"].contains(&path) {
            assert_eq!(limit, fs::metadata(house.path(path)).unwrap().len(), "no more than was signed");
        }
    }
    server.behave(&layout::component(line.digest), Habit::Endless);
    let RemoteError::TooLarge { limit, .. } = remote(machine.load("0.2.0")) else { panic!() };
    assert_eq!(limit, line.size, "no more than was signed");
}

#[test]
fn an_answer_that_drips_is_given_up() {
    let house = House::with_alpha();
    let server = Server::of(house.folder().to_owned());
    let machine = machine(&house, &server);
    server.behave("timestamp.json", Habit::Drip);
    let begun = Instant::now();
    assert!(matches!(remote(machine.refresh()), RemoteError::Failed { .. }));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn roots_without_end_are_not_followed() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let root = house.key(RoleName::Root);
    for version in 2..=260u64 {
        let path = layout::root(version);
        fs::copy(house.path("root/1.root.json"), house.path(&path)).unwrap();
        house.forge(&path, &[root], |signed| signed["version"] = version.into());
    }
    assert!(matches!(fault(machine.refresh()).1, MetadataFault::TooManyRoots { .. }));
    let read = Registry::with_root("acme", Directory::new(house.folder()), house.fingerprint()).floor();
    let Err(LoadError::Metadata { refused, .. }) = read else { panic!("{read:?}") };
    assert!(matches!(refused.fault, MetadataFault::TooManyRoots { .. }), "{refused}");
}

#[test]
fn a_redirect_leads_to_the_public_internet_or_nowhere() {
    let house = House::with_alpha();
    for target in
        ["http://example.com/timestamp.json", "https://127.0.0.2:1/x", "ftp://127.0.0.1/x", "http://"]
    {
        let server = Server::of(house.folder().to_owned());
        let machine = machine(&house, &server);
        server.behave("timestamp.json", Habit::Redirect(target.to_owned()));
        assert!(matches!(remote(machine.refresh()), RemoteError::Failed { .. }), "{target}");
    }
    // On the same machine it is the operator's own business.
    let server = Server::of(house.folder().to_owned());
    let elsewhere = Server::of(house.folder().to_owned());
    let machine = machine(&house, &server);
    server.behave("timestamp.json", Habit::Redirect(format!("{}timestamp.json", elsewhere.url())));
    machine.refresh().unwrap();
    server.behave("root/2.root.json", Habit::Redirect("2.root.json".to_owned()));
    assert!(
        matches!(remote(machine.refresh()), RemoteError::Failed { reason, .. } if reason.contains("redirects"))
    );
}

#[test]
fn a_server_in_trouble_is_not_a_registry_without_files() {
    let house = House::with_alpha();
    let server = Server::of(house.folder().to_owned());
    let machine = machine(&house, &server);
    machine.refresh().unwrap();
    server.behave("root/2.root.json", Habit::Status(503));
    assert!(
        matches!(remote(machine.refresh()), RemoteError::Failed { reason, .. } if reason.contains("503"))
    );
    machine.load("0.1.0").unwrap();
}
