//! The lock and the cache: what runs is what was pinned, and nothing that lies in a file can widen it.

use std::path::PathBuf;
use std::time::SystemTime;

use insta::assert_snapshot;

use crate::environment::processes_below;
use crate::{Output, TestEnvironment};

/// Makes other content for a file of this length.
type Tamper<'a> = Box<dyn Fn(usize) -> Vec<u8> + 'a>;

const LOCK: &str = "starsystem.lock";

/// A system of one process.
fn system() -> TestEnvironment {
    let environment = TestEnvironment::with_own_cache();
    environment.write(
        "starsystem.yaml",
        "name: locked\nservices:\n  web:\n    type: process\n    command: sleep 600\n",
    );
    environment
}

/// The same with the lock of a first run.
fn locked() -> TestEnvironment {
    let environment = system();
    environment.succeed(&["provision"]);
    environment
}

/// A run with the lock edited line by line; nothing may have been started or written.
fn with_edit(environment: &TestEnvironment, edit: impl Fn(&str) -> String) -> Output {
    let lock = environment.read(LOCK);
    let edited: Vec<String> = lock.lines().map(&edit).collect();
    let edited = edited.join("\n") + "\n";
    assert_ne!(lock, edited, "the edit changes something");
    environment.write(LOCK, &edited);
    let running = processes_below(environment.root());
    let output = environment.run(&["provision"]);
    assert_eq!(environment.read(LOCK), edited, "a refused lock stays as it is");
    assert_eq!(processes_below(environment.root()), running);
    environment.write(LOCK, &lock);
    output
}

