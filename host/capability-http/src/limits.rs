//! Caps of size, number and time.

use std::time::Duration;

/// Caps that hold for every request of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one operation, retries included. A provision of the largest service known takes about
    /// a hundred; polling every second for half an hour takes 1,800.
    pub requests: u32,
    /// Bytes of a request's body.
    pub request_body: usize,
    /// Bytes of an answer's body. Listings of large accounts come in pages below 1 MiB.
    pub response_body: usize,
    /// Time from the request to the head of the answer. Fly's `wait` holds a request for 60 s.
    pub answer: Duration,
    /// Time between two pieces of an answer's body.
    pub idle: Duration,
    /// Time of one request altogether, without retries.
    pub total: Duration,
    /// Times that an answer which asks for patience (429, 502, 503, 504) leads to another try.
    pub retries: u32,
    /// Times that a connection that was not made leads to another try. Fewer: mostly it is the network of
    /// the person who waits.
    pub connect_retries: u32,
    /// Wait before the first further try without `Retry-After`; later ones double it.
    pub first_wait: Duration,
    /// Longest wait before another try; an answer that asks for more goes to the plugin as it is.
    pub longest_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 2_000,
            request_body: 4 * 1024 * 1024,
            response_body: 8 * 1024 * 1024,
            answer: Duration::from_secs(90),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(150),
            retries: 5,
            connect_retries: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
        }
    }
}
