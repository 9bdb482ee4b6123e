//! Allow, deny, and one test per way around the gate.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ss_authority::VaultRead;
use ss_provider::testing::MemoryEffects;

use super::*;

/// A vault in memory that remembers what it was asked.
#[derive(Default)]
struct Memory {
    values: Mutex<BTreeMap<String, String>>,
    asked: Mutex<Vec<String>>,
}

impl Keyring for Memory {
    fn get(&self, key: &str) -> Result<Option<Secret>, String> {
        self.asked.lock().unwrap().push(key.to_owned());
        if key.starts_with("broken/") {
            return Err("the identity is missing".into());
        }
        Ok(self.values.lock().unwrap().get(key).map(Secret::new))
    }
    fn set_provider_key(&self, provider: &str, name: &str, value: &Secret) -> Result<(), String> {
        let value = value.expose_str().unwrap().to_owned();
        self.values.lock().unwrap().insert(format!("providers:{provider}/{name}"), value);
        Ok(())
    }
}

fn gate(memory: &Arc<Memory>) -> VaultGate {
    memory.values.lock().unwrap().insert("providers:neon/api_key".into(), "neon-key".into());
    memory.values.lock().unwrap().insert("providers:fly/api_key".into(), "fly-key".into());
    let read = |key: &str| VaultRead { key: key.into(), origins: vec![], headers: vec![], body: vec![] };
    VaultGate {
        authority: VaultAuthority {
            read: vec![read("providers:neon/api_key"), read("secrets/ABSENT"), read("broken/x")],
            write: vec!["providers:neon/api_key".into()],
        },
        keyring: Arc::clone(memory) as Arc<dyn Keyring>,
        seals: Arc::default(),
        scrubber: Arc::default(),
        effects: Arc::<MemoryEffects>::default(),
        phase: Phase::Mutating,
    }
}

/// A journal that takes nothing more, as on a full disk.
fn full_journal() -> Arc<MemoryEffects> {
    let effects = Arc::<MemoryEffects>::default();
    effects.fill();
    effects
}

fn is_denied<T>(result: Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Denied(denial)) if denial.capability == "vault")
}

#[test]
fn a_granted_key_comes_as_a_token() {
    let gate = gate(&Arc::default());
    let token = gate.get("providers:neon/api_key").unwrap().unwrap();
    assert!(!token.contains("neon-key"));
    let (secret, source) = gate.seals.get(&token).unwrap();
    assert_eq!(
        (secret, source),
        (Secret::new("neon-key"), Source::VaultKey("providers:neon/api_key".into()))
    );
    assert!(gate.scrubber.leaks("a neon-key in a log"));
    assert_eq!(gate.get("secrets/ABSENT").unwrap(), None);
    assert!(matches!(gate.get("broken/x"), Err(VaultError::Unavailable { .. })));
}

#[test]
fn other_keys_and_other_spellings_are_denied_without_asking_the_vault() {
    let memory = Arc::default();
    let gate = gate(&memory);
    for key in [
        "providers:fly/api_key",
        "providers:neon/api_token",
        "providers:neon.api_key",
        "providers:NEON/api_key",
        "providers:neon/API_KEY",
        "providers:neon/api_key ",
        " providers:neon/api_key",
        "providers:neon/api_key\0",
        "providers:neon//api_key",
        "providers:fly/../neon/api_key",
        "providers:neon/*",
        "providers:neon/\u{430}pi_key",
        "*",
        "",
    ] {
        assert!(is_denied(gate.get(key)), "{key:?}");
    }
    assert!(memory.asked.lock().unwrap().is_empty());
}

#[test]
fn a_key_that_exists_and_one_that_does_not_are_denied_alike() {
    let gate = gate(&Arc::default());
    let text = |key: &str| gate.get(key).unwrap_err().to_string().replace(key, "…");
    assert_eq!(text("providers:fly/api_key"), text("providers:none/api_key"));
}

#[test]
fn a_granted_key_can_be_written() {
    let memory = Arc::default();
    let gate = gate(&memory);
    gate.set_provider_key("neon", "api_key", "refreshed").unwrap();
    assert_eq!(memory.values.lock().unwrap()["providers:neon/api_key"], "refreshed");
    assert!(gate.scrubber.leaks("refreshed"));
}

#[test]
fn writing_elsewhere_is_denied() {
    let gate = gate(&Arc::default());
    for (provider, name) in [("fly", "api_key"), ("neon", "other"), ("neon/api_key", ""), ("NEON", "api_key")]
    {
        assert!(is_denied(gate.set_provider_key(provider, name, "x")), "{provider}/{name}");
    }
}

#[test]
fn while_planning_nothing_is_written() {
    let memory = Arc::default();
    let gate = VaultGate { phase: Phase::ReadOnly, ..gate(&memory) };
    assert!(is_denied(gate.set_provider_key("neon", "api_key", "x")));
    assert_eq!(memory.values.lock().unwrap()["providers:neon/api_key"], "neon-key");
}

#[test]
fn a_secret_cannot_be_copied_to_another_name() {
    let gate = gate(&Arc::default());
    let token = gate.seals.seal(Secret::new("injected"), Source::Injected("db.URL".into()));
    assert!(gate.set_provider_key("neon", "api_key", &format!("x{token}")).is_err());
}

#[test]
fn without_a_journal_nothing_is_written() {
    let memory = Arc::default();
    let gate = VaultGate { effects: full_journal(), ..gate(&memory) };
    assert!(gate.set_provider_key("neon", "api_key", "x").is_err());
    assert_eq!(memory.values.lock().unwrap()["providers:neon/api_key"], "neon-key");
}
