//! Waiting for something that a provider does in its own time.

use std::time::Duration;

use crate::{Failure, Host, HostRef};

/// A wait with exponential back-off, a deadline, and an ear for the person who wants to stop.
///
/// The first pause is 250 ms and each is 1.6 times the one before, up to 5 s: short waits end soon, long
/// ones cost few requests (a minute takes about 18).
pub struct Wait<'h> {
    host: HostRef<'h>,
    what: String,
    limit: Duration,
    first_pause: Duration,
    longest_pause: Duration,
}

impl<'h> Wait<'h> {
    /// Waits for `what`, such as `the machine to start`, for at most `limit`.
    pub fn new(host: HostRef<'h>, what: impl Into<String>, limit: Duration) -> Self {
        Self {
            host,
            what: what.into(),
            limit,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(5),
        }
    }

    /// Sets the first and the longest pause.
    #[must_use]
    pub fn pausing(mut self, first: Duration, longest: Duration) -> Self {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }

    /// Asks `look` until it has an answer.
    ///
    /// A transient failure of `look` counts as no answer.
    ///
    /// # Errors
    ///
    /// Unavailable when the limit has passed (saying what `look` last failed with) or the operation should
    /// wind up; otherwise the failure of `look`.
    pub fn until<T>(&self, look: impl FnMut() -> Result<Option<T>, Failure>) -> Result<T, Failure> {
        self.within_limit(look)?.ok_or_else(|| {
            Failure::unavailable(format!(
                "gave up waiting for {} after {} s",
                self.what,
                self.limit.as_secs()
            ))
        })
    }

    /// Asks `look` until it has an answer; none when the limit has passed without one.
    ///
    /// # Errors
    ///
    /// As [`Wait::until`], except for a limit that passed without a failure.
    pub fn within_limit<T>(
        &self,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut found = None;
        self.ask(&mut || {
            found = look()?;
            Ok(found.is_some())
        })?;
        Ok(found)
    }

    /// Asks until the answer is yes or the limit has passed. One function for every type that is waited for:
    /// a component is small first.
    fn ask(&self, look: &mut dyn FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
        let start = Host::monotonic_clock(self.host);
        let mut pause = self.first_pause;
        loop {
            let seen = look();
            let elapsed = Host::monotonic_clock(self.host).saturating_sub(start);
            match seen {
                Ok(false) if elapsed < self.limit => {}
                Err(failure) if failure.is_transient() && elapsed < self.limit => {}
                decided => return decided.map(drop),
            }
            Host::waiting(self.host, &format!("waiting for {}", self.what));
            if !Host::sleep(self.host, pause.min(self.limit.saturating_sub(elapsed))) {
                return Err(Failure::unavailable(format!("stopped while waiting for {}", self.what)));
            }
            pause = pause.mul_f32(1.6).min(self.longest_pause);
        }
    }
}
