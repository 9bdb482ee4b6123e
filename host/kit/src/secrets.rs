//! The secrets of a scenario: made up, known to the kit, and looked for wherever they must not stand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ss_secret::{Scrubber, Seals, Secret};

/// What the runtime puts where a plugin's text held a secret or a token.
const HIDDEN: &str = "[secret]";

/// Every secret that the kit knows. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    named: Arc<Mutex<BTreeMap<String, String>>>,
    known: Arc<Scrubber>,
}

impl Secrets {
    /// The made-up secret of this name, the same each time.
    pub(crate) fn named(&self, name: &str) -> String {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = named.get(name) {
            return secret.clone();
        }
        let secret = format!("kit-{}", random_hex());
        self.known.learn(&Secret::new(secret.clone()));
        named.insert(name.to_owned(), secret.clone());
        secret
    }

    /// Knows one more.
    pub(crate) fn learn(&self, secret: &Secret) {
        self.known.learn(secret);
    }

    /// The text with every known secret hidden.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.known.scrub(text).into_owned()
    }

    /// Whether the text holds, or held before the runtime cleaned it, a secret or a sealed token.
    pub(crate) fn stand_in(&self, text: &str) -> bool {
        text.contains(HIDDEN) || self.known.leaks(text) || Seals::tokens_in(text).next().is_some()
    }
}

/// 32 random hex digits.
///
/// # Panics
/// If the operating system gives no random numbers.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0u8; 16];
    #[expect(clippy::expect_used, reason = "without random numbers nothing can be told from anything")]
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_in_any_form() {
        let secrets = Secrets::default();
        let password = secrets.named("password");
        assert_eq!(password, secrets.named("password"));
        assert!(secrets.stand_in(&format!("x{password}x")));
        assert!(secrets.stand_in(&hex::encode(&password)));
        assert!(secrets.stand_in("the key is [secret]"));
        assert!(secrets.stand_in(&format!("sealed1_{}", "0".repeat(40))));
        assert!(!secrets.stand_in("nothing of note"));
        assert_eq!(secrets.scrub(&password), "[secret]");
    }
}
