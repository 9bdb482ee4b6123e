//! Points in time as signed text: `2026-11-21T09:30:00Z`, UTC, whole seconds, one spelling only.
//!
//! They are compared as text and shown as they are; a calendar is needed only where metadata expires.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, RFC 3339 in UTC. Later is greater.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(String);

/// Text that is no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is written like `2026-11-21T09:30:00Z`")]
pub struct NotATimestamp;

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        Self::of(jiff::Timestamp::now())
    }

    /// A point in time, its fractions of a second cut off.
    pub fn of(time: jiff::Timestamp) -> Self {
        Self(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// The point in time. A day that no calendar has, such as the 31st of February, is the epoch: out of
    /// date wherever it is compared.
    pub fn to_time(&self) -> jiff::Timestamp {
        self.0.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let fits = text.len() == PATTERN.len()
            && text.bytes().zip(PATTERN).all(|(byte, pattern)| match pattern {
                b'0' => byte.is_ascii_digit(),
                fixed => byte == *fixed,
            });
        let within = |from: usize, least: u8, most: u8| {
            text.get(from..from + 2)
                .and_then(|two| two.parse().ok())
                .is_some_and(|n| (least..=most).contains(&n))
        };
        let valid = fits
            && within(5, 1, 12)
            && within(8, 1, 31)
            && within(11, 0, 23)
            && within(14, 0, 59)
            && within(17, 0, 60);
        if valid { Ok(Self(text.to_owned())) } else { Err(NotATimestamp) }
    }
}

/// Its shape; `0` stands for a digit.
const PATTERN: &[u8] = b"0000-00-00T00:00:00Z";

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        assert!("2026-11-21T09:30:00Z".parse::<Timestamp>().is_ok());
        for bad in [
            "2026-11-21T09:30:00+00:00",
            "2026-11-21 09:30:00Z",
            "2026-11-21T09:30:00.5Z",
            "2026-13-21T09:30:00Z",
            "2026-11-32T09:30:00Z",
            "2026-11-21T24:30:00Z",
            "2026-11-21T09:60:00Z",
            "2026-11-21T09:30:61Z",
            "",
            "2026-1é-21T09:30:00Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(NotATimestamp), "{bad}");
        }
    }
}
