//! What stands inside an object: JSON whose texts are secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ss_secret::Secret;
use zeroize::Zeroizing;

/// Secrets by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets(pub(crate) BTreeMap<String, Secret>);

/// Everything the vault keeps for one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceDocument {
    /// What `provision` returned, and what a person set.
    pub(crate) credentials: Secrets,
    /// Names of credentials that anyone may know, such as an address.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) public: BTreeSet<String>,
    /// What the host made for the plugin.
    pub(crate) generated: Secrets,
}

/// Writes a document into memory that is wiped, in one piece, so that no copy is left behind.
pub(crate) fn encode(document: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, document)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *plaintext, document)?;
    Ok(plaintext)
}

/// Counts bytes.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for Secrets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, secret) in &self.0 {
            let text = secret.expose_str().ok_or_else(|| S::Error::custom("the value is not UTF-8 text"))?;
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Secrets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secrets, A::Error> {
                let mut secrets = BTreeMap::new();
                while let Some((name, Text(secret))) = map.next_entry::<String, Text>()? {
                    secrets.insert(name, secret);
                }
                Ok(Secrets(secrets))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

/// A secret read straight from the JSON text, and an error that never shows what it read.
struct Text(Secret);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }

            fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Secret, E> {
                Err(E::custom("a value is not text"))
            }

            fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Secret, E> {
                Err(E::custom("a value is not text"))
            }
        }
        deserializer.deserialize_str(Any).map(Text).map_err(|_| D::Error::custom("a value is not text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let secrets = Secrets(
            [("A", "x\"y\n€"), ("B", "")].map(|(name, value)| (name.into(), Secret::new(value))).into(),
        );
        let public = BTreeSet::from(["B".to_owned()]);
        let document = ServiceDocument { credentials: secrets, public, generated: Secrets::default() };
        let plaintext = encode(&document).unwrap();
        assert_eq!(plaintext.len(), plaintext.capacity(), "written in one piece");
        assert_eq!(serde_json::from_slice::<ServiceDocument>(&plaintext).unwrap(), document);
    }

    #[test]
    fn an_error_shows_no_value() {
        let error = serde_json::from_str::<Secrets>(r#"{"A": 481516}"#).unwrap_err().to_string();
        assert!(!error.contains("481516"), "{error}");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let secrets = Secrets([("A".to_owned(), Secret::from_bytes(vec![0xff]))].into());
        assert!(encode(&secrets).is_err());
    }
}
