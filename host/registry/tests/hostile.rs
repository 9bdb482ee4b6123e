//! Whatever bytes a stranger sends, the parsers answer with a value or an error.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fixture;

use fixture::{AUTHORITY, plugin, plugin_component};
use proptest::prelude::*;
use ss_registry::{
    Contract, Digest, Envelope, Index, Lock, Marks, PluginName, Statement, Timestamp, embed_manifest,
};

/// Bytes near the format: a valid text with a few bytes changed, or anything at all.
fn near(valid: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((0..valid.len(), any::<u8>()), 0..6);
    let mutated = (edits, 0..=valid.len()).prop_map(|(edits, length)| {
        let mut bytes = valid.to_vec();
        edits.into_iter().for_each(|(position, byte)| bytes[position] = byte);
        bytes.truncate(length);
        bytes
    });
    prop_oneof![3 => mutated, 1 => prop::collection::vec(any::<u8>(), 0..512)]
}

const LINE: &[u8] = br#"{"n":"alpha","ns":"official","v":"0.1.0","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1,"world":"starsystem:provisioner/provisioner@0.1.0","requested":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","min_ss":"0.1.0","published":"2026-11-21T00:00:00Z","statement_digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","locations":[],"prev":null}
"#;
const MARK: &[u8] =
    b"{\"v\":\"0.1.0\",\"mark\":\"yanked\",\"reason\":\"r\",\"published\":\"2026-11-21T00:00:00Z\"}\n";
const ENVELOPE: &[u8] = br#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sig":"AAAA"}]}"#;
const STATEMENT: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"official/alpha@0.1.0","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicateType":"urn:starsystem:plugin-release/v1","predicate":{"name":"official/alpha","version":"0.1.0","contract":"starsystem:provisioner/provisioner@0.1.0","description":"d","requested":{"http":[{"origin":"https://a.example","path":"/","methods":["GET"]}]},"min_ss":"0.1.0","source":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"published":"2026-11-21T00:00:00Z"}}"#;
const LOCK: &[u8] = br#"version = 1
[[plugin]]
name = "official/alpha"
version = "0.1.0"
registry = "official"
digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
size = 1
contract = "starsystem:provisioner/provisioner@0.1.0"
statement = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
requested = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
[plugin.signer]
kind = "ed25519"
keys = []
[[plugin.granted.http]]
origin = "https://a.example"
path = "/"
methods = ["GET"]
"#;

#[test]
fn the_seeds_are_valid() {
    assert!(Index::parse(&plugin("alpha"), LINE).is_ok());
    assert!(Marks::parse(MARK).is_ok());
    assert!(Envelope::parse(ENVELOPE).is_ok());
    assert!(Statement::parse(STATEMENT).is_ok());
    assert!(Lock::parse(LOCK).is_ok());
}

#[test]
fn deep_nesting_is_an_error() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        assert!(Envelope::parse(deep.as_bytes()).is_err());
        assert!(Statement::parse(deep.as_bytes()).is_err());
        assert!(Index::parse(&plugin("alpha"), format!("{deep}\n").as_bytes()).is_err());
    }
    for deep in
        [format!("a = {}", "[".repeat(100_000)), format!("{}a = 1", "a.".repeat(100_000)), "[a]\n".repeat(10)]
    {
        assert!(Lock::parse(deep.as_bytes()).is_err());
    }
}

proptest! {
    #[test]
    fn index(bytes in near(LINE)) {
        let _ = Index::parse(&plugin("alpha"), &bytes);
    }

    #[test]
    fn marks(bytes in near(MARK)) {
        let _ = Marks::parse(&bytes);
    }

    #[test]
    fn envelope(bytes in near(ENVELOPE)) {
        let _ = Envelope::parse(&bytes);
    }

    #[test]
    fn statement(bytes in near(STATEMENT)) {
        if let Ok(statement) = Statement::parse(&bytes) {
            let again = Statement::parse(&statement.to_payload().unwrap()).unwrap();
            prop_assert_eq!(again, statement);
        }
    }

    #[test]
    fn lock(bytes in near(LOCK)) {
        if let Ok(lock) = Lock::parse(&bytes) {
            prop_assert_eq!(Lock::parse(lock.to_toml().as_bytes()).unwrap(), lock);
        }
    }

    #[test]
    fn component(edits in prop::collection::vec((0..4096_usize, any::<u8>()), 0..6), length in 0..4096_usize) {
        let mut bytes = plugin_component("alpha", "0.1.0", AUTHORITY);
        let size = bytes.len();
        edits.into_iter().for_each(|(position, byte)| bytes[position % size] = byte);
        bytes.truncate(length);
        let _ = embed_manifest(&bytes, "x");
        let _ = ss_registry::inspect(&bytes);
    }

    #[test]
    fn anything_as_a_component(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = ss_registry::inspect(&[b"\0asm\x0d\0\x01\0", bytes.as_slice()].concat());
        let _ = ss_registry::inspect(&bytes);
    }

    #[test]
    fn manifest_section(text in ".{0,300}") {
        let _ = ss_authority::Manifest::parse(&text);
    }

    #[test]
    fn small_texts(text in ".{0,80}") {
        if let Ok(digest) = text.parse::<Digest>() { prop_assert_eq!(digest.to_string(), text.clone()); }
        if let Ok(name) = text.parse::<PluginName>() { prop_assert_eq!(name.to_string(), text.clone()); }
        if let Ok(time) = text.parse::<Timestamp>() { prop_assert_eq!(time.to_string(), text.clone()); }
        if let Ok(contract) = text.parse::<Contract>() { prop_assert_eq!(contract.to_string(), text); }
    }
}
