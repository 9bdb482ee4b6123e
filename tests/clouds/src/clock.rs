//! What time it is in a stand-in: counted in requests, or in real time, as its habits say.

use std::time::{Duration, Instant};

use crate::habits::Pace;

/// A point in a stand-in's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    tick: u64,
    instant: Instant,
}

/// The stand-in's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    pace: Pace,
    unseen_for: u64,
    tick: u64,
}

/// How often a blocked request looks again. Each look is a tick.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

impl Clock {
    pub(crate) fn new(pace: Pace, unseen_for: u64) -> Self {
        Self { pace, unseen_for, tick: 0 }
    }

    /// One request more, or one look of a request that waits.
    pub(crate) fn advance(&mut self) {
        self.tick += 1;
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { tick: self.tick, instant: Instant::now() }
    }

    /// How many times the pace has passed since: 1 is when something begun then is done.
    pub(crate) fn paces_since(&self, begun: Moment) -> f64 {
        match self.pace {
            Pace::Immediate => f64::INFINITY,
            Pace::Requests(requests) => {
                self.ticks_since(begun) as f64 / f64::from(requests).max(f64::MIN_POSITIVE)
            }
            Pace::Time(duration) => begun.instant.elapsed().as_secs_f64() / duration.as_secs_f64(),
        }
    }

    /// Whether lists and gets show what was created then.
    pub(crate) fn shows(&self, created: Moment) -> bool {
        self.ticks_since(created) > self.unseen_for || self.unseen_for == 0
    }

    fn ticks_since(&self, begun: Moment) -> u64 {
        self.tick.saturating_sub(begun.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_time() {
        let mut clock = Clock::new(Pace::Requests(2), 1);
        let begun = clock.now();
        assert!(clock.paces_since(begun) < 0.5);
        clock.advance();
        assert_eq!(clock.paces_since(begun), 0.5);
        assert!(!clock.shows(begun));
        clock.advance();
        assert_eq!(clock.paces_since(begun), 1.0);
        assert!(clock.shows(begun));
    }

    #[test]
    fn nothing_takes_long_if_everything_is_immediate() {
        let clock = Clock::new(Pace::Immediate, 0);
        assert!(clock.paces_since(clock.now()) > 1.0);
        assert!(clock.shows(clock.now()));
    }
}
