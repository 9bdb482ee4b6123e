//! Ed25519 keys: who may sign for a namespace, and signing.
//!
//! Here does not belong: who is trusted with which key; that is what the metadata says.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use ss_secret::Secret;

use crate::Digest;

/// The identity of a key: the SHA-256 of its 32 bytes. Written as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// Reads 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        Digest::from_hex(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a key file: 64 hex digits, white space around them ignored.
    ///
    /// # Errors
    /// If it holds anything else.
    pub fn from_hex(text: &str) -> Result<Self, BadKey> {
        read_32(text).map(Self)
    }

    /// The key of these 32 bytes; none if there are more or fewer.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its identity.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.0))
    }

    /// The key as 64 hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Whether `signature` over `message` was made with this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A private key. It prints nothing of itself.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a seed file: 64 hex digits, white space around them ignored.
    ///
    /// # Errors
    /// If it holds anything else.
    pub fn from_seed_hex(text: &str) -> Result<Self, BadKey> {
        Ed25519KeyPair::from_seed_unchecked(&read_32(text)?).map(Self).map_err(|_| BadKey)
    }

    /// A new key, and its seed as 64 hex digits: what a key file holds. Nothing else ever shows it.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn generate() -> Result<(Self, Secret), NoRandomness> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| NoRandomness)?;
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoRandomness)?;
        Ok((Self(key), Secret::new(hex::encode(seed))))
    }

    /// The public key that verifies what this key signs.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs a message: 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

/// Text that is no key. It does not repeat the text: it may be a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hex digits")]
pub struct BadKey;

/// The operating system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

fn read_32(text: &str) -> Result<[u8; 32], BadKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| BadKey)?;
    Ok(bytes)
}

/// Who may sign for a namespace: at least `threshold` of `keys`.
#[derive(Debug, Clone)]
pub struct Delegation {
    /// The namespace.
    pub namespace: String,
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many different ones must have signed; at least 1.
    pub threshold: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn agrees_with_the_published_vector() {
        let key =
            SigningKey::from_seed_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .unwrap();
        assert_eq!(key.public().to_hex(), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = key.sign(&[0x72]);
        assert_eq!(
            hex::encode(&signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!key.public().verifies(&[0x72], &signature[..63]));
    }

    #[test]
    fn a_seed_is_not_printed() {
        let seed = "11".repeat(32);
        let key = SigningKey::from_seed_hex(&seed).unwrap();
        assert!(!format!("{key:?}").contains(&seed));
        let error = SigningKey::from_seed_hex(&"1".repeat(63)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("1111"));
    }
}
