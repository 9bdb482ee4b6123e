//! Every way in which a release can be wrong, and the check that notices.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fixture;

use std::fs;

use fixture::{AUTHORITY, Shelf, component, draft, key, manifest, plugin, plugin_component, version};
use ss_registry::{
    ComponentError, Contract, Delegation, Digest, Directory, Draft, Embedded, Envelope, EnvelopeError, Line,
    LoadError, PAYLOAD_TYPE, PublishError, Published, Refusal, Registry, Release, Source, Statement,
    embed_manifest, layout,
};

/// A statement for the bytes, as a publisher could sign it who does not check anything.
fn statement_for(line: &Line, change: impl FnOnce(&mut Statement)) -> Statement {
    let manifest: ss_authority::Manifest =
        ss_authority::Manifest::parse(&manifest("alpha", "0.1.0", "0.1.0", AUTHORITY)).unwrap();
    let mut statement = Statement {
        component: line.digest,
        release: Release {
            name: plugin("alpha"),
            version: version("0.1.0"),
            contract: line.world.clone(),
            description: manifest.description,
            requested: manifest.authority,
            min_ss: line.min_ss.clone(),
            source: ss_registry::BuiltFrom { digest: Digest::of(b"sources") },
            published: line.published.clone(),
        },
    };
    change(&mut statement);
    statement
}

#[test]
fn an_honest_release_loads() {
    let (shelf, line) = Shelf::with_alpha();
    let plugin = shelf.load("alpha", "0.1.0").unwrap();
    assert_eq!(plugin.identity().name, "alpha");
    assert_eq!(plugin.identity().version, "0.1.0");
    assert_eq!(plugin.identity().digest, line.digest.to_string());
    assert_eq!(plugin.component().bytes().unwrap(), plugin_component("alpha", "0.1.0", AUTHORITY));
    assert_eq!(plugin.signers(), [shelf.key.public().id()]);
    assert_eq!(plugin.statement_digest(), line.statement_digest);
    assert_eq!(plugin.manifest().authority.http[0].origin, "https://api.example.com");
}

#[test]
fn altered_bytes_are_tampered_wherever_they_are() {
    let (shelf, line) = Shelf::with_alpha();
    let path = shelf.path(&layout::component(line.digest));
    let honest = fs::read(&path).unwrap();
    for offset in 0..honest.len() {
        let mut altered = honest.clone();
        altered[offset] ^= 1 << (offset % 8);
        fs::write(&path, &altered).unwrap();
        assert!(
            matches!(shelf.refusal(), Refusal::Tampered { expected, .. } if expected == line.digest),
            "{offset}"
        );
    }
    fs::write(&path, honest).unwrap();
    assert!(shelf.load("alpha", "0.1.0").is_ok());
}

#[test]
fn truncated_and_padded_bytes_are_refused() {
    let (shelf, line) = Shelf::with_alpha();
    let path = shelf.path(&layout::component(line.digest));
    let honest = fs::read(&path).unwrap();
    for length in [0, 1, 8, honest.len() / 2, honest.len() - 1] {
        fs::write(&path, &honest[..length]).unwrap();
        assert!(matches!(shelf.refusal(), Refusal::Size { .. }), "{length}");
    }
    fs::write(&path, [honest.as_slice(), b"\0\x01\0"].concat()).unwrap();
    assert!(matches!(shelf.refusal(), Refusal::Size { .. }));
    fs::remove_file(&path).unwrap();
    assert!(matches!(shelf.refusal(), Refusal::ComponentMissing { .. }));
}

#[test]
fn the_index_cannot_shrink_a_component() {
    let (shelf, line) = Shelf::with_alpha();
    let path = shelf.path(&layout::component(line.digest));
    let honest = fs::read(&path).unwrap();
    fs::write(&path, &honest[..honest.len() - 1]).unwrap();
    shelf.rewrite_index(&Line { size: line.size - 1, ..line });
    assert!(matches!(shelf.refusal(), Refusal::Tampered { .. }));
}

