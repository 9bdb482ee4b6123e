//! Allow, deny, and one test per way around the gate.

use serde_json::json;
use ss_provider::testing::MemoryEffects;
use ss_secret::Secret;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    seals: Arc<Seals>,
    effects: Arc<MemoryEffects>,
    phase: Phase,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, seals: Arc::new(Seals::new()), effects: Arc::default(), phase: Phase::Mutating }
    }

    fn gate(&self, options: serde_json::Value) -> FilesGate {
        let authority = FilesAuthority {
            read_options: vec!["generate_config.template".into()],
            write_options: vec!["generate_config.output".into()],
        };
        self.gate_with(Some(authority), options)
    }

    fn gate_with(&self, authority: Option<FilesAuthority>, options: serde_json::Value) -> FilesGate {
        let service = Service {
            id: "caddy".into(),
            kind: "process".into(),
            name: None,
            command: None,
            options,
            options_path: "provision".into(),
            env: Vec::new(),
        };
        FilesGate::new(
            authority,
            Arc::new(service),
            Some(self.folder.path().to_owned()),
            Some(self.folder.path().join("home")),
            self.phase,
            Arc::clone(&self.seals),
            Arc::clone(&self.effects) as Arc<dyn Effects>,
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn config(template: &str, output: &str) -> serde_json::Value {
    json!({"generate_config": {"template": template, "output": output}})
}

fn is_denied<T>(result: Result<T, FilesError>) -> bool {
    matches!(result, Err(FilesError::Denied(denial)) if denial.allow.is_some())
}

#[test]
fn reads_and_writes_what_the_service_names() {
    let place = Place::new();
    std::fs::write(place.path("in"), "hello").unwrap();
    let gate = place.gate(config("in", "~/deep/er/out"));

    assert_eq!(gate.read("in").unwrap(), "hello");
    assert!(gate.write("~/deep/er/out", "new").unwrap(), "changed");
    assert!(!gate.write("~/deep/er/out", "new").unwrap(), "unchanged");

    let written = place.path("home/deep/er/out");
    assert_eq!(std::fs::read_to_string(&written).unwrap(), "new");
    assert_eq!(std::fs::metadata(&written).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.effects.begun().len(), 1, "one journalled write");
}

#[test]
fn sealed_tokens_become_secrets_in_the_file_only() {
    let place = Place::new();
    let token = place.seals.seal(Secret::new("pa$$word"), Source::Injected("db.PASSWORD".into()));
    place.gate(config("in", "out")).write("out", &format!("password={token}")).unwrap();
    assert_eq!(std::fs::read_to_string(place.path("out")).unwrap(), "password=pa$$word");
}

#[test]
fn a_provider_key_does_not_go_into_a_file() {
    let place = Place::new();
    let token = place.seals.seal(Secret::new("key"), Source::VaultKey("providers:neon/api_key".into()));
    let gate = place.gate(config("in", "out"));
    assert!(matches!(gate.write("out", &token), Err(FilesError::Unusable { .. })));
    assert!(!place.path("out").exists());
}

#[test]
fn nothing_is_granted_by_default() {
    let place = Place::new();
    let gate = place.gate_with(None, config("in", "out"));
    assert!(is_denied(gate.read("in")));
    assert!(is_denied(gate.write("out", "x")));
}

#[test]
fn reading_does_not_allow_writing_nor_the_reverse() {
    let place = Place::new();
    let gate = place.gate(config("in", "out"));
    assert!(is_denied(gate.read("out")));
    assert!(is_denied(gate.write("in", "x")));
}

#[test]
fn other_paths_and_other_spellings_are_denied() {
    let place = Place::new();
    std::fs::write(place.path("in"), "hello").unwrap();
    let gate = place.gate(config("in", "out"));
    let absolute = place.path("in").display().to_string();
    for path in
        ["/etc/passwd", "../in", "./in", "in/", "in/../in", "sub/../in", absolute.as_str(), "IN", "in\0", ""]
    {
        assert!(is_denied(gate.read(path)), "{path:?}");
    }
}

#[test]
fn an_option_that_is_not_text_grants_nothing() {
    let place = Place::new();
    let gate = place.gate(json!({"generate_config": {"template": ["in"]}}));
    assert!(is_denied(gate.read("in")));
}

#[test]
fn devices_pipes_folders_and_huge_files_are_refused() {
    let place = Place::new();
    std::fs::File::create(place.path("huge")).unwrap().set_len(MAX_FILE + 1).unwrap();
    std::fs::write(place.path("binary"), [0xff, 0xfe]).unwrap();
    for path in ["/dev/zero", ".", "huge", "binary"] {
        let gate = place.gate(config(path, "out"));
        assert!(matches!(gate.read(path), Err(FilesError::Unusable { .. })), "{path}");
    }
    assert!(matches!(place.gate(config("none", "out")).read("none"), Err(FilesError::NotFound { .. })));
    assert!(matches!(
        place.gate(config("in", "/dev/null")).write("/dev/null", "x"),
        Err(FilesError::Unusable { .. })
    ));
}

#[test]
fn without_a_journal_nothing_is_written() {
    let place = Place::new();
    place.effects.fill();
    assert!(place.gate(config("in", "out")).write("out", "x").is_err());
    assert!(!place.path("out").exists());
}

#[test]
fn while_planning_nothing_is_written() {
    let mut place = Place::new();
    place.phase = Phase::ReadOnly;
    std::fs::write(place.path("in"), "hello").unwrap();
    let gate = place.gate(config("in", "out"));
    assert_eq!(gate.read("in").unwrap(), "hello");
    let result = gate.write("out", "x");
    assert!(matches!(result, Err(FilesError::Denied(_))));
    assert!(!place.path("out").exists());
}
