//! The folder that `ss` keeps its own files in: elsewhere, unusable, and used by two at once.

use std::process::Stdio;

use insta::assert_snapshot;

use crate::TestEnvironment;
use crate::environment::processes_below;
use crate::local::{self, eventually, free_port, pids};

const ONE: &str = "name: one\nservices:\n  web:\n    type: process\n    command: sleep 600\n";

fn system(yaml: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.write("starsystem.yaml", yaml);
    environment
}

#[test]
fn a_home_elsewhere_holds_everything() {
    let mut environment = system(ONE);
    let elsewhere = environment.root().join("else/where");
    environment.set("STARSYSTEM_HOME", &elsewhere.display().to_string());
    environment.succeed(&["vault", "set", "A", "b"]);
    environment.succeed(&["provision"]);
    assert_eq!(pids(&environment).len(), 1);
    for name in ["vault", "runs", "cache", "logs"] {
        assert!(elsewhere.join(name).is_dir(), "{name}");
    }
    assert!(!environment.ss_home().exists());
}

#[test]
fn a_home_that_is_a_file_is_an_error() {
    let environment = system(ONE);
    std::fs::write(environment.ss_home(), "").expect("a file");
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1);
    assert_snapshot!(refused.stderr, @"
    error: `$ENV/home/.starsystem`, the home of `ss`, is not a folder
    hint: move it away, or set `STARSYSTEM_HOME` to another folder
    ");
    for command in [&["vault", "set", "A", "b"][..], &["vault", "list"], &["catalog"]] {
        let output = environment.run(command);
        assert_eq!((output.code, output.stderr), (1, refused.stderr.clone()), "{command:?}");
    }
    assert!(processes_below(environment.root()).is_empty());
}

#[test]
fn a_home_that_cannot_be_written_is_an_error_and_starts_nothing() {
    let mut environment = system(ONE);
    // Nobody can make folders here, not even root.
    environment.set("STARSYSTEM_HOME", "/proc/starsystem");
    let planned = environment.run(&["provision", "--dry-run"]);
    assert_eq!(planned.code, 0, "a plan needs no home: {}", planned.raw);
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    let stderr = output.notes();
    assert!(stderr.contains("error: cannot create the folder `/proc/starsystem"), "{stderr}");
    assert!(stderr.contains("`STARSYSTEM_HOME` names another folder"), "{stderr}");
    assert!(processes_below(environment.root()).is_empty());
    let set = environment.run(&["vault", "set", "A", "b"]);
    assert_eq!(set.code, 1);
    assert_snapshot!(set.notes(), @"
    error: cannot create the folder `/proc/starsystem/vault/objects`
      because: No such file or directory (os error 2)
    hint: `ss` keeps vault, journals and cache in `/proc/starsystem`; `STARSYSTEM_HOME` names another folder
    ");
}

#[test]
fn no_home_at_all_is_an_error() {
    let mut environment = system(ONE);
    environment.set("HOME", "");
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stderr, @"
    error: neither `STARSYSTEM_HOME` nor `HOME` is set
    hint: set `STARSYSTEM_HOME` to the folder that should hold the vault and the cache
    ");
}

#[test]
fn the_second_of_two_runs_says_who_works_and_nothing_is_lost() {
    let port = free_port();
    let server = local::server(port).replace("command: ", "command: sh -c 'sleep 2; exec \"$@\"' late ");
    let environment = TestEnvironment::warm();
    let yaml = format!(
        "name: two\nservices:\n  web:\n{server}    provision:\n      health_check: http://127.0.0.1:{port}/health\n"
    );
    environment.write("starsystem.yaml", &yaml);
    let first = environment
        .command(&["provision"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ss runs");
    eventually("the start of the process", || processes_below(environment.root()).len() > 1);
    let second = environment.run(&["provision"]);
    assert_eq!(second.code, 1);
    assert!(second.raw.contains(&format!("pid {}", first.id())), "{}", second.raw);
    assert_snapshot!(second.notes(), @"
    error: another `ss` works on `two`, environment `local` (pid <pid>, `ss provision`, for <time>)
    hint: wait until it has finished, or stop it
    ");
    let planned = environment.run(&["provision", "--dry-run"]);
    assert_eq!(planned.code, 0, "reading is free: {}", planned.raw);
    assert!(first.wait_with_output().expect("ss ends").status.success());
    assert_eq!(pids(&environment).len(), 1);
}
