//! Proof Key for Code Exchange (RFC 7636), with the method `S256`.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ss_secret::Secret;

/// Random bytes of a verifier or state: 43 characters in base64url, the least that RFC 7636 allows.
const RANDOM: usize = 32;

/// What only this attempt knows.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Redeems a code.
    pub verifier: Secret,
    /// What the provider is told of it.
    pub challenge: String,
    /// Tells this attempt's answer from any other.
    pub state: String,
}

impl Proof {
    pub(crate) fn new() -> std::io::Result<Self> {
        let verifier = random()?;
        Ok(Self { challenge: challenge(&verifier), verifier: Secret::new(verifier), state: random()? })
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_attempts_are_the_same() {
        let (one, other) = (Proof::new().unwrap(), Proof::new().unwrap());
        assert_ne!(one.state, other.state);
        assert_ne!(one.challenge, other.challenge);
        assert_eq!(one.state.len(), 43);
    }
}
