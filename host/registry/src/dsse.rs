//! DSSE envelopes: a payload, its type, and signatures over both.
//!
//! Format: <https://github.com/secure-systems-lab/dsse>, JSON with base64 payload. What is signed is the
//! pre-authentication encoding of type and payload, never JSON text, so nothing has to be canonical.
//! Threat: an envelope of a stranger. Nothing of the payload is looked at before enough trusted keys have
//! signed exactly those bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::key::{Delegation, KeyId, SigningKey};
use crate::strict::{self, Malformed};

/// Largest envelope, in bytes. A statement has a few kilobytes; most of it are requested HTTP rules.
pub const MAX_ENVELOPE: usize = 256 * 1024;

/// More signatures than any threshold needs; each costs a verification.
const MAX_SIGNATURES: usize = 16;

/// A signed payload that nobody has verified yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// A payload that enough trusted keys have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The payload.
    pub payload: Vec<u8>,
    /// The keys that signed it, sorted.
    pub signers: Vec<KeyId>,
}

/// Why an envelope was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is not a DSSE envelope: cut short, damaged, or something else altogether.
    #[error("it is not a DSSE envelope: {0}")]
    Malformed(#[from] Malformed),
    /// Its payload is of another type.
    #[error("its payload type is `{found}`, not `{expected}`")]
    PayloadType {
        /// The wanted type.
        expected: String,
        /// The type it says.
        found: String,
    },
    /// Nobody has signed it.
    #[error("it is not signed")]
    Unsigned,
    /// It names a trusted key and the signature is not of that key over this payload.
    #[error("the signature by key {key} does not match: the statement was changed after it was signed")]
    BadSignature {
        /// The key.
        key: KeyId,
    },
    /// Too few trusted keys have signed it.
    #[error(
        "{found} of the {threshold} signatures needed for the namespace `{namespace}` are there; it is signed \
         by: {}", if signed_by.is_empty() { "nobody".to_owned() } else { signed_by.join(", ") }
    )]
    Untrusted {
        /// The namespace.
        namespace: String,
        /// How many trusted keys must sign.
        threshold: usize,
        /// How many did.
        found: usize,
        /// Key ids that the envelope names.
        signed_by: Vec<String>,
    },
}

/// The pre-authentication encoding: what a DSSE signature is over.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

impl Envelope {
    /// Signs a payload with each of the keys.
    pub fn sign(payload_type: &str, payload: &[u8], keys: &[&SigningKey]) -> Self {
        let message = pae(payload_type, payload);
        let signatures = keys
            .iter()
            .map(|key| Signature {
                keyid: key.public().id().to_string(),
                sig: STANDARD.encode(key.sign(&message)),
            })
            .collect();
        Self { payload_type: payload_type.to_owned(), payload: STANDARD.encode(payload), signatures }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = strict::json(bytes, MAX_ENVELOPE)?;
        if envelope.signatures.len() > MAX_SIGNATURES {
            return Err(shape(&format!("it has more than {MAX_SIGNATURES} signatures")));
        }
        Ok(envelope)
    }

    /// The envelope as a file: JSON with one trailing newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "strings and lists of strings always serialise")]
        let mut text = serde_json::to_vec(self).expect("an envelope is JSON");
        text.push(b'\n');
        text
    }

    /// The payload, if it is of the type and enough keys of the delegation have signed it.
    ///
    /// # Errors
    /// [`EnvelopeError`]. One bad signature of a trusted key refuses the envelope whatever else is in it.
    pub fn open(&self, payload_type: &str, trusted: &Delegation) -> Result<Signed, EnvelopeError> {
        if self.payload_type != payload_type {
            return Err(EnvelopeError::PayloadType {
                expected: payload_type.to_owned(),
                found: self.payload_type.clone(),
            });
        }
        if self.signatures.is_empty() {
            return Err(EnvelopeError::Unsigned);
        }
        let payload = STANDARD.decode(&self.payload).map_err(|_| shape("`payload` is not base64"))?;
        let signers = self.signers(&pae(payload_type, &payload), trusted)?;
        if signers.len() < trusted.threshold.max(1) {
            return Err(EnvelopeError::Untrusted {
                namespace: trusted.namespace.clone(),
                threshold: trusted.threshold.max(1),
                found: signers.len(),
                signed_by: self.signatures.iter().map(|signature| signature.keyid.clone()).collect(),
            });
        }
        Ok(Signed { payload, signers })
    }

    /// The different trusted keys that signed `message`, sorted.
    fn signers(&self, message: &[u8], trusted: &Delegation) -> Result<Vec<KeyId>, EnvelopeError> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let named = KeyId::from_hex(&signature.keyid)
                .ok_or_else(|| shape("`keyid` is not the SHA-256 of a public key"))?;
            let bytes = STANDARD.decode(&signature.sig).map_err(|_| shape("`sig` is not base64"))?;
            let Some(key) = trusted.keys.iter().find(|key| key.id() == named) else { continue };
            if !key.verifies(message, &bytes) {
                return Err(EnvelopeError::BadSignature { key: named });
            }
            signers.push(named);
        }
        signers.sort_unstable();
        signers.dedup();
        Ok(signers)
    }
}