#[test]
fn no_statement_is_unsigned() {
    let (shelf, line) = Shelf::with_alpha();
    fs::remove_file(shelf.path(&layout::statement(line.digest))).unwrap();
    assert!(matches!(shelf.refusal(), Refusal::Unsigned));
}

#[test]
fn a_statement_without_signatures_is_unsigned() {
    let (shelf, line) = Shelf::with_alpha();
    let payload = statement_for(&line, |_| {}).to_payload().unwrap();
    shelf.swap_statement(&line, &Envelope::sign(PAYLOAD_TYPE, &payload, &[]).to_bytes());
    assert!(matches!(shelf.refusal(), Refusal::Envelope(EnvelopeError::Unsigned)));
}

#[test]
fn a_statement_of_another_key_is_untrusted() {
    let (shelf, line) = Shelf::with_alpha();
    let stranger = key(9);
    shelf.swap_statement(&line, &statement_for(&line, |_| {}).sign(&[&stranger]).unwrap().to_bytes());
    let refusal = shelf.refusal();
    assert!(matches!(refusal, Refusal::Envelope(EnvelopeError::Untrusted { .. })));
    assert!(refusal.to_string().contains(&stranger.public().id().to_string()), "{refusal}");
}

#[test]
fn a_forged_key_id_is_a_bad_signature() {
    let (shelf, line) = Shelf::with_alpha();
    let (stranger, trusted) = (key(9).public().id().to_string(), shelf.key.public().id().to_string());
    let file = statement_for(&line, |_| {}).sign(&[&key(9)]).unwrap().to_bytes();
    let forged = String::from_utf8(file).unwrap().replace(&stranger, &trusted);
    shelf.swap_statement(&line, forged.as_bytes());
    assert!(matches!(shelf.refusal(), Refusal::Envelope(EnvelopeError::BadSignature { .. })));
}

