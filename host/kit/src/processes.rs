//! The processes that a plugin under test has started, found by the mark in their environment.

use std::time::{Duration, Instant};

/// The processes with this mark that lead their own session, as detached ones do; none where that cannot be
/// seen.
#[cfg(target_os = "linux")]
pub(crate) fn marked(mark: &str) -> Option<Vec<u32>> {
    let wanted = format!("{}={mark}", crate::subject::MARK);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Processes of others, and those that have just ended, cannot be read.
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
            && leads_session(pid)
        {
            found.push(pid);
        }
    }
    found.sort_unstable();
    Some(found)
}

/// See proc(5): after the name in parentheses come state, parent, group and session.
#[cfg(target_os = "linux")]
fn leads_session(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    let (state, session) = (fields.next(), fields.nth(2));
    !matches!(state, Some("Z" | "X")) && session == Some(pid.to_string().as_str())
}

/// Elsewhere the environment of a process cannot be read.
#[cfg(not(target_os = "linux"))]
pub(crate) fn marked(_: &str) -> Option<Vec<u32>> {
    None
}

/// How long a killed process may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often one that was killed is looked for.
const POLL: Duration = Duration::from_millis(2);

/// Ends what a case has left, every marked process and its group, and waits until it is gone: the next case counts
/// processes. False if some is left, or nobody can see whether it is.
pub(crate) fn sweep(mark: &str) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Some(left) = marked(mark) else { return false };
        for pid in &left {
            if let Some(group) = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw) {
                // It may have ended by itself meanwhile.
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
        if left.is_empty() || Instant::now() >= deadline {
            return left.is_empty();
        }
        std::thread::sleep(POLL);
    }
}
