//! Sending again what provably changed nothing.
//!
//! | request | sent again after |
//! |---|---|
//! | safe | 429, 502, 503, 504; no connection; a connection that broke |
//! | unsafe | 429 (the provider says that it did nothing); no connection (nothing left) |
//!
//! An unsafe request that got a 5xx, a broken connection or no answer in time may have worked: it is never
//! sent again, the plugin is told. Each attempt is journalled by itself. `Retry-After` (seconds or a date)
//! is honoured up to a cap; without it the wait doubles, with jitter, from half a second on.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use hyper::body::Bytes;
use jiff::Timestamp;

use crate::error::SendError;
use crate::judge::Safety;
use crate::limits::Limits;

/// The longest wait without `Retry-After`.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// A wait before another attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) duration: Duration,
    /// What is being waited for, for a person.
    pub(crate) message: String,
}

/// How often an operation's request was sent again so far, by reason.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    answered: u32,
    unconnected: u32,
}

impl Retries {
    /// How long to wait before another attempt; none if the result stands.
    pub(crate) fn next_wait(
        &mut self,
        result: &Result<Response<Bytes>, SendError>,
        safety: Safety,
        host: &str,
        limits: &Limits,
    ) -> Option<Wait> {
        let (what, asked) = match result {
            Ok(response) => {
                let status = response.status().as_u16();
                let again = status == 429 || (safety == Safety::Safe && matches!(status, 502..=504));
                if !again || self.answered >= limits.retries {
                    return None;
                }
                let what = if status == 429 {
                    format!("rate limited by {host}")
                } else {
                    format!("{host} answered {status}")
                };
                (what, retry_after(response.headers(), Timestamp::now()))
            }
            Err(SendError::Unreachable { .. }) if self.unconnected < limits.connect_retries => {
                self.unconnected += 1;
                (format!("cannot reach {host}"), None)
            }
            Err(SendError::Interrupted { .. })
                if safety == Safety::Safe && self.answered < limits.retries =>
            {
                (format!("the connection to {host} broke"), None)
            }
            _ => return None,
        };
        let backoff = jittered(backoff(limits.first_wait, self.answered + self.unconnected), random());
        if !matches!(result, Err(SendError::Unreachable { .. })) {
            self.answered += 1;
        }
        let duration = asked.filter(|asked| !asked.is_zero()).unwrap_or(backoff);
        (duration <= limits.longest_wait).then(|| Wait {
            message: format!("{what}, waiting {} s", duration.as_secs_f64().ceil()),
            duration,
        })
    }
}

/// Doubles from the first wait to [`LAST_WAIT`].
fn backoff(first: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1 << attempt.min(10)).min(LAST_WAIT)
}

/// Between half of it and all of it, so that many clients do not come back at once.
fn jittered(wait: Duration, random: u64) -> Duration {
    let part = (random % 1000) as f64 / 1000.0;
    wait.mul_f64(0.5 + part / 2.0)
}

/// A random number that needs no quality.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What the answer asks for: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: &str) -> Result<Response<Bytes>, SendError> {
        let builder = Response::builder().status(status);
        let builder = if retry_after.is_empty() { builder } else { builder.header(RETRY_AFTER, retry_after) };
        Ok(builder.body(Bytes::new()).unwrap())
    }

    fn wait(result: Result<Response<Bytes>, SendError>, safety: Safety) -> Option<Wait> {
        Retries::default().next_wait(&result, safety, "a.b", &Limits::default())
    }

    fn unreachable() -> Result<Response<Bytes>, SendError> {
        Err(SendError::Unreachable { host: "a.b".to_owned(), reason: String::new() })
    }

    fn interrupted() -> Result<Response<Bytes>, SendError> {
        Err(SendError::Interrupted { host: "a.b".to_owned(), reason: String::new() })
    }

    #[test]
    fn only_what_changed_nothing_is_sent_again() {
        for status in [429, 502, 503, 504] {
            assert!(wait(answer(status, ""), Safety::Safe).is_some(), "{status}");
            assert_eq!(wait(answer(status, "1"), Safety::Unsafe).is_some(), status == 429, "{status}");
        }
        for status in [200, 302, 400, 404, 408, 409, 423, 500, 501] {
            assert!(wait(answer(status, "1"), Safety::Safe).is_none(), "{status}");
        }
        assert!(wait(unreachable(), Safety::Unsafe).is_some());
        assert!(wait(interrupted(), Safety::Safe).is_some());
        assert!(wait(interrupted(), Safety::Unsafe).is_none());
        assert!(wait(Err(SendError::Cancelled), Safety::Safe).is_none());
    }

    #[test]
    fn says_what_it_waits_for() {
        let wait = wait(answer(429, "3"), Safety::Safe).unwrap();
        assert_eq!(
            wait,
            Wait { duration: Duration::from_secs(3), message: "rate limited by a.b, waiting 3 s".to_owned() }
        );
    }

    #[test]
    fn honours_seconds_and_dates_up_to_a_cap() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let parse = |text: &str| retry_after(answer(429, text).unwrap().headers(), now);
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sat, 21 Nov 2026 10:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(parse("Sat, 21 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        for text in ["soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(wait(answer(429, "61"), Safety::Safe).is_none());
        assert!(wait(answer(429, "60"), Safety::Safe).is_some());
    }

    #[test]
    fn gives_up() {
        let limits = Limits::default();
        let mut retries = Retries::default();
        let mut next = |result| retries.next_wait(&result, Safety::Safe, "a.b", &limits);
        assert!((0..limits.connect_retries).all(|_| next(unreachable()).is_some()));
        assert!(next(unreachable()).is_none());
        assert!((0..limits.retries).all(|_| next(answer(503, "1")).is_some()));
        assert!(next(answer(503, "1")).is_none());
    }

    #[test]
    fn waits_grow_with_jitter_to_a_cap() {
        let first = Limits::default().first_wait;
        for attempt in 0..40 {
            for random in [0, 500, 999] {
                let wait = jittered(backoff(first, attempt), random);
                assert!(wait >= first / 2 && wait <= LAST_WAIT);
            }
        }
        assert!(jittered(backoff(first, 1), 0) >= first);
    }
}