#[test]
fn an_edited_statement_is_tampered() {
    let (shelf, line) = Shelf::with_alpha();
    let path = shelf.path(&layout::statement(line.digest));
    let honest = fs::read(&path).unwrap();
    fs::write(&path, &honest[..honest.len() / 2]).unwrap();
    assert!(matches!(shelf.refusal(), Refusal::StatementTampered { .. }));

    // The attacker holds the index too.
    for length in [0, 1, honest.len() / 2, honest.len() - 2] {
        shelf.swap_statement(&line, &honest[..length]);
        assert!(matches!(shelf.refusal(), Refusal::Envelope(EnvelopeError::Malformed(_))), "{length}");
    }
    let payload = statement_for(&line, |statement| statement.release.description = "harmless".into());
    let other = Envelope::sign(PAYLOAD_TYPE, &payload.to_payload().unwrap(), &[]).to_bytes();
    let payload_of = |file: &[u8]| {
        let text = std::str::from_utf8(file).unwrap();
        text.split("\"payload\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mixed = String::from_utf8(honest.clone()).unwrap().replace(&payload_of(&honest), &payload_of(&other));
    shelf.swap_statement(&line, mixed.as_bytes());
    assert!(matches!(shelf.refusal(), Refusal::Envelope(EnvelopeError::BadSignature { .. })));
}

#[test]
fn a_signed_text_that_is_no_release_is_refused() {
    let (shelf, line) = Shelf::with_alpha();
    let honest = String::from_utf8(statement_for(&line, |_| {}).to_payload().unwrap()).unwrap();
    let cases = [
        "{}".to_owned(),
        honest.replace("plugin-release/v1", "plugin-release/v2"),
        honest.replace("in-toto.io/Statement/v1", "in-toto.io/Statement/v0.1"),
        honest.replacen("{\"_type\"", "{\"extra\":1,\"_type\"", 1),
        honest.replacen("\"min_ss\":", "\"min_ss\":\"0.0.1\",\"min_ss\":", 1),
        honest.replacen("\"requested\":{", "\"requested\":{\"sockets\":true,", 1),
        honest.replacen("\"name\":\"official/alpha@0.1.0\"", "\"name\":\"official/alpha@9.9.9\"", 1),
        honest.replacen("\"subject\":[", "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"\"}},", 1),
        format!("{honest} "),
    ];
    for (number, payload) in cases.iter().enumerate() {
        assert_ne!(*payload, honest, "case {number} changes nothing");
        shelf.swap_statement(
            &line,
            &Envelope::sign(PAYLOAD_TYPE, payload.as_bytes(), &[&shelf.key]).to_bytes(),
        );
        if number + 1 == cases.len() {
            assert!(shelf.load("alpha", "0.1.0").is_ok(), "white space around JSON is harmless");
        } else {
            assert!(matches!(shelf.refusal(), Refusal::Statement(_)), "case {number}");
        }
    }
    shelf.swap_statement(&line, &Envelope::sign("text/plain", honest.as_bytes(), &[&shelf.key]).to_bytes());
    assert!(matches!(shelf.refusal(), Refusal::Envelope(EnvelopeError::PayloadType { .. })));
}

#[test]
fn a_valid_plugin_under_another_name_is_refused() {
    let (shelf, alpha) = Shelf::with_alpha();
    let beta = shelf.publish(plugin_component("beta", "0.1.0", AUTHORITY));
    // Everything of beta, served as alpha.
    shelf.rewrite_index(&Line { n: "alpha".into(), prev: None, ..beta.clone() });
    let refusal = shelf.refusal();
    assert!(matches!(&refusal, Refusal::OtherRelease { name, .. } if name.name() == "beta"), "{refusal}");
    // Only the component of beta.
    shelf.rewrite_index(&alpha);
    fs::copy(shelf.path(&layout::component(beta.digest)), shelf.path(&layout::component(alpha.digest)))
        .unwrap();
    assert!(matches!(shelf.refusal(), Refusal::Size { .. } | Refusal::Tampered { .. }));
    // Only the statement of beta.
    let statement = fs::read(shelf.path(&layout::statement(beta.digest))).unwrap();
    shelf.swap_statement(&alpha, &statement);
    assert!(matches!(shelf.refusal(), Refusal::OtherRelease { .. }));
    // The index file of beta as it is.
    fs::copy(shelf.path(&layout::index(&plugin("beta"))), shelf.path(&layout::index(&plugin("alpha"))))
        .unwrap();
    assert!(matches!(shelf.load("alpha", "0.1.0"), Err(LoadError::Index { .. })));
}

#[test]
fn a_valid_plugin_under_another_version_is_refused() {
    let (shelf, old) = Shelf::with_alpha();
    shelf.rewrite_index(&Line { v: version("0.2.0"), ..old });
    let Err(LoadError::Refused { refusal, .. }) = shelf.load("alpha", "0.2.0") else { panic!("not refused") };
    assert!(matches!(*refusal, Refusal::OtherRelease { .. }), "{refusal}");
}

#[test]
fn the_index_must_agree_with_the_statement_in_every_field() {
    let (shelf, line) = Shelf::with_alpha();
    let other = Digest::of(b"other");
    let statement = fs::read(shelf.path(&layout::statement(line.digest))).unwrap();
    fs::write(shelf.path(&layout::statement(other)), statement).unwrap();
    for (field, changed) in [
        ("digest", Line { digest: other, ..line.clone() }),
        ("world", Line { world: Contract::provisioner(version("0.2.0")), ..line.clone() }),
        ("requested", Line { requested: other, ..line.clone() }),
        ("min_ss", Line { min_ss: version("0.0.1"), ..line.clone() }),
        ("published", Line { published: "2020-01-01T00:00:00Z".parse().unwrap(), ..line.clone() }),
    ] {
        shelf.rewrite_index(&changed);
        assert!(
            matches!(shelf.refusal(), Refusal::IndexDiffers { field: found } if found == field),
            "{field}"
        );
    }
}

#[test]
fn the_chain_of_the_index_cannot_be_changed() {
    let (shelf, _) = Shelf::with_alpha();
    shelf.publish(plugin_component("alpha", "0.2.0", AUTHORITY));
    let path = shelf.path(&layout::index(&plugin("alpha")));
    let honest = fs::read_to_string(&path).unwrap();
    assert_eq!(honest.lines().count(), 2);
    assert!(shelf.load("alpha", "0.2.0").is_ok());
    let lines: Vec<_> = honest.lines().collect();
    for (case, text) in [
        ("first line dropped", format!("{}\n", lines[1])),
        ("order turned", format!("{}\n{}\n", lines[1], lines[0])),
        ("line twice", format!("{honest}{}\n", lines[1])),
        ("first line edited", honest.replacen("00:00:00Z", "00:00:01Z", 1)),
        ("cut short", honest[..honest.len() - 1].to_owned()),
        ("unknown member", honest.replacen("{\"n\":", "{\"x\":1,\"n\":", 1)),
        ("member twice", honest.replacen("{\"n\":", "{\"n\":\"alpha\",\"n\":", 1)),
    ] {
        fs::write(&path, text).unwrap();
        assert!(matches!(shelf.load("alpha", "0.2.0"), Err(LoadError::Index { .. })), "{case}");
    }
}

/// Publishes bytes that our own publisher would not, under a statement that fits them.
fn force(shelf: &Shelf, line: &Line, bytes: &[u8], change: impl FnOnce(&mut Statement)) -> Refusal {
    let digest = Digest::of(bytes);
    let statement = statement_for(&Line { digest, ..line.clone() }, change);
    let world = statement.release.contract.clone();
    let min_ss = statement.release.min_ss.clone();
    let file = statement.sign(&[&shelf.key]).unwrap().to_bytes();
    fs::write(shelf.path(&layout::component(digest)), bytes).unwrap();
    shelf.swap_statement(&Line { digest, size: bytes.len() as u64, world, min_ss, ..line.clone() }, &file);
    shelf.refusal()
}

#[test]
fn a_core_module_is_refused_as_one() {
    let (shelf, line) = Shelf::with_alpha();
    let refusal = force(&shelf, &line, b"\0asm\x01\0\0\0", |_| {});
    assert!(matches!(refusal, Refusal::Component(ComponentError::CoreModule)), "{refusal}");
    let refusal = force(&shelf, &line, b"#!/bin/sh\necho hello\n", |_| {});
    assert!(matches!(refusal, Refusal::Component(ComponentError::Malformed { .. })), "{refusal}");
}

#[test]
fn an_unknown_contract_says_which_ss_it_needs() {
    let (shelf, line) = Shelf::with_alpha();
    let bytes = plugin_component("alpha", "0.1.0", AUTHORITY);
    let refusal = force(&shelf, &line, &bytes, |statement| {
        statement.release.contract = Contract::provisioner(version("7.0.0"));
        statement.release.min_ss = version("3.2.1");
    });
    assert!(matches!(refusal, Refusal::UnknownContract { .. }), "{refusal}");
    assert!(refusal.to_string().contains("needs ss >= 3.2.1"), "{refusal}");

    let refusal = force(&shelf, &line, &bytes, |statement| statement.release.min_ss = version("3.2.1"));
    assert!(matches!(refusal, Refusal::NeedsNewerSs { .. }), "{refusal}");

    // A contract that only the component itself admits.
    let bare = component(&[], &["starsystem:provisioner/adapter@7.0.0"]);
    let bytes = embed_manifest(&bare, &manifest("alpha", "0.1.0", "0.1.0", AUTHORITY)).unwrap();
    let refusal = force(&shelf, &line, &bytes, |_| {});
    assert!(matches!(refusal, Refusal::OtherContract { .. }), "{refusal}");

    let bare = component(&[], &["wasi:cli/run@0.2.6"]);
    let bytes = embed_manifest(&bare, &manifest("alpha", "0.1.0", "0.1.0", AUTHORITY)).unwrap();
    let refusal = force(&shelf, &line, &bytes, |_| {});
    assert!(matches!(refusal, Refusal::Component(ComponentError::NoAdapter)), "{refusal}");
}

#[test]
fn imports_outside_the_world_are_refused() {
    let (shelf, line) = Shelf::with_alpha();
    for import in ["wasi:http/incoming-handler@0.2.12", "env", "starsystem:provisioner/root@0.1.0"] {
        let bare = component(&["wasi:io/poll@0.2.6", import], &["starsystem:provisioner/adapter@0.1.0"]);
        let bytes = embed_manifest(&bare, &manifest("alpha", "0.1.0", "0.1.0", AUTHORITY)).unwrap();
        let refusal = force(&shelf, &line, &bytes, |_| {});
        assert!(matches!(&refusal, Refusal::Import { import: found, .. } if found == import), "{refusal}");
    }
}

#[test]
fn the_manifest_inside_must_be_the_signed_one() {
    let (shelf, line) = Shelf::with_alpha();
    let bare = component(&[], &["starsystem:provisioner/adapter@0.1.0"]);
    let wide = AUTHORITY.replace("api.example.com", "evil.example.com");
    for (field, inside) in [
        ("name", manifest("beta", "0.1.0", "0.1.0", AUTHORITY)),
        ("version", manifest("alpha", "0.2.0", "0.1.0", AUTHORITY)),
        ("contract", manifest("alpha", "0.1.0", "0.2.0", AUTHORITY)),
        ("description", manifest("alpha", "0.1.0", "0.1.0", AUTHORITY).replace("A test", "Another")),
        ("authority", manifest("alpha", "0.1.0", "0.1.0", &wide)),
        ("authority", manifest("alpha", "0.1.0", "0.1.0", "")),
    ] {
        let refusal = force(&shelf, &line, &embed_manifest(&bare, &inside).unwrap(), |_| {});
        assert!(matches!(refusal, Refusal::ManifestDiffers { field: found } if found == field), "{refusal}");
    }
    let refusal = force(&shelf, &line, &embed_manifest(&bare, "name = 1").unwrap(), |_| {});
    assert!(matches!(refusal, Refusal::Manifest(_)), "{refusal}");
    let refusal = force(&shelf, &line, &bare, |_| {});
    assert!(matches!(refusal, Refusal::Component(ComponentError::Manifest("is missing"))), "{refusal}");
    let whole = embed_manifest(&bare, &manifest("alpha", "0.1.0", "0.1.0", AUTHORITY)).unwrap();
    let twice = [whole.as_slice(), &whole[bare.len()..]].concat();
    let refusal = force(&shelf, &line, &twice, |_| {});
    assert!(matches!(refusal, Refusal::Component(ComponentError::Manifest("is there twice"))), "{refusal}");
}

#[test]
fn nobody_signs_for_a_namespace_without_a_delegation() {
    let (shelf, line) = Shelf::with_alpha();
    let registry = Registry::new("official", Directory::new(shelf.path("")), vec![]);
    let Err(LoadError::Refused { refusal, .. }) = registry.load(&plugin("alpha"), &line.v) else { panic!() };
    assert!(matches!(*refusal, Refusal::NoDelegation { .. }));
}

#[test]
fn two_of_two_keys_are_needed_where_the_delegation_says_so() {
    let (shelf, line) = Shelf::with_alpha();
    let second = key(2);
    let both =
        Delegation { keys: vec![shelf.key.public(), second.public()], threshold: 2, ..shelf.delegation() };
    let registry = Registry::new("official", Directory::new(shelf.path("")), vec![both]);
    assert!(matches!(registry.load(&plugin("alpha"), &line.v), Err(LoadError::Refused { .. })));
    let file = statement_for(&line, |_| {}).sign(&[&shelf.key, &second]).unwrap().to_bytes();
    shelf.swap_statement(&line, &file);
    assert_eq!(registry.load(&plugin("alpha"), &line.v).unwrap().signers().len(), 2);
}

#[test]
fn yanked_releases_are_not_chosen_and_revoked_ones_do_not_load() {
    let (shelf, _) = Shelf::with_alpha();
    shelf.publish(plugin_component("alpha", "0.2.0", AUTHORITY));
    shelf.publish(plugin_component("alpha", "0.3.0-rc.1", AUTHORITY));
    let alpha = plugin("alpha");
    assert_eq!(shelf.registry().newest(&alpha).unwrap(), version("0.2.0"));

    let marks = shelf.path(&layout::marks(&alpha));
    fs::create_dir_all(marks.parent().unwrap()).unwrap();
    let mark = |v: &str, kind: &str| {
        format!(
            "{{\"v\":\"{v}\",\"mark\":\"{kind}\",\"reason\":\"leaks\",\"published\":\"2026-11-22T00:00:00Z\"}}\n"
        )
    };
    fs::write(&marks, mark("0.2.0", "yanked")).unwrap();
    assert_eq!(shelf.registry().newest(&alpha).unwrap(), version("0.1.0"));
    assert!(shelf.load("alpha", "0.2.0").is_ok(), "who has it pinned may go on");

    fs::write(&marks, mark("0.2.0", "yanked") + &mark("0.2.0", "revoked")).unwrap();
    let Err(LoadError::Refused { refusal, .. }) = shelf.load("alpha", "0.2.0") else { panic!("not refused") };
    assert!(matches!(&*refusal, Refusal::Revoked { reason } if reason == "leaks"));

    fs::write(&marks, mark("0.2.0", "forgotten")).unwrap();
    assert!(
        matches!(shelf.load("alpha", "0.2.0"), Err(LoadError::Index { .. })),
        "an unknown mark is not skipped"
    );
}

#[test]
fn what_is_not_there_says_what_is() {
    let (shelf, _) = Shelf::with_alpha();
    assert!(matches!(shelf.load("gamma", "0.1.0"), Err(LoadError::UnknownPlugin { .. })));
    let error = shelf.load("alpha", "9.0.0").unwrap_err();
    assert!(error.to_string().ends_with("it has: 0.1.0"), "{error}");
    assert_eq!(shelf.registry().plugins().unwrap(), [plugin("alpha")]);
    assert!(
        Registry::new("empty", Directory::new(shelf.path("nowhere")), vec![]).plugins().unwrap().is_empty()
    );
}

#[test]
fn a_file_larger_than_its_limit_is_not_read() {
    let (shelf, line) = Shelf::with_alpha();
    fs::write(shelf.path(&layout::statement(line.digest)), vec![b' '; ss_registry::MAX_ENVELOPE + 1])
        .unwrap();
    assert!(matches!(shelf.load("alpha", "0.1.0"), Err(LoadError::Source { .. })));
    assert!(Directory::new(shelf.path("")).read("config.json", 1).unwrap().is_none());
}

#[test]
fn publishing_again_changes_nothing_unless_told_to() {
    let (shelf, line) = Shelf::with_alpha();
    let again = Draft {
        published: "2027-01-01T00:00:00Z".parse().unwrap(),
        ..draft(plugin_component("alpha", "0.1.0", AUTHORITY))
    };
    assert_eq!(shelf.publish_with(again, false).unwrap(), (line.clone(), Published::Unchanged));

    let other = || draft(plugin_component("alpha", "0.1.0", ""));
    assert!(matches!(shelf.publish_with(other(), false), Err(PublishError::Taken { .. })));
    let (replaced, outcome) = shelf.publish_with(other(), true).unwrap();
    assert_eq!(outcome, Published::Replaced);
    assert!(shelf.load("alpha", "0.1.0").unwrap().manifest().authority.http.is_empty());
    assert!(!shelf.path(&layout::component(line.digest)).exists(), "the replaced component is gone");
    assert!(shelf.path(&layout::component(replaced.digest)).exists());

    shelf.publish(plugin_component("alpha", "0.2.0", AUTHORITY));
    let error = shelf.publish_with(draft(plugin_component("alpha", "0.1.0", AUTHORITY)), true);
    assert!(matches!(error, Err(PublishError::NotNewest { .. })));
}

#[test]
fn every_embedded_plugin_passes() {
    let registry = Registry::official();
    let plugins = registry.plugins().unwrap();
    assert_eq!(plugins, Embedded.plugins().unwrap());
    for plugin in plugins {
        let verified = registry.load(&plugin, &registry.newest(&plugin).unwrap()).unwrap();
        assert!(
            verified.component().size() <= 400 * 1024,
            "{plugin} has {} bytes",
            verified.component().size()
        );
    }
}
