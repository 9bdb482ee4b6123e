//! The lock: written on first use, enforced afterwards, and trusted no further than it must be.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fixture;

use std::fs;

use fixture::{AUTHORITY, Shelf, key, plugin, plugin_component, version};
use ss_authority::Authority;
use ss_registry::{
    AdmitError, Approvals, Digest, Directory, Field, LOCK_FILE, Lock, LockError, MarkKind, POLICY_FILE,
    Publisher, Registry, RegistryPin, Workspace, WorkspaceError, layout,
};

/// More than [`AUTHORITY`].
const WIDER: &str = r#"
[[authority.http]]
origin = "https://api.example.com"
path = "/v1/"
methods = ["DELETE", "GET", "POST"]
"#;

/// Less than [`AUTHORITY`].
const NARROWER: &str = r#"
[[authority.http]]
origin = "https://api.example.com"
path = "/v1/"
methods = ["GET"]
"#;

/// A workspace folder and a home of `ss`.
struct Machine {
    folder: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Workspace {
        Workspace::open(self.folder.path(), self.home.path()).unwrap()
    }

    /// Uses `official/alpha` for the first time.
    fn first_use(&self, shelf: &Shelf) {
        let mut workspace = self.open();
        workspace.admit(&shelf.registry(), &plugin("alpha")).unwrap();
        workspace.save().unwrap();
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOCK_FILE)).unwrap()
    }

    fn edit(&self, from: &str, to: &str) {
        let lock = self.lock();
        assert!(lock.contains(from), "{from} is not in {lock}");
        fs::write(self.folder.path().join(LOCK_FILE), lock.replacen(from, to, 1)).unwrap();
    }

    fn admit(&self, shelf: &Shelf) -> Result<Authority, AdmitError> {
        self.open().admit(&shelf.registry(), &plugin("alpha")).map(|admitted| admitted.granted)
    }

    /// What a person's approval of the lock as it is does.
    fn approve(&self) {
        let folder = fs::canonicalize(self.folder.path()).unwrap();
        let grants = Lock::read(&folder.join(LOCK_FILE)).unwrap().trust_digest();
        Approvals::read(self.home.path()).unwrap().record(&folder, grants).unwrap();
    }
}

fn authority(manifest_part: &str) -> Authority {
    let text = fixture::manifest("alpha", "0.1.0", "0.1.0", manifest_part);
    ss_authority::Manifest::parse(&text).unwrap().authority
}

#[test]
fn first_use_pins_and_grants_what_is_requested() {
    let (shelf, line) = Shelf::with_alpha();
    let machine = Machine::new();
    let mut workspace = machine.open();
    let admitted = workspace.admit(&shelf.registry(), &plugin("alpha")).unwrap();
    assert_eq!(admitted.granted, authority(AUTHORITY));
    assert!(!machine.folder.path().join(LOCK_FILE).exists(), "nothing is written before it is saved");
    workspace.save().unwrap();

    let expected = format!(
        r#"# Written by `ss`. Commit it: it pins every plugin and what each may do.

version = 1

[[plugin]]
name = "official/alpha"
version = "0.1.0"
registry = "official"
digest = "{}"
size = {}
contract = "starsystem:provisioner/provisioner@0.1.0"
statement = "{}"
requested = "{}"

[plugin.signer]
kind = "ed25519"
keys = ["{}"]

[[plugin.granted.http]]
origin = "https://api.example.com"
path = "/v1/"
methods = [
    "GET",
    "POST",
]
"#,
        line.digest,
        line.size,
        line.statement_digest,
        line.requested,
        shelf.key.public().id(),
    );
    assert_eq!(machine.lock(), expected);
    assert_eq!(Lock::parse(machine.lock().as_bytes()).unwrap().to_toml(), machine.lock());
}

#[test]
fn looking_at_a_plugin_pins_nothing() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    let mut workspace = machine.open();
    let seen = workspace.load(&shelf.registry(), &plugin("alpha"), None).unwrap();
    assert!(workspace.lock().pins().is_empty());
    workspace.admit_loaded(seen).unwrap();
    assert_eq!(workspace.lock().pins().len(), 1);

    // A release that is not the pinned one is noticed however it was loaded.
    shelf.publish(plugin_component("alpha", "0.2.0", AUTHORITY));
    let newer = shelf.load("alpha", "0.2.0").unwrap();
    assert!(matches!(workspace.admit_loaded(newer), Err(AdmitError::Mismatch(_))));
}

