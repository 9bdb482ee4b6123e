//! The monotonic clock of one operation, and its sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime_wasi::HostMonotonicClock;

use crate::runtime::Pace;

/// A clock that goes on by all that a plugin sleeps, however long the sleep really takes. Clones share it.
#[derive(Clone)]
pub(crate) struct Clock {
    pace: Pace,
    begun: Instant,
    /// Nanoseconds by which it is ahead of real time.
    ahead: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, begun: Instant::now(), ahead: Arc::default() }
    }

    /// By how much it is ahead of real time.
    pub(crate) fn ahead(&self) -> Duration {
        Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    /// Sleeps as the plugin asked, in its own time.
    pub(crate) async fn sleep(&self, time: Duration) {
        let really = match self.pace {
            Pace::Real => time,
            Pace::Hurried(longest) => time.min(longest),
        };
        tokio::time::sleep(really).await;
        let skipped = u64::try_from((time - really).as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(skipped, Ordering::Relaxed);
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from((self.begun.elapsed() + self.ahead()).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hurried_sleep_takes_no_time_and_counts_in_full() {
        let clock = Clock::new(Pace::Hurried(Duration::ZERO));
        let (begun, before) = (Instant::now(), clock.now());
        clock.sleep(Duration::from_secs(3600)).await;
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert!(clock.now() - before >= 3_600_000_000_000);
    }

    #[tokio::test]
    async fn real_sleep_is_never_ahead() {
        let clock = Clock::new(Pace::Real);
        clock.sleep(Duration::from_millis(2)).await;
        assert_eq!(clock.ahead(), Duration::ZERO);
        assert!(clock.now() >= 2_000_000);
    }
}
