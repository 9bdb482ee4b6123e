//! The walkthrough's system, `examples/postgres-and-api`, with stand-in clouds of its own.

use std::path::Path;

use ss_clouds::{Cloud, Habits, MachineView, Pace, ProjectView, Recorded, Running};

use crate::{Output, TestEnvironment, canary};

/// The one key that the stand-in for Neon accepts.
pub const NEON_KEY: &str = "napi_4cbd0f27c6a94c52a5d7";
/// The one key that the stand-in for Fly accepts.
pub const FLY_KEY: &str = "fo1_9mLq2Zt7Rk3XwVb8";

/// The example as it is delivered.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/postgres-and-api");
/// The overlay that the runs work on.
pub const OVERLAY: &str = "starsystem.prod.yaml";

/// A fresh copy of the example and two fresh clouds.
pub struct Rehearsal {
    pub environment: TestEnvironment,
    pub neon: Running,
    pub fly: Running,
}

/// A cloud on which nothing takes time.
pub fn immediate() -> Habits {
    Habits { pace: Pace::Immediate, ..Habits::default() }
}

impl Rehearsal {
    /// Clouds with the same habits, and the keys stored as the example's file says.
    pub fn new(habits: Habits) -> Self {
        let rehearsal = Self::without_keys(habits);
        rehearsal.environment.succeed(&["vault", "set", "neon.api_token", NEON_KEY]);
        rehearsal.environment.succeed(&["vault", "set", "fly.api_token", FLY_KEY]);
        rehearsal
    }

    /// Clouds with the same habits, and the keys in environment variables, as in CI.
    pub fn with_variables(habits: Habits) -> Self {
        let mut rehearsal = Self::without_keys(habits);
        rehearsal.environment.set("NEON_API_KEY", NEON_KEY);
        rehearsal.environment.set("FLY_API_TOKEN", FLY_KEY);
        rehearsal
    }

    /// Clouds with the same habits, and no keys.
    pub fn without_keys(habits: Habits) -> Self {
        let mut environment = TestEnvironment::warm();
        for name in ["starsystem.yaml", OVERLAY] {
            std::fs::copy(Path::new(EXAMPLE).join(name), environment.project().join(name)).expect("a copy");
        }
        let accepting = |key: &str| Habits { key: Some(key.to_owned()), ..habits.clone() };
        let neon = Cloud::neon(accepting(NEON_KEY)).start().expect("a stand-in for Neon");
        let fly = Cloud::fly(accepting(FLY_KEY)).start().expect("a stand-in for Fly");
        environment.set("STARSYSTEM_ENDPOINT_NEON", &neon.url());
        environment.set("STARSYSTEM_ENDPOINT_FLY", &fly.url());
        Self { environment, neon, fly }
    }

    /// `ss provision --env=prod`, with further arguments.
    pub fn provision(&self, arguments: &[&str]) -> Output {
        self.environment.run(&[&["provision", "--env=prod"], arguments].concat())
    }

    /// The same with a fault at a durable step.
    pub fn provision_with_fault(&self, fault: &str) -> Output {
        self.environment.run_with_fault(&["provision", "--env=prod"], fault)
    }

    /// The overlay as it is now.
    pub fn overlay(&self) -> String {
        self.environment.read(OVERLAY)
    }

    /// The overlay as it was delivered.
    pub fn delivered_overlay() -> String {
        std::fs::read_to_string(Path::new(EXAMPLE).join(OVERLAY)).expect("the example")
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.neon.take_requests();
        self.fly.take_requests();
    }

    /// Every request that may have changed something, Neon's first.
    pub fn unsafe_requests(&self) -> Vec<String> {
        let requests = self.neon.requests().into_iter().chain(self.fly.requests());
        requests.filter(is_unsafe).map(|request| request.line()).collect()
    }

    /// The one project.
    pub fn project(&self) -> ProjectView {
        only(self.neon.projects(), "project")
    }

    /// The one machine.
    pub fn machine(&self) -> MachineView {
        only(self.fly.machines(), "machine")
    }

    /// What there is, for messages: projects, apps, machines.
    pub fn census(&self) -> (usize, usize, usize) {
        (self.neon.projects().len(), self.fly.apps().len(), self.fly.machines().len())
    }

    /// Insists that there is one of each, and that vault, overlay and machine agree about it.
    pub fn assert_whole(&self) {
        assert_eq!(self.census(), (1, 1, 1), "projects, apps, machines");
        let (project, machine) = (self.project(), self.machine());
        let overlay = self.overlay();
        for line in [
            format!("        resourceId: {}", project.id),
            "        resourceId: my-app-api".to_owned(),
            format!("          machine_id: {}", machine.id),
        ] {
            let as_text = line.replace(": ", ": \"") + "\"";
            let has = |line: &str| overlay.lines().filter(|other| *other == line).count() == 1;
            assert!(has(&line) || has(&as_text), "`{line}` is not once in the overlay:\n{overlay}");
        }
        assert_eq!(without_state(&overlay), Self::delivered_overlay(), "the rest of the overlay");
        let stored = ["vault", "get", "app-db.DATABASE_URL", "--env=prod"];
        let stored = self.environment.succeed(&stored).raw.trim_end().to_owned();
        assert_eq!([&stored], project.connection_uris.iter().collect::<Vec<_>>()[..], "the stored address");
        assert_eq!(machine.config["env"]["DATABASE_URL"], stored.as_str(), "the machine's address");
    }

    /// Insists that no key, password or connection string stands in an output or a file, in any encoding.
    pub fn assert_no_secret(&self, outputs: &[&Output]) {
        let mut secrets = vec![NEON_KEY.to_owned(), FLY_KEY.to_owned()];
        secrets.extend(self.neon.secrets());
        secrets.extend(self.neon.projects().into_iter().flat_map(|project| project.connection_uris));
        for secret in &secrets {
            canary::assert_absent(&self.environment, secret, outputs, &[]);
        }
    }
}

/// Whether a request may have changed something at a provider.
pub fn is_unsafe(request: &Recorded) -> bool {
    !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
}

/// The overlay without the blocks that `ss` wrote: below each service, from `provision:` on.
pub fn without_state(overlay: &str) -> String {
    let mut kept = String::new();
    let mut within = false;
    for line in overlay.split_inclusive('\n') {
        let depth = line.len() - line.trim_start_matches(' ').len();
        within = line.starts_with("    provision:") || (within && depth > 4 && !line.trim().is_empty());
        if !within {
            kept.push_str(line);
        }
    }
    kept
}

fn only<T>(mut all: Vec<T>, what: &str) -> T {
    assert_eq!(all.len(), 1, "there must be one {what}");
    all.remove(0)
}

#[test]
fn only_what_ss_wrote_is_taken_out_of_the_overlay() {
    let text = "services:\n  a:\n    x: 1\n    provision:\n      # managed by ss\n      _state:\n        p: q\n\n  b: # c\n    y: 2\n";
    let expected = "services:\n  a:\n    x: 1\n\n  b: # c\n    y: 2\n";
    assert_eq!(without_state(text), expected);
}