#[test]
fn a_second_run_writes_nothing() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let before = fs::metadata(machine.folder.path().join(LOCK_FILE)).unwrap().modified().unwrap();
    machine.first_use(&shelf);
    assert_eq!(fs::metadata(machine.folder.path().join(LOCK_FILE)).unwrap().modified().unwrap(), before);
}

#[test]
fn plugins_are_sorted_and_each_stands_alone() {
    let (shelf, _) = Shelf::with_alpha();
    shelf.publish(plugin_component("beta", "1.0.0", ""));
    let machine = Machine::new();
    let (mut one, mut two) = (machine.open(), machine.open());
    one.admit(&shelf.registry(), &plugin("beta")).unwrap();
    two.admit(&shelf.registry(), &plugin("alpha")).unwrap();
    // Two runs at once: neither loses what the other pinned.
    one.save().unwrap();
    two.save().unwrap();
    let lock = Lock::parse(machine.lock().as_bytes()).unwrap();
    let names: Vec<_> = lock.pins().iter().map(|pin| pin.name.name()).collect();
    assert_eq!(names, ["alpha", "beta"]);
    assert!(machine.lock().ends_with("]\n") && !machine.lock().ends_with("\n\n"));
}

#[test]
fn another_release_pinned_meanwhile_is_not_overwritten() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    let mut workspace = machine.open();
    workspace.admit(&shelf.registry(), &plugin("alpha")).unwrap();
    machine.first_use(&shelf);
    machine.edit("methods = [\n    \"GET\",\n", "methods = [\n");
    let before = machine.lock();
    assert!(matches!(workspace.save(), Err(WorkspaceError::Lock(LockError::Changed { .. }))));
    assert_eq!(machine.lock(), before);
}

#[test]
fn an_edit_of_any_field_is_noticed_and_named() {
    let (shelf, line) = Shelf::with_alpha();
    shelf.publish(plugin_component("alpha", "0.2.0", AUTHORITY));
    let other = format!("sha256:{}", "0".repeat(64));
    let signer = shelf.key.public().id().to_string();
    let cases = [
        (Field::Registry, "registry = \"official\"".to_owned(), "registry = \"mirror\"".to_owned()),
        (Field::Digest, line.digest.to_string(), other.clone()),
        (Field::Size, format!("size = {}", line.size), format!("size = {}", line.size + 1)),
        (Field::Contract, "provisioner@0.1.0".to_owned(), "provisioner@0.2.0".to_owned()),
        (Field::Statement, line.statement_digest.to_string(), other.clone()),
        (Field::Requested, line.requested.to_string(), other),
        (Field::Signer, signer.clone(), key(9).public().id().to_string()),
        (Field::Signer, "ed25519".to_owned(), "sigstore".to_owned()),
        // Another version that exists: its other fields give it away.
        (Field::Digest, "\nversion = \"0.1.0\"".to_owned(), "\nversion = \"0.2.0\"".to_owned()),
    ];
    for (field, from, to) in cases {
        let machine = Machine::new();
        let mut workspace = machine.open();
        // Pinned before 0.2.0 was there.
        let old = shelf.registry().load(&plugin("alpha"), &version("0.1.0")).unwrap();
        let mut lock = workspace.lock().clone();
        lock.pin(&old, old.manifest().authority.clone());
        fs::write(machine.folder.path().join(LOCK_FILE), lock.to_toml()).unwrap();
        workspace.save().unwrap();
        machine.admit(&shelf).unwrap();

        machine.edit(&from, &to);
        let error = machine.admit(&shelf).unwrap_err();
        let AdmitError::Mismatch(mismatch) = &error else { panic!("{field}: {error}") };
        assert_eq!(mismatch.field, field);
        assert_ne!(mismatch.expected, mismatch.found);
        assert!(mismatch.next_step().contains("official/alpha"));
        assert!(!error.needs_approval());
    }
}

#[test]
fn a_pinned_version_that_is_gone_is_said_so() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    machine.edit("\nversion = \"0.1.0\"", "\nversion = \"0.0.9\"");
    assert!(machine.admit(&shelf).unwrap_err().to_string().contains("has no version 0.0.9"));
}

