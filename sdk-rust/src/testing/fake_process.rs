//! The processes of the test host: numbers with a life, nothing is started.

use crate::{Command, ProcessHandle};

/// The first process number, as in the documented examples.
const FIRST_PID: u32 = 9103;

/// Processes that a plugin believes it started.
#[derive(Debug, Default)]
pub(super) struct FakeProcesses {
    spawned: Vec<(ProcessHandle, Command)>,
    alive: Vec<u32>,
}

impl FakeProcesses {
    pub(super) fn spawn(&mut self, command: &Command, lives: bool) -> ProcessHandle {
        let pid = FIRST_PID + u32::try_from(self.spawned.len()).unwrap_or(0);
        let handle = ProcessHandle { pid, started: format!("mark-{pid}") };
        self.spawned.push((handle.clone(), command.clone()));
        if lives {
            self.alive.push(pid);
        }
        handle
    }

    pub(super) fn is_alive(&self, handle: &ProcessHandle) -> bool {
        self.alive.contains(&handle.pid) && self.spawned.iter().any(|(known, _)| known == handle)
    }

    pub(super) fn any_alive(&self) -> bool {
        !self.alive.is_empty()
    }

    pub(super) fn alive(&self) -> Vec<u32> {
        self.alive.clone()
    }

    pub(super) fn end(&mut self, pid: u32) {
        self.alive.retain(|alive| *alive != pid);
    }

    pub(super) fn commands(&self) -> Vec<Command> {
        self.spawned.iter().map(|(_, command)| command.clone()).collect()
    }
}
