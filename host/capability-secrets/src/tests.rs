//! Allow, deny, bypass, and the published signing example.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ss_provider::testing::MemoryEffects;

use super::*;

#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Secret>>);

impl Generator for Memory {
    fn generated(
        &self,
        service: &str,
        name: &str,
        make: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        let mut values = self.0.lock().unwrap();
        let key = format!("{service}/{name}");
        if !values.contains_key(&key) {
            values.insert(key.clone(), make()?);
        }
        Ok(values[&key].clone())
    }
}

const AWS: &str = "providers:aws/secret_access_key";

fn gate() -> SecretsGate {
    SecretsGate {
        authority: SecretsAuthority {
            hmac: vec![AWS.into()],
            generate: true,
            reveal: vec!["providers:x/y".into()],
        },
        generator: Arc::<Memory>::default(),
        service: "db".into(),
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

fn is_denied<T>(result: Result<T, SecretsError>) -> bool {
    matches!(result, Err(SecretsError::Denied(denial)) if denial.capability == "secrets")
}

/// The key derivation example of AWS's documentation of Signature Version 4.
#[test]
fn derives_the_published_aws_signing_key() {
    let gate = gate();
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let key = gate.seals.seal(secret, Source::VaultKey(AWS.into()));
    let date = gate.derive(&key, "AWS4", b"20120215").unwrap();
    let region = gate.derive(&date, "", b"us-east-1").unwrap();
    let service = gate.derive(&region, "", b"iam").unwrap();
    let signing = gate.derive(&service, "", b"aws4_request").unwrap();
    let (signing_key, _) = gate.seals.get(&signing).unwrap();
    assert_eq!(
        hex::encode(signing_key.expose()),
        "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
    );
    assert_eq!(gate.hmac(&signing, b"string to sign").unwrap().len(), 32);
}

#[test]
fn only_granted_keys_sign() {
    let gate = gate();
    for source in [
        Source::VaultKey("providers:fly/api_key".into()),
        Source::Injected("db.URL".into()),
        Source::Generated("password".into()),
    ] {
        let token = gate.seals.seal(Secret::new("a secret"), source);
        assert!(is_denied(gate.hmac(&token, b"x")));
        assert!(is_denied(gate.derive(&token, "", b"x")));
    }
    assert!(is_denied(gate.hmac("sealed1_0000000000000000000000000000000000000000", b"x")));
    assert!(is_denied(gate.hmac("plain text", b"x")));
}

#[test]
fn a_token_of_another_operation_means_nothing() {
    let other = gate();
    let token = other.seals.seal(Secret::new("a secret"), Source::VaultKey(AWS.into()));
    assert!(is_denied(gate().hmac(&token, b"x")));
}

#[test]
fn reveals_only_what_is_granted() {
    let gate = gate();
    let granted = gate.seals.seal(Secret::new("visible"), Source::VaultKey("providers:x/y".into()));
    assert_eq!(gate.reveal(&granted).unwrap(), "visible");
    assert!(gate.scrubber.leaks("visible"));
    for source in [
        Source::VaultKey(AWS.into()),
        Source::Derived("providers:x/y".into()),
        Source::Generated("providers:x/y".into()),
        Source::Injected("providers:x/y".into()),
    ] {
        let token = gate.seals.seal(Secret::new("hidden"), source);
        assert!(is_denied(gate.reveal(&token)));
    }
}

#[test]
fn a_derived_key_is_never_revealed() {
    let mut gate = gate();
    gate.authority.reveal = vec![AWS.into(), "generated".into(), "injected".into(), String::new()];
    let token = gate.seals.seal(Secret::new("half a signature"), Source::Derived(AWS.into()));
    assert!(is_denied(gate.reveal(&token)));
}

#[test]
fn generates_once_and_keeps_it() {
    let gate = gate();
    let open = |token: &str| gate.seals.get(token).unwrap().0;
    let first = open(&gate.generate("password", 32, Alphabet::Alphanumeric).unwrap());
    assert_eq!(first.expose().len(), 32);
    assert!(first.expose().iter().all(u8::is_ascii_alphanumeric));
    assert_eq!(open(&gate.generate("password", 32, Alphabet::Alphanumeric).unwrap()), first);
    let other = open(&gate.generate("other", 40, Alphabet::Hexadecimal).unwrap());
    assert!(other.expose().iter().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    assert!(gate.scrubber.leaks(first.expose_str().unwrap()));
}

#[test]
fn generating_needs_the_grant_and_a_changing_operation() {
    let mut ungranted = gate();
    ungranted.authority.generate = false;
    assert!(is_denied(ungranted.generate("password", 32, Alphabet::Alphanumeric)));
    let planning = SecretsGate { phase: Phase::ReadOnly, ..gate() };
    assert!(is_denied(planning.generate("password", 32, Alphabet::Alphanumeric)));
}

#[test]
fn without_a_journal_nothing_is_stored() {
    let memory = Arc::<Memory>::default();
    let broken = SecretsGate {
        generator: Arc::clone(&memory) as Arc<dyn Generator>,
        effects: full_journal(),
        ..gate()
    };
    assert!(broken.generate("password", 32, Alphabet::Alphanumeric).is_err());
    assert!(memory.0.lock().unwrap().is_empty());
}

#[test]
fn weak_or_oddly_named_secrets_are_refused() {
    for (name, length) in [("p", 15), ("p", 257), ("", 32), ("../p", 32), ("a b", 32)] {
        assert!(gate().generate(name, length, Alphabet::Alphanumeric).is_err(), "{name} {length}");
    }
}

#[test]
fn every_character_is_about_as_likely() {
    let text = random_text(62_000, Alphabet::Alphanumeric);
    let mut counts = BTreeMap::<u8, u32>::new();
    for byte in text.expose() {
        *counts.entry(*byte).or_default() += 1;
    }
    assert_eq!(counts.len(), 62);
    assert!(counts.values().all(|count| (800..1200).contains(count)), "{counts:?}");
}