#[test]
fn a_lock_that_is_not_one_is_refused() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let honest = machine.lock();
    let table = &honest[honest.find("[[plugin]]").unwrap()..];
    for (case, text) in [
        ("not TOML", "<<<<<<< HEAD\n".to_owned() + &honest),
        ("no version", honest.replacen("version = 1\n", "", 1)),
        ("newer format", honest.replacen("version = 1\n", "version = 2\n", 1)),
        ("unknown member", honest.replacen("version = 1\n", "version = 1\nextra = 1\n", 1)),
        ("unknown member of a plugin", honest.replacen("registry =", "sudo = true\nregistry =", 1)),
        (
            "unknown capability",
            honest.replacen("[[plugin.granted.http]]", "[plugin.granted.root]\n[[plugin.granted.http]]", 1),
        ),
        ("member twice", honest.replacen("size =", "size = 1\nsize =", 1)),
        ("plugin twice", format!("{honest}\n{table}")),
        ("digest without algorithm", honest.replacen("digest = \"sha256:", "digest = \"", 1)),
        ("path as a name", honest.replacen("official/alpha", "../../alpha", 1)),
        ("grant that breaks a rule", honest.replacen("https://api.example.com", "https://*", 1)),
        ("member missing", honest.replacen("registry = \"official\"\n", "", 1)),
        ("too large", format!("{honest}{}", "#".repeat(1024 * 1024))),
    ] {
        fs::write(machine.folder.path().join(LOCK_FILE), &text).unwrap();
        let error = Workspace::open(machine.folder.path(), machine.home.path()).unwrap_err();
        assert!(matches!(error, WorkspaceError::Lock(LockError::Malformed { .. })), "{case}: {error}");
        assert_eq!(machine.lock(), text, "{case}: the file stays");
    }
}

#[test]
fn a_lock_that_grants_more_needs_approval_and_then_still_grants_no_more_than_is_requested() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    machine.edit("    \"GET\",\n", "    \"DELETE\",\n    \"GET\",\n");

    let error = machine.admit(&shelf).unwrap_err();
    let AdmitError::NotApproved { excess, .. } = &error else { panic!("{error}") };
    assert!(error.needs_approval());
    assert_eq!(excess.len(), 1);
    assert_eq!(error.details(), ["+ may send DELETE https://api.example.com/v1/…"]);

    machine.approve();
    let granted = machine.admit(&shelf).unwrap();
    assert!(authority(AUTHORITY).covers(&granted).is_ok(), "{granted:?}");
}

#[test]
fn an_approval_is_for_one_workspace_and_one_set_of_grants() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    machine.edit("    \"GET\",\n", "    \"DELETE\",\n    \"GET\",\n");
    machine.approve();
    machine.admit(&shelf).unwrap();

    // The same lock in another folder.
    let other = tempfile::tempdir().unwrap();
    fs::copy(machine.folder.path().join(LOCK_FILE), other.path().join(LOCK_FILE)).unwrap();
    let mut workspace = Workspace::open(other.path(), machine.home.path()).unwrap();
    assert!(workspace.admit(&shelf.registry(), &plugin("alpha")).unwrap_err().needs_approval());

    // Other grants in the same folder.
    machine.edit("    \"GET\",\n", "    \"GET\",\n    \"PATCH\",\n");
    assert!(machine.admit(&shelf).unwrap_err().needs_approval());
}

#[test]
fn pinning_beside_a_foreign_grant_does_not_approve_it() {
    let (shelf, _) = Shelf::with_alpha();
    shelf.publish(plugin_component("beta", "1.0.0", ""));
    let author = Machine::new();
    author.first_use(&shelf);
    author.edit("    \"GET\",\n", "    \"DELETE\",\n    \"GET\",\n");

    // Cloned by somebody else, who first uses only `beta`.
    let machine = Machine::new();
    fs::copy(author.folder.path().join(LOCK_FILE), machine.folder.path().join(LOCK_FILE)).unwrap();
    let mut workspace = machine.open();
    workspace.admit(&shelf.registry(), &plugin("beta")).unwrap();
    workspace.save().unwrap();
    assert!(machine.lock().contains("official/beta"));
    assert!(machine.admit(&shelf).unwrap_err().needs_approval());
}

#[test]
fn a_lock_that_grants_less_grants_less() {
    let (shelf, _) = Shelf::with_alpha();
    let author = Machine::new();
    author.first_use(&shelf);
    author.edit("    \"POST\",\n", "");

    // On a machine that has approved nothing.
    let machine = Machine::new();
    fs::copy(author.folder.path().join(LOCK_FILE), machine.folder.path().join(LOCK_FILE)).unwrap();
    assert_eq!(machine.admit(&shelf).unwrap(), authority(NARROWER));
}

