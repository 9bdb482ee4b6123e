//! Processes that stay themselves: a number and a start mark.
//!
//! The mark is `<boot id>:<start time in clock ticks since boot>` on Linux (field 22 of
//! `/proc/<pid>/stat`, see proc(5)) and the start time that `ps` prints elsewhere. A process with the same
//! number and another mark is another process.

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Identifies a process beyond the reuse of its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// Process number, which is also its group's.
    pub pid: u32,
    /// Opaque start mark.
    pub started: String,
}

/// Children of this very process: they must be reaped, or they stay as zombies that look alive.
static CHILDREN: OnceLock<Mutex<HashMap<u32, Child>>> = OnceLock::new();

/// Keeps a child to be reaped once it has ended.
pub(crate) fn adopt(child: Child) {
    let mut children = children();
    children.insert(child.id(), child);
}

/// Reaps the child if it has ended; its exit code then, or the signal as 128 + n.
pub(crate) fn reap(pid: u32) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut children = children();
    let status = children.get_mut(&pid)?.try_wait().ok().flatten()?;
    children.remove(&pid);
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

fn children() -> std::sync::MutexGuard<'static, HashMap<u32, Child>> {
    CHILDREN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// The handle of a process that exists now, ended or not; none if there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        look(pid).map(|(_, started)| Self { pid, started })
    }

    /// Whether this very process is running. One that has ended and waits to be reaped is not.
    pub fn is_alive(&self) -> bool {
        reap(self.pid);
        matches!(look(self.pid), Some((true, started)) if started == self.started)
    }
}

/// Whether the process runs, and its start mark.
#[cfg(target_os = "linux")]
fn look(pid: u32) -> Option<(bool, String)> {
    static BOOT: OnceLock<String> = OnceLock::new();
    let boot = BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    });
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything, brackets too.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    // The state is field 3, the start time field 22.
    let start = fields.nth(18)?;
    Some((!matches!(state, "Z" | "X" | "x"), format!("{boot}:{start}")))
}

/// Whether the process runs, and its start mark.
#[cfg(not(target_os = "linux"))]
fn look(pid: u32) -> Option<(bool, String)> {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    Some((!state.starts_with('Z'), start.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other() {
        let own = Handle::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        let reused = Handle { started: "another boot:1".into(), ..own };
        assert!(!reused.is_alive());
    }

    #[test]
    fn a_child_that_has_ended_is_dead_before_and_after_it_is_reaped() {
        let child = std::process::Command::new("true").spawn().unwrap();
        let handle = Handle::of(child.id()).unwrap();
        adopt(child);
        for _ in 0..200 {
            if !handle.is_alive() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the child still counts as alive");
    }
}
