//! Time and calls that one operation has used.
//!
//! Epochs end loops inside the guest, but do not fire while it waits in the host. So two clocks run: this
//! meter counts the time inside the guest, and a timer around the whole call counts all of it.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::CallHook;

use crate::limits::{Limits, Overrun};
use crate::ticker::{TICK, Ticks};

/// Counts host calls and time inside the guest.
#[derive(Debug)]
pub(crate) struct Meter {
    ticks: Arc<Ticks>,
    started: u64,
    entered_host: u64,
    ticks_in_host: u64,
    compute: Duration,
    host_calls: u64,
    host_call_limit: u64,
}

impl Meter {
    pub(crate) fn new(ticks: Arc<Ticks>, limits: &Limits) -> Self {
        let started = ticks.now();
        Self {
            ticks,
            started,
            entered_host: started,
            ticks_in_host: 0,
            compute: limits.compute,
            host_calls: 0,
            host_call_limit: limits.host_calls,
        }
    }

    /// Counts a crossing between guest and host.
    pub(crate) fn cross(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        match hook {
            CallHook::CallingHost => {
                self.entered_host = self.ticks.now();
                self.host_calls += 1;
                if self.host_calls > self.host_call_limit {
                    return Err(Overrun::HostCalls { limit: self.host_call_limit }.into());
                }
            }
            CallHook::ReturningFromHost => {
                self.ticks_in_host += self.ticks.now().saturating_sub(self.entered_host);
            }
            CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
        }
        Ok(())
    }

    /// Fails once the guest has computed for too long. Called from inside the host, at each epoch.
    pub(crate) fn check_compute(&self) -> Result<(), Overrun> {
        let inside = self.entered_host.saturating_sub(self.started).saturating_sub(self.ticks_in_host);
        let used = TICK.saturating_mul(u32::try_from(inside).unwrap_or(u32::MAX));
        if used > self.compute { Err(Overrun::Compute { limit: self.compute }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_in_the_host_is_not_computing() {
        let ticks = Arc::new(Ticks::default());
        let limits = Limits { compute: TICK * 5, ..Limits::default() };
        let mut meter = Meter::new(ticks.clone(), &limits);

        meter.cross(CallHook::CallingHost).unwrap();
        ticks.advance_by(1000);
        meter.cross(CallHook::ReturningFromHost).unwrap();
        meter.cross(CallHook::CallingHost).unwrap();
        assert_eq!(meter.check_compute(), Ok(()));

        meter.cross(CallHook::ReturningFromHost).unwrap();
        ticks.advance_by(6);
        meter.cross(CallHook::CallingHost).unwrap();
        assert_eq!(meter.check_compute(), Err(Overrun::Compute { limit: TICK * 5 }));
    }

    #[test]
    fn host_calls_run_out() {
        let limits = Limits { host_calls: 2, ..Limits::default() };
        let mut meter = Meter::new(Arc::new(Ticks::default()), &limits);
        meter.cross(CallHook::CallingHost).unwrap();
        meter.cross(CallHook::CallingHost).unwrap();
        assert!(meter.cross(CallHook::CallingHost).is_err());
    }
}