#[test]
fn plugins_that_nobody_vouches_for_wait_for_approval() {
    let (shelf, _) = Shelf::with_alpha();
    let foreign = Registry::new("official", Directory::new(shelf.path("")), vec![shelf.delegation()]);
    let machine = Machine::new();
    let error = machine.open().admit(&foreign, &plugin("alpha")).unwrap_err();
    assert!(matches!(error, AdmitError::NotVouched { .. }) && error.needs_approval(), "{error}");
    assert_eq!(error.details(), ["+ may GET, POST to https://api.example.com/v1/…"]);

    // Pinned by somebody else: the grant is within the request, and still nobody here has approved it.
    machine.first_use(&shelf);
    fs::remove_file(machine.home.path().join("approvals.toml")).unwrap();
    let error = machine.open().admit(&foreign, &plugin("alpha")).unwrap_err();
    assert!(matches!(error, AdmitError::NotApproved { .. }), "{error}");
    machine.approve();
    machine.open().admit(&foreign, &plugin("alpha")).unwrap();
}

#[test]
fn an_upgrade_that_asks_for_more_stops_with_the_difference() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let before = machine.lock();
    shelf.publish(plugin_component("alpha", "0.2.0", WIDER));

    assert_eq!(machine.admit(&shelf).unwrap(), authority(AUTHORITY), "the pinned version goes on");
    let mut workspace = machine.open();
    let error = workspace.upgrade(&shelf.registry(), &plugin("alpha"), None).unwrap_err();
    let AdmitError::Exceeds { from, to, .. } = &error else { panic!("{error}") };
    assert_eq!((&**from, &**to), (&version("0.1.0"), &version("0.2.0")));
    assert_eq!(error.details(), ["+ may send DELETE https://api.example.com/v1/…"]);
    assert!(error.needs_approval());
    workspace.save().unwrap();
    assert_eq!(machine.lock(), before);
}

#[test]
fn an_upgrade_that_asks_for_less_is_granted_less() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    shelf.publish(plugin_component("alpha", "0.2.0", NARROWER));
    let mut workspace = machine.open();
    let admitted = workspace.upgrade(&shelf.registry(), &plugin("alpha"), None).unwrap();
    assert_eq!(admitted.granted, authority(NARROWER));
    assert_eq!(admitted.plugin.manifest().version, version("0.2.0"));
    workspace.save().unwrap();
    assert_eq!(machine.admit(&shelf).unwrap(), authority(NARROWER));
}

#[test]
fn an_upgrade_by_another_signer_stops() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let stranger = key(2);
    Publisher { root: &shelf.path(""), keys: &[&stranger], replace: false }
        .publish(fixture::draft(plugin_component("alpha", "0.2.0", AUTHORITY)))
        .unwrap();
    let mut trusted = shelf.delegation();
    trusted.keys.push(stranger.public());
    let registry = Registry::new("official", Directory::new(shelf.path("")), vec![trusted]).vouched();
    let error = machine.open().upgrade(&registry, &plugin("alpha"), None).unwrap_err();
    assert!(matches!(error, AdmitError::OtherSigner { .. }) && error.needs_approval(), "{error}");
}

#[test]
fn a_yanked_release_stays_usable_for_whoever_pinned_it() {
    let (shelf, line) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let path = shelf.path(&layout::marks(&plugin("alpha")));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mark = ss_registry::Mark {
        v: line.v,
        mark: MarkKind::Yanked,
        reason: "slow".into(),
        published: line.published,
    };
    fs::write(path, serde_json::to_string(&mark).unwrap() + "\n").unwrap();
    machine.admit(&shelf).unwrap();
    assert!(Machine::new().admit(&shelf).is_err(), "nobody starts to use it");
}

#[test]
fn an_endpoint_counts_only_if_pinned_and_approved() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let endpoint = "https://proxy.example";
    let check = |endpoint| machine.open().check_endpoint(&plugin("alpha"), endpoint);
    assert!(check(endpoint).unwrap_err().needs_approval());
    machine.edit("\n[plugin.signer]", &format!("endpoint = \"{endpoint}\"\n\n[plugin.signer]"));
    assert!(check(endpoint).unwrap_err().needs_approval(), "it came with the lock");
    machine.approve();
    check(endpoint).unwrap();
    assert!(check("https://other.example").is_err());
}