#[test]
fn the_lock_is_written_by_the_first_provision_and_by_nothing_else() {
    let environment = system();
    let path = environment.project().join(LOCK);
    for command in [
        &["validate"][..],
        &["catalog"],
        &["provision", "--dry-run"],
        &["provision", "--status"],
        &["vault", "set", "A", "b"],
    ] {
        environment.succeed(command);
        assert!(!path.exists(), "{command:?}");
    }
    let refused = environment.run(&["provision", "--locked"]);
    assert_eq!(refused.code, 1);
    assert_snapshot!(refused.notes(), @"
    error: `official/local-process` is not in `starsystem.lock`, and --locked forbids adding it
    hint: run the command once without --locked, and commit `starsystem.lock`
    ");
    assert!(!path.exists() && processes_below(environment.root()).is_empty());

    environment.succeed(&["provision"]);
    let lock = environment.read(LOCK);
    environment.succeed(&["provision", "--locked"]);
    assert_eq!(environment.read(LOCK), lock);
    std::fs::remove_file(&path).expect("the lock");
    environment.succeed(&["provision"]);
    assert_eq!(environment.read(LOCK), lock, "the same again");
}

#[test]
fn every_edited_field_is_refused_by_name_with_what_to_do() {
    let environment = locked();
    for (field, line) in [
        ("version", "version = \"0.2.0\""),
        ("registry", "registry = \"mirror\""),
        ("digest", "digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\""),
        ("size", "size = 1"),
        ("contract", "contract = \"starsystem:provisioner/provisioner@0.2.0\""),
        (
            "statement",
            "statement = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
        ),
        (
            "requested",
            "requested = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
        ),
        ("keys", "keys = [\"0000000000000000000000000000000000000000000000000000000000000000\"]"),
    ] {
        let output = with_edit(&environment, |old| {
            // The file's own version is a number.
            let same = old.strip_prefix(field).is_some_and(|rest| rest.starts_with(" = ") && rest != " = 1");
            if same { line.to_owned() } else { old.to_owned() }
        });
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{field}: {}", output.stderr);
        let named = if field == "keys" { "signer" } else { field };
        assert!(output.stderr.contains(named), "{field}: {}", output.stderr);
        assert!(output.stderr.contains("version control"), "{field}: {}", output.stderr);
        assert!(
            output.stderr.contains("delete the `[[plugin]]` table of `official/local-process`"),
            "{}",
            output.stderr
        );
    }
    let size =
        with_edit(&environment, |old| if old.starts_with("size") { "size = 1".into() } else { old.into() });
    assert_snapshot!(size.notes().replace(&actual_size(&environment), "<size>"), @"
    error: `starsystem.lock` pins `official/local-process` with size 1, but the registry has <size>
    hint: restore `starsystem.lock` from version control; or, if this plugin is the one you want, delete the `[[plugin]]` table of `official/local-process` from it and run again
    ");
    let version = with_edit(&environment, |old| old.replace("version = \"0.1.0\"", "version = \"0.2.0\""));
    assert_snapshot!(version.notes(), @"
    error: the registry `official` has no version 0.2.0 of `official/local-process`; it has: 0.1.0
    hint: `starsystem.lock` pins that version; restore the lock from version control, or delete the `[[plugin]]` table of `official/local-process` from it
    ");
}

/// The size that the lock pins.
fn actual_size(environment: &TestEnvironment) -> String {
    let lock = environment.read(LOCK);
    lock.lines().find_map(|line| line.strip_prefix("size = ")).expect("a size").to_owned()
}

#[test]
fn a_lock_that_is_none_is_refused_with_its_line() {
    let environment = locked();
    let unknown = with_edit(&environment, |old| old.replace("size = ", "sizes = "));
    assert_eq!(unknown.code, 1);
    assert_snapshot!(unknown.notes().replace(&actual_size(&environment), "<size>"), @"
    error: `$ENV/project/starsystem.lock` is not a usable lock: TOML parse error at line 10, column 1
       |
    10 | sizes = <size>
       | ^^^^^
    unknown field `sizes`, expected one of `name`, `requirement`, `version`, `registry`, `digest`, `size`, `contract`, `statement`, `requested`, `endpoint`, `signer`, `granted`
    hint: restore it from version control; or delete it, and the next `ss provision` writes it anew
    ");
    let newer =
        with_edit(&environment, |old| if old == "version = 1" { "version = 9".into() } else { old.into() });
    assert_eq!(newer.code, 1);
    assert_snapshot!(newer.notes(), @"
    error: `$ENV/project/starsystem.lock` is not a usable lock: its version is 9; this ss reads version 1
    hint: restore it from version control; or delete it, and the next `ss provision` writes it anew
    ");
}

#[test]
fn a_lock_that_grants_more_needs_approval() {
    let environment = locked();
    let more = |old: &str| match old {
        "service-command = true" => "service-command = true\ncommands = [\"sh -c\"]".to_owned(),
        other => other.to_owned(),
    };
    let output = with_edit(&environment, more);
    assert_eq!((output.code, output.stdout.as_str()), (4, ""));
    assert_snapshot!(output.notes(), @"
    error: `starsystem.lock` grants `official/local-process` what nobody approved on this machine
      + may run `sh -c …`
    hint: `ss plugin approve local-process` shows what it may do and asks you; nothing of it runs before
    ");
}

#[test]
fn a_lock_that_grants_less_is_enforced() {
    let environment = locked();
    let lock = environment.read(LOCK);
    let less = lock.split("\n[plugin.granted.files]").next().expect("the part before").to_owned();
    assert_ne!(less, lock);
    environment.write(LOCK, &less);
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.notes(), @"
    error: plugin `local-process` cannot be run: it imports `files`, which it was not granted
    hint: `starsystem.lock` grants it less than it needs; `ss plugin approve local-process` grants what it asks for
    ");
}

#[test]
fn a_foreign_file_in_the_cache_is_never_loaded() {
    let environment = locked();
    let cache = environment.ss_home().join("cache");
    let compiled: Vec<_> = std::fs::read_dir(&cache)
        .expect("the cache")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    assert!(compiled.len() >= 2, "{compiled:?}");
    let lock = environment.read(LOCK);
    let used = lock.lines().find_map(|line| line.strip_prefix("digest = \"sha256:")).expect("a digest");
    let used = used.trim_end_matches('"').to_owned();
    let contents: Vec<Vec<u8>> = compiled.iter().map(|path| std::fs::read(path).expect("a file")).collect();
    let truncated = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let tampers: [(&str, Tamper<'_>); 5] = [
        ("garbage", Box::new(|_| b"no compiled code at all".to_vec())),
        ("empty", Box::new(|_| Vec::new())),
        ("another plugin's", Box::new(|at| contents[(at + 1) % contents.len()].clone())),
        ("cut short", Box::new(|at| truncated(&contents[at]))),
        ("one bit changed", Box::new(|at| flipped(&contents[at]))),
    ];
    for (name, tamper) in &tampers {
        let tampered: Vec<Vec<u8>> = (0..compiled.len()).map(tamper).collect();
        for (path, content) in compiled.iter().zip(&tampered) {
            std::fs::write(path, content).expect("a file");
        }
        let output = environment.run(&["provision"]);
        assert_eq!(output.code, 0, "{name}: {}", output.raw);
        // Only the plugin that runs is compiled; of the others the descriptions suffice.
        for (path, content) in
            compiled.iter().zip(&tampered).filter(|(path, _)| path.to_string_lossy().contains(&used))
        {
            let now = std::fs::read(path).expect("a file");
            assert_ne!(&now, content, "{name}: {} was compiled anew", path.display());
        }
        let written = modified(&compiled);
        environment.succeed(&["provision"]);
        assert_eq!(modified(&compiled), written, "{name}: the cache is whole again");
    }
}

/// When each file was written last.
fn modified(paths: &[PathBuf]) -> Vec<SystemTime> {
    let when = |path: &PathBuf| std::fs::metadata(path).and_then(|found| found.modified()).expect("a file");
    paths.iter().map(when).collect()
}
