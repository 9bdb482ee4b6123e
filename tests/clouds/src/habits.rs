//! How a stand-in behaves from its start to its end.

use std::time::Duration;

use crate::Fault;

/// A provider's habits. The default is a well-behaved cloud on which things take a few requests.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Decides every id, name and password, and what a storm strikes.
    pub seed: u64,
    /// The one key that is accepted; none accepts any key that is not empty.
    pub key: Option<String>,
    /// How long anything asynchronous takes: an operation, a machine's start, an app's end.
    pub pace: Pace,
    /// For how many requests a new resource is missing from lists and gets. What comes with another, such as
    /// the first database of a project, is seen at once.
    pub unseen_for: u64,
    /// How often it refuses for too many requests.
    pub rate_limit: Option<RateLimit>,
    /// What every request waits before anything else happens.
    pub latency: Duration,
    /// How many of a hundred requests meet trouble, at random by the seed.
    pub storm: u8,
    /// Trouble that waits from the start. [`Running::inject`](crate::Running::inject) adds more.
    pub faults: Vec<Fault>,
    /// Neon: the key is a person's, so that lists and creates must name the organisation.
    pub personal_key: bool,
    /// Neon: whether passwords can be read back.
    pub store_passwords: bool,
    /// Neon, Railway, Supabase: the most projects on a page, whatever is asked for.
    pub page: usize,
    /// Supabase: the most projects that the plan allows.
    pub most_projects: usize,
    /// Neon: how many operations, from the first on, end in `error`.
    pub failing_operations: u32,
    /// Fly: app names, and AWS: buckets, that somebody else has.
    pub taken_names: Vec<String>,
    /// AWS: how far its clock is ahead of this machine's.
    pub clock_ahead: Duration,
    /// Fly, Railway: images whose checks never pass.
    pub broken_images: Vec<String>,
    /// Fly: regions that have no room for another machine.
    pub full_regions: Vec<String>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            seed: 1,
            key: None,
            pace: Pace::Requests(2),
            unseen_for: 0,
            rate_limit: None,
            latency: Duration::ZERO,
            storm: 0,
            faults: Vec::new(),
            personal_key: true,
            store_passwords: true,
            page: 400,
            most_projects: usize::MAX,
            failing_operations: 0,
            clock_ahead: Duration::ZERO,
            taken_names: Vec::new(),
            broken_images: Vec::new(),
            full_regions: Vec::new(),
        }
    }
}

/// How long something asynchronous takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// No time at all.
    Immediate,
    /// So many further requests, to whatever; a waiting request counts as one every 10 ms.
    Requests(u32),
    /// So long.
    Time(Duration),
}

/// Refuses with 429 every now and then.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// After so many requests …
    pub after: u64,
    /// … it refuses so many, and counts anew.
    pub refuses: u64,
    /// What `Retry-After` says, in seconds.
    pub retry_after: u64,
}

impl RateLimit {
    /// Whether it refuses the request of this number, the first being 0.
    pub(crate) fn refuses(&self, number: u64) -> bool {
        number % (self.after + self.refuses).max(1) >= self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_refuses_in_turns() {
        let limit = RateLimit { after: 3, refuses: 2, retry_after: 1 };
        let refused: Vec<bool> = (0..10).map(|number| limit.refuses(number)).collect();
        assert_eq!(refused, [false, false, false, true, true, false, false, false, true, true]);
    }
}
