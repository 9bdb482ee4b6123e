//! Whatever bytes a stranger sends, the parsers answer with a value or an error. More of this is in `tests/fuzz`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fixture;

use fixture::{AUTHORITY, plugin, plugin_component};
use proptest::prelude::*;
use ss_registry::{
    Contract, Digest, Envelope, Index, Lock, PluginName, Statement, Timestamp, embed_manifest,
};

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
    fn component(edits in prop::collection::vec((0..4096_usize, any::<u8>()), 0..6), length in 0..4096_usize) {
        let mut bytes = plugin_component("alpha", "0.1.0", AUTHORITY);
        let size = bytes.len();
        edits.into_iter().for_each(|(position, byte)| bytes[position % size] = byte);
        bytes.truncate(length);
        let _ = embed_manifest(&bytes, "x");
        let _ = ss_registry::inspect(&bytes);
    }

    #[test]
    fn small_texts(text in ".{0,80}") {
        if let Ok(digest) = text.parse::<Digest>() { prop_assert_eq!(digest.to_string(), text.clone()); }
        if let Ok(name) = text.parse::<PluginName>() { prop_assert_eq!(name.to_string(), text.clone()); }
        if let Ok(time) = text.parse::<Timestamp>() { prop_assert_eq!(time.to_string(), text.clone()); }
        if let Ok(contract) = text.parse::<Contract>() { prop_assert_eq!(contract.to_string(), text); }
    }
}
