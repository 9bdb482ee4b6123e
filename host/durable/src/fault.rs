//! Points at which a test can make a write fail or the process die.
//!
//! `SS_FAULT=<kind>@<n>` acts at the n-th durable step of the process (from 1): `abort` ends it at once,
//! as a power cut would, `enospc` and `eio` make the step fail. With a `+` behind the number, it acts at
//! every step from then on: a disk that is full stays full. A step is one replacement or one append.
//! Reading the variable costs nothing worth saving; a user who sets it asks for what happens.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static STEPS: AtomicU64 = AtomicU64::new(0);
static FAULT: OnceLock<Option<Fault>> = OnceLock::new();

struct Fault {
    kind: String,
    due: u64,
    stays: bool,
}

impl Fault {
    fn parse(text: &str) -> Option<Self> {
        let (kind, due) = text.split_once('@')?;
        let (due, stays) = due.strip_suffix('+').map_or((due, false), |due| (due, true));
        Some(Self { kind: kind.to_owned(), due: due.parse().ok()?, stays })
    }
}

/// Counts a durable step and fails it if a fault is due.
pub(crate) fn step() -> io::Result<()> {
    let fault = FAULT.get_or_init(|| Fault::parse(&std::env::var("SS_FAULT").ok()?));
    let Some(Fault { kind, due, stays }) = fault else { return Ok(()) };
    let step = STEPS.fetch_add(1, Ordering::SeqCst) + 1;
    if step < *due || (step > *due && !stays) {
        return Ok(());
    }
    match kind.as_str() {
        "abort" => std::process::abort(),
        "enospc" => Err(io::Error::from(io::ErrorKind::StorageFull)),
        _ => Err(io::Error::other("injected fault")),
    }
}
