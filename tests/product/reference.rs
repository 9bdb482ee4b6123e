//! What the command line says about itself.

use crate::TestEnvironment;

#[test]
fn every_command_has_help() {
    let environment = TestEnvironment::new();
    let commands: &[&[&str]] = &[
        &[],
        &["provision"],
        &["validate"],
        &["catalog"],
        &["vault"],
        &["vault", "set"],
        &["vault", "set-key"],
        &["vault", "get"],
        &["vault", "list"],
        &["vault", "rm"],
        &["completions"],
    ];
    for command in commands {
        let help = environment.succeed(&[*command, &["--help"]].concat()).stdout;
        let usage = [&["Usage: ss"], *command].concat().join(" ");
        assert!(help.contains(&usage), "{command:?}:\n{help}");
        assert!(environment.succeed(&[*command, &["--version"]].concat()).stdout.starts_with("ss"));
    }
}

#[test]
fn completions_know_every_command() {
    let environment = TestEnvironment::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = environment.succeed(&["completions", shell]).stdout;
        for word in ["provision", "validate", "catalog", "vault", "set-key", "dry-run"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn man_pages_are_written() {
    let environment = TestEnvironment::new();
    environment.succeed(&["man", "pages"]);
    for page in ["ss.1", "ss-provision.1", "ss-vault-set-key.1"] {
        assert!(environment.read(&format!("pages/{page}")).contains(".TH"), "{page}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_usage() {
    let environment = TestEnvironment::new();
    for command in [
        &["provison"][..],
        &["provision", "--stauts"],
        &["provision", "--dry-run", "--status"],
        &["provision", "a.yaml", "b.yaml"],
        &["provision", "--parallelism=0"],
        &["vault", "set"],
        &["vault", "get", "a", "b", "c"],
    ] {
        let output = environment.run(command);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{command:?}: {}", output.stderr);
        assert!(output.stderr.starts_with("error:"), "{}", output.stderr);
    }
}
