//! Points at which a test can make a write fail or the process die.
//!
//! `SS_FAULT=<kind>@<n>` acts at the n-th durable step of the process (from 1): `abort` ends it at once,
//! as a power cut would, `enospc` and `eio` make the step fail. A step is one replacement or one append.
//! Reading the variable costs nothing worth saving; a user who sets it asks for what happens.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static STEPS: AtomicU64 = AtomicU64::new(0);
static FAULT: OnceLock<Option<(String, u64)>> = OnceLock::new();

/// Counts a durable step and fails it if a fault is due.
pub(crate) fn step() -> io::Result<()> {
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("SS_FAULT").ok()?;
        let (kind, n) = text.split_once('@')?;
        Some((kind.to_owned(), n.parse().ok()?))
    });
    let Some((kind, due)) = fault else { return Ok(()) };
    if STEPS.fetch_add(1, Ordering::SeqCst) + 1 != *due {
        return Ok(());
    }
    match kind.as_str() {
        "abort" => std::process::abort(),
        "enospc" => Err(io::Error::from(io::ErrorKind::StorageFull)),
        _ => Err(io::Error::other("injected fault")),
    }
}
