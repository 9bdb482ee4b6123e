//! What arrives with plugins: their components and manifests, a registry's files, a repository's lock.

use std::str;

use ss_authority::Manifest;
use ss_registry::{Envelope, Index, Lock, Marks, PluginName, Statement, embed_manifest, inspect};

/// A line of an index.
pub const LINE: &[u8] = br#"{"n":"alpha","ns":"official","v":"0.1.0","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1,"world":"starsystem:provisioner/provisioner@0.1.0","requested":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","min_ss":"0.1.0","published":"2026-11-21T00:00:00Z","statement_digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","locations":[],"prev":null}
"#;
/// A mark that takes a release back.
pub const MARK: &[u8] =
    b"{\"v\":\"0.1.0\",\"mark\":\"yanked\",\"reason\":\"r\",\"published\":\"2026-11-21T00:00:00Z\"}\n";
/// An envelope; nobody's key has signed it.
pub const ENVELOPE: &[u8] = br#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sig":"AAAA"}]}"#;
/// What an envelope holds.
pub const STATEMENT: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"official/alpha@0.1.0","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicateType":"urn:starsystem:plugin-release/v1","predicate":{"name":"official/alpha","version":"0.1.0","contract":"starsystem:provisioner/provisioner@0.1.0","description":"d","requested":{"http":[{"origin":"https://a.example","path":"/","methods":["GET"]}]},"min_ss":"0.1.0","source":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"published":"2026-11-21T00:00:00Z"}}"#;
/// A lock of one plugin.
pub const LOCK: &[u8] = br#"version = 1
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
/// A manifest that asks for one of each kind.
pub const MANIFEST: &[u8] = br#"name = "alpha"
version = "0.1.0"
contract = "0.1.0"
description = "d"

[[authority.http]]
origin = "https://a.example"
path = "/v1/things/"
methods = ["GET", "POST"]

[[authority.vault.read]]
key = "providers:alpha/api_key"
origins = ["https://a.example"]
headers = ["authorization"]
"#;
/// A component with nothing but a section of its own.
pub const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\x00\x06\x04noteok\x07\x01\0\x0a\x01\0\x0b\x01\0";

/// The name that index lines are read for.
fn alpha() -> PluginName {
    PluginName::official("alpha").expect("a name")
}

/// The outside of a component: sections, imports, exports. Nothing of it is compiled.
pub fn component(bytes: &[u8]) {
    let _ = inspect(bytes);
    let behind_a_header = [b"\0asm\x0d\0\x01\0", bytes].concat();
    let _ = inspect(&behind_a_header);
    if let Ok(whole) = embed_manifest(bytes, "name = \"alpha\"") {
        assert!(whole.starts_with(bytes) && whole.len() > bytes.len(), "the component is kept as it is");
    }
}

/// A signed envelope, before anybody's key is asked.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let written = envelope.to_bytes();
        assert_eq!(Envelope::parse(&written).expect("its own text").to_bytes(), written);
    }
}

/// An index file: the releases of one plugin.
pub fn index(bytes: &[u8]) {
    if let Ok(index) = Index::parse(&alpha(), bytes) {
        assert!(index.continues(&index), "a file continues itself");
    }
}

/// A lock, as a repository brings it.
pub fn lock(bytes: &[u8]) {
    if let Ok(lock) = Lock::parse(bytes) {
        let again = Lock::parse(lock.to_toml().as_bytes()).expect("its own text");
        assert_eq!(again.trust_digest(), lock.trust_digest());
        assert_eq!(again, lock);
    }
}

/// A plugin's manifest.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(manifest) = Manifest::parse(text) {
        assert_eq!(Manifest::parse(&manifest.to_toml()).expect("its own text"), manifest);
        assert!(manifest.authority.covers(&manifest.authority).is_ok(), "an authority covers itself");
    }
}

/// The marks of a plugin's releases.
pub fn marks(bytes: &[u8]) {
    let _ = Marks::parse(bytes);
}

/// A signed statement, after its signature has been checked.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        let payload = statement.to_payload().expect("what was read can be written");
        assert_eq!(Statement::parse(&payload).expect("its own text"), statement);
    }
}
