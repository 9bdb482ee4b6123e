//! How much a plugin may use, and the wasmtime limiter that holds it to that.
//!
//! wasmtime's own limits on WASI are opt-in or generous (GHSA-852m-cvvp-9p4w); here every one of them is
//! set, and what is exceeded has a name that a person can read.

use std::time::Duration;

use wasmtime::ResourceLimiter;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How much one plugin may use. The defaults fit providers that wait on HTTP.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest component that is compiled, in bytes. Interpreters in a component (Python) need 40 MiB.
    pub component_size: usize,
    /// How long a component of less than 1 MiB may take to compile.
    pub compile_time: Duration,
    /// How much longer for each further MiB: a component with an interpreter inside has 13 to 18 of them.
    pub compile_time_per_mib: Duration,
    /// All linear memories of an instance together, in bytes.
    pub memory: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Core instances, memories and tables of a component, each.
    pub instances: usize,
    /// Open handles: requests, headers, streams, sockets.
    pub handles: usize,
    /// Crossings from guest to host in one operation.
    pub host_calls: u64,
    /// Bytes that one host call may carry from guest to host.
    pub host_call_bytes: usize,
    /// Bytes of one set of HTTP headers.
    pub header_bytes: usize,
    /// Bytes of random numbers in one call.
    pub random_bytes: u64,
    /// Requests of one operation that are under way at the same time.
    pub requests_at_once: usize,
    /// Bytes of one request's body.
    pub request_bytes: usize,
    /// Bytes of responses that have arrived and are not read yet, together.
    pub unread_response_bytes: usize,
    /// Bytes of log that one operation may write; the rest is dropped.
    pub log_bytes: usize,
    /// Time inside the guest, not counting what it waits for in the host.
    pub compute: Duration,
    /// Whole time of `describe` and `can-provision`, which wait for nothing.
    pub pure_call: Duration,
    /// Whole time of `plan`, `status`, `observe` and `find`.
    pub read_call: Duration,
    /// Whole time of `provision` and `destroy`, which wait for clouds.
    pub write_call: Duration,
    /// How long a cancelled operation may take to wind up.
    pub cancel_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_size: 64 * MIB,
            compile_time: Duration::from_secs(60),
            compile_time_per_mib: Duration::from_secs(10),
            memory: 256 * MIB,
            table_elements: 100_000,
            instances: 64,
            handles: 1_024,
            host_calls: 1_000_000,
            host_call_bytes: 8 * MIB,
            header_bytes: 64 * KIB,
            random_bytes: 64 * KIB as u64,
            requests_at_once: 8,
            request_bytes: 4 * MIB,
            unread_response_bytes: 64 * MIB,
            log_bytes: MIB,
            compute: Duration::from_secs(30),
            pure_call: Duration::from_secs(5),
            read_call: Duration::from_secs(5 * 60),
            write_call: Duration::from_secs(30 * 60),
            cancel_grace: Duration::from_secs(3),
        }
    }
}

impl Limits {
    /// How long a component of this size may take to compile.
    pub(crate) fn compile_time_of(&self, size: usize) -> Duration {
        let further = u32::try_from(size / MIB).unwrap_or(u32::MAX);
        self.compile_time.saturating_add(self.compile_time_per_mib.saturating_mul(further))
    }
}

/// The limit that ended an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overrun {
    /// It needed more memory.
    #[error("it needed more than {} MiB of memory", limit / MIB)]
    Memory {
        /// Bytes.
        limit: usize,
    },
    /// It needed larger tables.
    #[error("it needed more than {limit} table elements")]
    Table {
        /// Elements.
        limit: usize,
    },
    /// It kept too many things open.
    #[error("it held more than {limit} open handles (requests, headers, streams)")]
    Handles {
        /// Handles.
        limit: usize,
    },
    /// It called the host too often.
    #[error("it called the host more than {limit} times")]
    HostCalls {
        /// Calls.
        limit: u64,
    },
    /// It computed too long.
    #[error("it computed for more than {}", seconds(limit))]
    Compute {
        /// Time.
        limit: Duration,
    },
    /// It took too long altogether.
    #[error("it took longer than {}", seconds(limit))]
    Deadline {
        /// Time.
        limit: Duration,
    },
    /// It did not wind up after a person cancelled.
    #[error("it was cancelled and did not stop within {}", seconds(grace))]
    Cancelled {
        /// Time.
        grace: Duration,
    },
}

fn seconds(time: &Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// Counts memory and tables of one store.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: usize,
    memory: usize,
    table_limit: usize,
    table: usize,
    instances: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory,
            memory: 0,
            table_limit: limits.table_elements,
            table: 0,
            instances: limits.instances,
        }
    }
}

impl ResourceLimiter for Limiter {
    /// An error and not a refusal: a guest whose allocation is refused aborts without saying why.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory = self.memory.saturating_add(desired.saturating_sub(current));
        if self.memory > self.memory_limit {
            return Err(Overrun::Memory { limit: self.memory_limit }.into());
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.table = self.table.saturating_add(desired.saturating_sub(current));
        if self.table > self.table_limit {
            return Err(Overrun::Table { limit: self.table_limit }.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limiter = Limiter::new(&Limits { memory: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        let error = limiter.memory_growing(0, 60, None).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Overrun::Memory { limit: 100 }));
    }

    #[test]
    fn a_large_component_may_take_longer_to_compile() {
        let limits = Limits::default();
        assert_eq!(limits.compile_time_of(400 * KIB), Duration::from_secs(60));
        assert_eq!(limits.compile_time_of(13 * MIB), Duration::from_secs(190));
    }

    #[test]
    fn an_overrun_says_how_much_was_allowed() {
        let overrun = Overrun::Deadline { limit: Duration::from_millis(1500) };
        assert_eq!(overrun.to_string(), "it took longer than 1500 ms");
        assert_eq!(Overrun::Memory { limit: 256 * MIB }.to_string(), "it needed more than 256 MiB of memory");
    }
}