#[test]
fn a_folder_that_cannot_be_written_loses_nothing() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    let mut workspace = machine.open();
    workspace.admit(&shelf.registry(), &plugin("alpha")).unwrap();
    // Where the lock belongs is a folder: not even root can replace it by a file.
    fs::create_dir(machine.folder.path().join(LOCK_FILE)).unwrap();
    assert!(matches!(workspace.save(), Err(WorkspaceError::Lock(LockError::File(_)))));
    assert!(!machine.home.path().join("approvals.toml").exists(), "nothing is approved that was not written");

    fs::remove_dir(machine.folder.path().join(LOCK_FILE)).unwrap();
    workspace.save().unwrap();
    machine.admit(&shelf).unwrap();
}

#[test]
fn the_ceiling_holds_for_what_is_pinned_and_approved() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    machine.approve();
    let policy = "version = 1\n[[allow]]\nplugins = [\"official/*\"]\ncapabilities = [\"files\"]\n";
    fs::write(machine.home.path().join(POLICY_FILE), policy).unwrap();
    assert!(matches!(machine.admit(&shelf), Err(AdmitError::Forbidden(_))));
}

#[test]
fn what_changed_while_a_person_was_reading_is_not_approved() {
    let (shelf, _) = Shelf::with_alpha();
    let machine = Machine::new();
    machine.first_use(&shelf);
    let mut workspace = machine.open();
    machine.edit("    \"GET\",\n", "    \"DELETE\",\n    \"GET\",\n");
    let refused = workspace.approve(&[]).unwrap_err();
    assert!(matches!(refused, WorkspaceError::Lock(LockError::ChangedMeanwhile { .. })), "{refused}");
    assert!(machine.admit(&shelf).unwrap_err().needs_approval());
}

#[test]
fn what_was_seen_of_a_registry_never_sinks() {
    let machine = Machine::new();
    let mut workspace = machine.open();
    let seen = |root_version, snapshot_version| RegistryPin {
        url: "https://registry.example".to_owned(),
        root_sha256: Digest::of(b"root"),
        root_version,
        snapshot_version,
    };
    // Under a new root snapshots start again.
    for (sees, has) in [((1, 5), (1, 5)), ((1, 4), (1, 5)), ((2, 1), (2, 1)), ((1, 9), (2, 1))] {
        workspace.see_registry("acme", seen(sees.0, sees.1));
        assert_eq!(workspace.lock().registries()["acme"], seen(has.0, has.1), "{sees:?}");
    }
}

#[test]
fn an_edit_of_any_decision_of_trust_needs_approval_again() {
    let (digest, key) = (Digest::of(b"root").to_string(), key(1).public().id().to_string());
    let text = format!(
        r#"version = 1

[registries.acme]
url = "https://registry.example"
root_sha256 = "{digest}"
root_version = 1
snapshot_version = 1

[[plugin]]
name = "acme/alpha"
version = "0.1.0"
registry = "acme"
digest = "{digest}"
size = 1
contract = "starsystem:provisioner/provisioner@0.1.0"
statement = "{digest}"
requested = "{digest}"
endpoint = "https://proxy.example"

[plugin.signer]
kind = "ed25519"
keys = ["{key}"]

[[plugin.granted.http]]
origin = "https://api.example.com"
path = "/v1/"
methods = ["GET"]

[[development]]
name = "dev/beta"
path = "parts/beta.wasm"
endpoint = "https://stand-in.example"

[[development.granted.http]]
origin = "https://beta.example.com"
path = "/v1/"
methods = ["GET"]
"#
    );
    let trusted = |text: &str| Lock::parse(text.as_bytes()).unwrap().trust_digest();
    let approved = trusted(&text);
    let other_digest = Digest::of(b"other").to_string();
    for (from, to) in [
        ("https://registry.example", "https://evil.example"),
        (&*format!("root_sha256 = \"{digest}\""), &*format!("root_sha256 = \"{other_digest}\"")),
        ("[registries.acme]", "[registries.other]"),
        ("registry = \"acme\"", "registry = \"other\""),
        ("acme/alpha", "acme/gamma"),
        ("https://proxy.example", "https://evil.example"),
        (&*key, &*fixture::key(9).public().id().to_string()),
        ("https://api.example.com", "https://evil.example"),
        ("dev/beta", "dev/gamma"),
        ("parts/beta.wasm", "parts/evil.wasm"),
        ("https://stand-in.example", "https://evil.example"),
        ("https://beta.example.com", "https://evil.example"),
    ] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text, "{from}");
        assert_ne!(trusted(&edited), approved, "{from}");
    }
}
