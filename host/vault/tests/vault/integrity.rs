//! What was tampered with, damaged or is not ours is noticed, each with its own message.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use ss_vault::{Catalog, Keys, Vault, VaultError, Words};

use crate::{files, no_env, only_file, open, secret};

fn set(vault: &Vault, words: &str, value: &str) {
    let catalog = Catalog::default();
    let keys = Keys::new(vault, &catalog, None);
    keys.set(&keys.address(Words::One(words)).unwrap(), &secret(value)).unwrap();
}

fn get(vault: &Vault, words: &str) -> Result<Option<ss_secret::Secret>, VaultError> {
    let catalog = Catalog::default();
    let keys = Keys::new(vault, &catalog, None);
    keys.get(&keys.address(Words::One(words))?)
}

#[test]
fn a_missing_vault_is_empty_and_reading_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    let catalog = Catalog::default();
    assert_eq!(get(&vault, "hosting.acme_email").unwrap(), None);
    assert_eq!(Keys::new(&vault, &catalog, None).list().unwrap(), []);
    assert!(vault.scope("p", "local").states().unwrap().is_empty());
    assert_eq!(vault.recipient().unwrap(), None);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn files_and_folders_are_private_and_reading_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "hosting.acme_email", "me@example.org");
    open(home.path()).scope("p", "prod").snapshot().unwrap();
    let before = files(home.path());
    for (path, content) in &before {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        let folder = path.parent().unwrap();
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        assert!(!String::from_utf8_lossy(content).contains("me@example.org"), "{}", path.display());
    }
    assert_eq!(get(&open(home.path()), "hosting.acme_email").unwrap(), Some(secret("me@example.org")));
    assert_eq!(files(home.path()), before);
}

#[test]
fn a_home_that_cannot_be_written_is_said() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("file");
    fs::write(&blocked, "").unwrap();
    let vault = open(&blocked);
    let catalog = Catalog::default();
    let keys = Keys::new(&vault, &catalog, None);
    let address = ss_vault::Address::Namespace { namespace: "a".into(), key: "b".into() };
    let error = keys.set(&address, &secret("x")).unwrap_err();
    assert!(matches!(error, VaultError::File(_)), "{error}");
    assert!(error.to_string().contains("cannot create the folder"), "{error}");
}

#[test]
fn a_read_only_vault_can_be_read() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "hosting.acme_email", "me");
    let folders = ["vault", "vault/objects", "vault/manifests", "vault/generations"];
    let chmod = |mode| {
        for folder in folders {
            fs::set_permissions(home.path().join(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    chmod(0o500);
    let read = get(&open(home.path()), "hosting.acme_email");
    // Root may write where nobody may; then there is nothing to refuse.
    let refused = fs::write(home.path().join("vault/probe"), "").is_err().then(|| {
        let vault = open(home.path());
        let catalog = Catalog::default();
        let keys = Keys::new(&vault, &catalog, None);
        keys.set(&keys.address(Words::One("a.b")).unwrap(), &secret("x")).unwrap_err().to_string()
    });
    chmod(0o700);
    assert_eq!(read.unwrap(), Some(secret("me")));
    if let Some(message) = refused {
        assert!(message.contains("cannot"), "{message}");
    }
}

#[test]
fn another_identity_is_told_from_an_edited_manifest() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    set(&open(home.path()), "a.b", "x");
    set(&open(other.path()), "a.b", "y");
    fs::copy(other.path().join("vault/identity.txt"), home.path().join("vault/identity.txt")).unwrap();
    let error = get(&open(home.path()), "a.b").unwrap_err();
    let recipient = open(other.path()).recipient().unwrap().unwrap();
    assert!(matches!(&error, VaultError::WrongIdentity { found, .. } if *found == recipient), "{error}");
}

#[test]
fn a_lost_identity_is_said_and_no_new_one_is_made() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.b", "x");
    fs::remove_file(home.path().join("vault/identity.txt")).unwrap();
    let vault = open(home.path());
    assert!(matches!(get(&vault, "a.b"), Err(VaultError::IdentityMissing { .. })));
    let written = vault.scope("new", "local").put_credentials("s", &[("A".into(), secret("x"))]);
    assert!(matches!(written, Err(VaultError::IdentityMissing { .. })));
    assert!(!home.path().join("vault/identity.txt").exists());
}

#[test]
fn an_identity_that_others_can_read_is_refused() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.b", "x");
    let path = home.path().join("vault/identity.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = get(&open(home.path()), "a.b").unwrap_err().to_string();
    assert!(error.contains("mode 0644") && error.contains("chmod 600"), "{error}");
}

#[test]
fn the_environment_may_give_the_identity() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    set(&open(home.path()), "a.b", "x");
    let own = home.path().join("vault/identity.txt");
    let moved = elsewhere.path().join("key.txt");
    let text = fs::read_to_string(&own).unwrap();
    fs::rename(own, &moved).unwrap();

    let file = moved.display().to_string();
    let by_file = Vault::open(home.path(), &|name| (name == "SS_AGE_IDENTITY_FILE").then(|| file.clone()));
    assert_eq!(get(&by_file, "a.b").unwrap(), Some(secret("x")));
    let by_text = Vault::open(home.path(), &|name| (name == "SS_AGE_IDENTITY").then(|| text.clone()));
    assert_eq!(get(&by_text, "a.b").unwrap(), Some(secret("x")));
    set(&by_text, "a.c", "y");
    assert!(!home.path().join("vault/identity.txt").exists(), "a given identity is not written down");

    let nonsense =
        Vault::open(home.path(), &|name| (name == "SS_AGE_IDENTITY").then(|| "nonsense".to_owned()));
    let error = get(&nonsense, "a.b").unwrap_err().to_string();
    assert!(error.contains("SS_AGE_IDENTITY") && !error.contains("nonsense"), "{error}");
}

