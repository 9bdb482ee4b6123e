//! Trouble: what may go wrong with one request, and when it does.

use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Nothing is done; the answer is this status in the provider's error shape.
    Refused {
        /// Such as 500 or 429.
        status: u16,
        /// `Retry-After`: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// It is done, but the answer is this status instead, or the connection closes without any.
    Lost {
        /// Such as 502.
        status: Option<u16>,
    },
    /// Nothing is done; the connection closes without an answer.
    Closed,
    /// It is done; half of the answer's JSON comes.
    Truncated,
    /// Nothing is done; a page for people comes with this status.
    Html {
        /// Such as 503.
        status: u16,
    },
    /// It is done; the answer's body trickles in over this time.
    Slow {
        /// From the first byte to the last.
        over: Duration,
    },
}

impl Trouble {
    /// A refusal without `Retry-After`.
    pub fn refused(status: u16) -> Self {
        Self::Refused { status, retry_after: None }
    }

    /// Whether the request is carried out.
    pub fn carries_out(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Truncated | Self::Slow { .. })
    }
}

/// Trouble for the requests it fits: by default the next one.
#[derive(Debug, Clone)]
pub struct Fault {
    trouble: Trouble,
    method: Option<String>,
    path: Vec<String>,
    after: u32,
    times: u32,
}

impl Fault {
    /// This trouble, once, for whichever request comes next.
    pub fn of(trouble: Trouble) -> Self {
        Self { trouble, method: None, path: Vec::new(), after: 0, times: 1 }
    }

    /// Only for this method and paths whose last segments are these; `*` is any one segment:
    /// `projects/*` fits `/api/v2/projects/quiet-star-1`.
    #[must_use]
    pub fn on(mut self, method: &str, last_segments: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = last_segments.trim_matches('/').split('/').map(str::to_owned).collect();
        self
    }

    /// Lets so many fitting requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Strikes every time.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(u32::MAX)
    }

    /// The trouble for this request, if it strikes now. Counts.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<Trouble> {
        if self.times == 0 || !self.fits(method, path) {
            return None;
        }
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.trouble.clone())
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.len() <= segments.len()
            && self.path.iter().rev().zip(segments.iter().rev()).all(|(want, is)| want == "*" || want == is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_where_when_and_as_often_as_it_says() {
        let mut fault = Fault::of(Trouble::Closed).on("GET", "projects/*").after(1).times(2);
        let mut struck = |method, path| fault.strike(method, path).is_some();
        assert!(!struck("GET", "/api/v2/projects/a"), "the first one passes");
        assert!(!struck("POST", "/api/v2/projects/a"));
        assert!(!struck("GET", "/api/v2/projects"));
        assert!(struck("GET", "/api/v2/projects/a"));
        assert!(struck("GET", "/api/v2/projects/b"));
        assert!(!struck("GET", "/api/v2/projects/b"), "twice only");
    }
}
