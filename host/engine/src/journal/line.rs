//! One line of the journal, and the chain through all of them.
//!
//! A line is a JSON object: `seq` (from 0), `prev` (the `sum` of the line before; 64 zeros in the first),
//! `at` (RFC 3339), the record's own fields, and, always last, `sum`: SHA-256 in hex of all bytes of the
//! line before `,"sum":"`. It can therefore be checked without parsing, byte by byte.
//!
//! Threat: a power cut in the middle of a write, a bad disk, a person with an editor. Not a forger: who
//! can write the file can compute the sums.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Record;

const SUM_FIELD: &str = ",\"sum\":\"";
const SUM_HEX: usize = 64;
/// `,"sum":"…"}`
const TAIL: usize = SUM_FIELD.len() + SUM_HEX + 2;

/// A record in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Number of the line, from 0.
    pub seq: u64,
    /// `sum` of the line before.
    pub prev: String,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub record: Record,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("it has no checksum")]
    NoSum,
    #[error("its checksum does not match its content")]
    WrongSum,
    #[error("it does not follow the line before it")]
    Broken,
    #[error("it is no journal record: {0}")]
    NotARecord(String),
}

/// `prev` of the first line.
pub(crate) fn genesis() -> String {
    "0".repeat(SUM_HEX)
}

/// Completes the text of a [`Line`]'s JSON object with its sum; returns the line and the sum.
pub(crate) fn seal(json: &str) -> (String, String) {
    let body = json.strip_suffix('}').unwrap_or(json);
    let sum = sum_of(body);
    (format!("{body}{SUM_FIELD}{sum}\"}}\n"), sum)
}

/// Checks and parses a line (without its newline) that must follow `seq - 1` and `prev`; returns it and
/// its sum.
pub(crate) fn open(text: &str, seq: u64, prev: &str) -> Result<(Line, String), LineError> {
    let split = text.len().checked_sub(TAIL).ok_or(LineError::NoSum)?;
    let (body, tail) = text.split_at_checked(split).ok_or(LineError::NoSum)?;
    let sum =
        tail.strip_prefix(SUM_FIELD).and_then(|rest| rest.strip_suffix("\"}")).ok_or(LineError::NoSum)?;
    if sum_of(body) != sum {
        return Err(LineError::WrongSum);
    }
    let line: Line = serde_json::from_str(&format!("{body}}}"))
        .map_err(|error| LineError::NotARecord(error.to_string()))?;
    if line.seq != seq || line.prev != prev {
        return Err(LineError::Broken);
    }
    Ok((line, sum.to_owned()))
}

fn sum_of(body: &str) -> String {
    hex::encode(digest(&SHA256, body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RunStatus;

    fn sealed() -> String {
        let line = Line {
            seq: 0,
            prev: genesis(),
            at: Timestamp::UNIX_EPOCH,
            record: Record::RunEnd { status: RunStatus::Completed },
        };
        seal(&serde_json::to_string(&line).unwrap()).0
    }

    #[test]
    fn a_line_survives_the_round_trip_and_no_changed_byte_does() {
        let text = sealed();
        let text = text.trim_end();
        open(text, 0, &genesis()).unwrap();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(open(&changed, 0, &genesis()).is_err(), "byte {at}");
            }
        }
        for at in 0..text.len() {
            assert!(open(&text[..at], 0, &genesis()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_line_must_follow_the_one_before() {
        let text = sealed();
        assert_eq!(open(text.trim_end(), 1, &genesis()), Err(LineError::Broken));
        assert_eq!(open(text.trim_end(), 0, &"1".repeat(64)), Err(LineError::Broken));
    }
}