#[test]
fn a_truncated_object_is_noticed_wherever_it_ends() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.b", "x");
    let object = only_file(&open(home.path()), "objects");
    let whole = fs::read(&object).unwrap();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(&object, &whole[..length]).unwrap();
        let error = get(&open(home.path()), "a.b").unwrap_err();
        assert!(matches!(error, VaultError::Object { .. }), "{length}: {error}");
    }
    fs::remove_file(&object).unwrap();
    let error = get(&open(home.path()), "a.b").unwrap_err().to_string();
    assert!(error.contains("missing") && error.contains("`a`"), "{error}");
}

#[test]
fn swapped_objects_are_noticed() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.x", "one");
    set(&open(home.path()), "b.x", "two");
    let found = files(&home.path().join("vault/objects"));
    let [(first, one), (second, two)] = &found[..] else { panic!("two objects: {found:?}") };
    fs::write(first, two).unwrap();
    fs::write(second, one).unwrap();
    for words in ["a.x", "b.x"] {
        let error = get(&open(home.path()), words).unwrap_err();
        assert!(matches!(&error, VaultError::Object { reason, .. } if reason.contains("swapped")), "{error}");
    }
}

#[test]
fn every_edited_byte_of_a_manifest_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.b", "x");
    let path = only_file(&open(home.path()), "manifests");
    let whole = fs::read(&path).unwrap();
    for index in 0..whole.len() {
        let mut edited = whole.clone();
        edited[index] ^= 1;
        fs::write(&path, &edited).unwrap();
        let error = get(&open(home.path()), "a.b").unwrap_err();
        let noticed = matches!(error, VaultError::Manifest { .. } | VaultError::WrongIdentity { .. });
        assert!(noticed, "byte {index}: {error}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(get(&open(home.path()), "a.b").is_err());
}

#[test]
fn a_manifest_of_another_scope_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    vault.scope("shop", "staging").put_credentials("db", &[("URL".into(), secret("staging"))]).unwrap();
    let staging = fs::read(only_file(&vault, "manifests")).unwrap();
    vault.scope("shop", "prod").put_credentials("db", &[("URL".into(), secret("prod"))]).unwrap();
    for (path, _) in files(&vault.folder().join("manifests")) {
        fs::write(path, &staging).unwrap();
    }
    let error = open(home.path()).scope("shop", "prod").credential("db", "URL").unwrap_err();
    assert!(matches!(error, VaultError::WrongScope { .. }), "{error}");
    assert!(error.to_string().contains("staging") && error.to_string().contains("prod"), "{error}");
}

#[test]
fn an_older_manifest_put_back_is_noticed_and_can_be_accepted() {
    let home = tempfile::tempdir().unwrap();
    set(&open(home.path()), "a.b", "old");
    let (path, floor) =
        (only_file(&open(home.path()), "manifests"), only_file(&open(home.path()), "generations"));
    let (old, objects) = (fs::read(&path).unwrap(), files(&home.path().join("vault/objects")));
    set(&open(home.path()), "a.b", "new");
    fs::write(&path, &old).unwrap();
    for (object, content) in objects {
        fs::write(object, content).unwrap();
    }
    let error = get(&open(home.path()), "a.b").unwrap_err();
    assert!(matches!(error, VaultError::RolledBack { floor: 2, .. }), "{error}");
    assert!(error.to_string().contains("generation 1"), "{error}");

    fs::remove_file(&path).unwrap();
    let error = get(&open(home.path()), "a.b").unwrap_err();
    assert!(matches!(&error, VaultError::RolledBack { found, .. } if found == "missing"), "{error}");

    fs::write(&path, &old).unwrap();
    fs::remove_file(floor).unwrap();
    assert_eq!(get(&open(home.path()), "a.b").unwrap(), Some(secret("old")));
}

#[test]
fn a_wrapped_identity_asks_once_and_only_when_needed() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let home = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let vault = Vault::open_asking(home.path(), &no_env, move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(secret("correct horse"))
    });
    assert_eq!(get(&vault, "a.b").unwrap(), None);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "an empty vault asks nobody");

    set(&open(home.path()), "a.b", "x");
    wrap(&home.path().join("vault/identity.txt"), "correct horse");
    assert_eq!(get(&vault, "a.b").unwrap(), Some(secret("x")));
    set(&vault, "a.b", "y");
    assert_eq!(get(&vault, "a.b").unwrap(), Some(secret("y")));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// What `age -p` does, with a work factor fit for tests.
fn wrap(path: &std::path::Path, passphrase: &str) {
    use std::io::Write as _;
    let mut recipient = age::scrypt::Recipient::new(passphrase.to_owned().into());
    recipient.set_work_factor(2);
    let recipient: &dyn age::Recipient = &recipient;
    let mut content = Vec::new();
    let mut writer = age::Encryptor::with_recipients(std::iter::once(recipient))
        .unwrap()
        .wrap_output(&mut content)
        .unwrap();
    writer.write_all(&fs::read(path).unwrap()).unwrap();
    writer.finish().unwrap();
    fs::write(path, content).unwrap();
}