fn shape(what: &str) -> EnvelopeError {
    EnvelopeError::Malformed(Malformed::Shape(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "http://example.com/HelloWorld";

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed_hex(&hex::encode([n; 32])).unwrap()
    }

    fn trust(keys: &[&SigningKey], threshold: usize) -> Delegation {
        Delegation {
            namespace: "test".into(),
            keys: keys.iter().map(|key| key.public()).collect(),
            threshold,
        }
    }

    /// The test vector of the DSSE protocol document.
    #[test]
    fn pae_agrees_with_the_published_vector() {
        assert_eq!(pae(TYPE, b"hello world"), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn opens_what_was_signed() {
        let (a, b) = (key(1), key(2));
        let bytes = Envelope::sign(TYPE, b"hello", &[&b, &a]).to_bytes();
        let signed = Envelope::parse(&bytes).unwrap().open(TYPE, &trust(&[&a, &b], 2)).unwrap();
        let mut both = vec![a.public().id(), b.public().id()];
        both.sort_unstable();
        assert_eq!(signed, Signed { payload: b"hello".to_vec(), signers: both });
    }

    #[test]
    fn one_key_signing_twice_is_one_signer() {
        let (a, b) = (key(1), key(2));
        let error = Envelope::sign(TYPE, b"x", &[&a, &a]).open(TYPE, &trust(&[&a, &b], 2)).unwrap_err();
        assert!(matches!(error, EnvelopeError::Untrusted { found: 1, threshold: 2, .. }), "{error}");
    }

    #[test]
    fn a_threshold_of_zero_still_needs_a_signature() {
        let stranger = key(9);
        let error = Envelope::sign(TYPE, b"x", &[&stranger]).open(TYPE, &trust(&[&key(1)], 0)).unwrap_err();
        assert!(matches!(error, EnvelopeError::Untrusted { found: 0, threshold: 1, .. }), "{error}");
        let error = Envelope::sign(TYPE, b"x", &[]).open(TYPE, &trust(&[], 0)).unwrap_err();
        assert_eq!(error, EnvelopeError::Unsigned);
    }

    #[test]
    fn a_signature_is_over_type_and_payload() {
        let a = key(1);
        let trusted = trust(&[&a], 1);
        let signed = Envelope::sign(TYPE, b"hello", &[&a]);

        let mut other = signed.clone();
        other.payload = STANDARD.encode(b"hellp");
        assert!(matches!(other.open(TYPE, &trusted), Err(EnvelopeError::BadSignature { .. })));

        let mut other = signed;
        other.payload_type = "another".into();
        assert!(matches!(other.open(TYPE, &trusted), Err(EnvelopeError::PayloadType { .. })));
        assert!(matches!(other.open("another", &trusted), Err(EnvelopeError::BadSignature { .. })));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = Envelope::sign(TYPE, b"hello", &[&key(1)]).to_bytes();
        for length in 0..bytes.len() - 1 {
            assert!(
                matches!(Envelope::parse(&bytes[..length]), Err(EnvelopeError::Malformed(_))),
                "{length}"
            );
        }
    }

    #[test]
    fn unknown_and_duplicate_members_are_refused() {
        for text in [
            r#"{"payloadType":"a","payload":"","signatures":[],"extra":1}"#,
            r#"{"payloadType":"a","payloadType":"b","payload":"","signatures":[]}"#,
            r#"{"payloadType":"a","payload":"","signatures":[{"keyid":"","sig":"","cert":""}]}"#,
            r#"{"payloadType":"a","payload":"","signatures":[]} {}"#,
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
        }
        let many = format!(
            r#"{{"payloadType":"a","payload":"","signatures":[{}]}}"#,
            [r#"{"keyid":"","sig":""}"#; 17].join(",")
        );
        assert!(Envelope::parse(many.as_bytes()).is_err());
        assert!(Envelope::parse(&vec![b' '; MAX_ENVELOPE + 1]).is_err());
    }
}
