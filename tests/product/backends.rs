//! Supabase and Railway, against stand-ins; and a Supabase stack on this machine, against a stub of its CLI.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use ss_clouds::{Cloud, Fault, Habits, Pace, RateLimit, Running, Trouble, spec};

use crate::crash::{Case, Census, at_every_step, met_its_fault};
use crate::environment::npm_package;
use crate::rehearsal::immediate;
use crate::{Output, TestEnvironment, canary};

/// The one key that the stand-in for Supabase accepts.
const SUPABASE_KEY: &str = "sbp_5d1c0f27c6a94c52a5d7a1";
/// The one key that the stand-in for Railway accepts.
const RAILWAY_KEY: &str = "d2f6c3aa-3f5e-4c0e-9d19-0a4bdc9f1e77";

const SYSTEM: &str = r#"version: "2"
name: my-app
services:
  backend:
    type: database
    provision:
      provider: supabase
      region: us-east-1
      project_name: my-app
      site_url: https://my-app.com
  cache:
    type: database
    provision:
      provider: railway
      database: redis
  api:
    type: external
    depends_on: [backend, cache]
    inject_from:
      backend: [DATABASE_URL_POOLED]
      cache: [DATABASE_PRIVATE_URL]
    provision:
      provider: railway
      project_id: "{{ vault('cache.RAILWAY_PROJECT_ID') }}"
      image: ghcr.io/me/my-app-api:latest
      port: 8080
      env:
        LOG_LEVEL: info
"#;

/// A fresh project with two fresh clouds.
struct Backends {
    environment: TestEnvironment,
    supabase: Running,
    railway: Running,
}

impl Backends {
    /// Clouds with the same habits, and the keys stored as the documents say.
    fn new(habits: Habits) -> Self {
        let backends = Self::without_keys(habits);
        backends.environment.succeed(&["vault", "set-key", "supabase", "api_key", SUPABASE_KEY]);
        backends.environment.succeed(&["vault", "set-key", "railway", "api_key", RAILWAY_KEY]);
        backends
    }

    /// Clouds with the same habits, and the keys in environment variables, as in CI.
    fn with_variables(habits: Habits) -> Self {
        let mut backends = Self::without_keys(habits);
        backends.environment.set("SUPABASE_ACCESS_TOKEN", SUPABASE_KEY);
        backends.environment.set("RAILWAY_API_TOKEN", RAILWAY_KEY);
        backends
    }

    fn without_keys(habits: Habits) -> Self {
        let mut environment = TestEnvironment::warm();
        environment.write("starsystem.yaml", SYSTEM);
        let accepting = |key: &str| Habits { key: Some(key.to_owned()), ..habits.clone() };
        let supabase = Cloud::supabase(accepting(SUPABASE_KEY)).start().expect("a stand-in for Supabase");
        let railway = Cloud::railway(accepting(RAILWAY_KEY)).start().expect("a stand-in for Railway");
        environment.set("STARSYSTEM_ENDPOINT_SUPABASE", &supabase.url());
        environment.set("STARSYSTEM_ENDPOINT_RAILWAY", &railway.url());
        Self { environment, supabase, railway }
    }

    fn provision(&self, arguments: &[&str]) -> Output {
        self.environment.run(&[&["provision"], arguments].concat())
    }

    fn succeed(&self) -> Output {
        self.environment.succeed(&["provision"])
    }

    fn replace(&self, from: &str, to: &str) {
        self.environment.replace("starsystem.yaml", from, to);
    }

    fn forget_requests(&self) {
        self.supabase.take_requests();
        self.railway.take_requests();
    }

    /// What was sent that may have changed something: Supabase's as method and path, Railway's as the field.
    fn writes(&self) -> Vec<String> {
        let supabase = self.supabase.requests().into_iter().filter(ss_clouds::Recorded::is_unsafe);
        let railway = self.railway.requests().into_iter().filter(ss_clouds::Recorded::is_unsafe);
        let field = |query: &str| {
            let selection = query.split_once('{').expect("a selection").1;
            selection.trim().split(['(', ' ']).next().expect("a field").to_owned()
        };
        let reference = self.supabase.supabase_projects().first().map(|project| project.reference.clone());
        let short = |line: String| line.replace(reference.as_deref().unwrap_or("-"), "<ref>");
        supabase
            .map(|request| short(request.line()))
            .chain(
                railway.map(|request| field(request.body.expect("a body")["query"].as_str().expect("text"))),
            )
            .collect()
    }

    /// What there is: projects at Supabase, projects and services at Railway.
    fn census(&self) -> Census {
        let projects = self.railway.railway_projects();
        let services = projects.iter().map(|project| project.services.len()).sum();
        (self.supabase.supabase_projects().len(), projects.len(), services)
    }

    /// Insists that there is one of each, that the vault agrees about it, and that everything runs.
    fn assert_whole(&self) {
        self.assert_databases();
        assert_eq!(self.census(), (1, 1, 2), "projects, projects, services");
        let services = self.railway.railway_projects().remove(0).services;
        let api = services.iter().find(|service| service.name == "api").expect("the api");
        assert_eq!(api.status, "SUCCESS");
        assert_eq!((api.volumes.len(), api.tcp_ports.len(), api.domains.len()), (0, 0, 1));
        for (source, name) in [("cache", "DATABASE_PRIVATE_URL"), ("backend", "DATABASE_URL_POOLED")] {
            assert_eq!(api.variables[name], self.stored(&format!("{source}.{name}")).as_str());
        }
        assert_eq!(self.stored("api.APP_URL"), format!("https://{}", api.domains[0]));
    }

    /// The same of the two databases.
    fn assert_databases(&self) {
        let project = self.supabase.supabase_projects().remove(0);
        assert_eq!((project.name.as_str(), project.site_url.as_str()), ("my-app", "https://my-app.com"));
        let address = format!(
            "postgresql://postgres:{}@db.{1}.supabase.co:5432/postgres",
            project.password, project.reference
        );
        assert_eq!(self.stored("backend.DATABASE_URL"), address);
        let services = self.railway.railway_projects().remove(0).services;
        let cache = services.iter().find(|service| service.name == "cache").expect("the cache");
        assert_eq!(cache.status, "SUCCESS");
        assert_eq!(
            (cache.volumes.len(), cache.tcp_ports.as_slice(), cache.domains.len()),
            (1, &[6379][..], 0)
        );
        let password = cache.variables["REDIS_PASSWORD"].as_str().expect("a password");
        let private = format!("redis://default:{password}@cache.railway.internal:6379");
        assert_eq!(self.stored("cache.DATABASE_PRIVATE_URL"), private);
    }

    fn stored(&self, key: &str) -> String {
        self.environment.succeed(&["vault", "get", key]).raw.trim_end().to_owned()
    }

    /// Insists that no key or password stands in an output or a file, in any encoding.
    fn assert_no_secret(&self, outputs: &[&Output]) {
        let mut secrets = vec![SUPABASE_KEY.to_owned(), RAILWAY_KEY.to_owned()];
        secrets.extend(self.supabase.secrets());
        secrets.extend(self.railway.secrets());
        for secret in &secrets {
            canary::assert_absent(&self.environment, secret, outputs, &[]);
        }
    }
}

#[test]
fn a_system_on_supabase_and_railway_from_keys_to_health() {
    let backends = Backends::new(Habits::default());
    let validated = backends.environment.succeed(&["validate"]);
    assert!(backends.supabase.requests().is_empty() && backends.railway.requests().is_empty());
    let dry = backends.provision(&["--dry-run"]);
    assert_eq!((dry.code, backends.writes()), (0, Vec::new()), "{}", dry.raw);
    let run = backends.succeed();
    backends.assert_whole();
    assert!(run.stdout.contains("✓ Provision complete: 3 created"), "{}", run.stdout);
    let status = backends.provision(&["--status"]);
    assert_eq!((status.code, status.stdout.matches('✓').count()), (0, 3), "{}", status.raw);
    spec::assert_agrees(&backends.supabase);
    spec::assert_agrees(&backends.railway);
    backends.forget_requests();

    // Again: questions only.
    let second = backends.succeed();
    assert_eq!(backends.writes(), [""; 0]);
    assert!(second.stdout.contains("0 created, 3 verified"), "{}", second.stdout);

    // A field of each: that write, and what makes it take effect.
    backends.replace("https://my-app.com", "https://shop.my-app.com");
    let third = backends.succeed();
    assert!(
        third.stdout.contains("site_url: https://my-app.com → https://shop.my-app.com"),
        "{}",
        third.stdout
    );
    assert_eq!(backends.writes(), ["PATCH /v1/projects/<ref>/config/auth"]);
    backends.replace("https://shop.my-app.com", "https://my-app.com");
    backends.replace("      database: redis", "      database: redis\n      sleep: true");
    backends.succeed();
    assert_eq!(
        backends.writes()[1..],
        ["PATCH /v1/projects/<ref>/config/auth", "serviceInstanceUpdate", "serviceInstanceDeployV2"]
    );
    spec::assert_agrees(&backends.supabase);
    spec::assert_agrees(&backends.railway);
    backends.assert_no_secret(&[&validated, &dry, &run, &status, &second, &third]);
}

#[test]
fn what_others_changed_is_shown_and_put_right() {
    let backends = Backends::new(immediate());
    backends.succeed();
    let project = backends.supabase.supabase_projects().remove(0);
    let client = backends.supabase.client().header("authorization", &format!("Bearer {SUPABASE_KEY}"));
    let path = format!("/v1/projects/{}/config/auth", project.reference);
    let drifted = json!({ "site_url": "https://evil.example" });
    assert_eq!(client.send("PATCH", &path, Some(&drifted)).unwrap().status, 200);
    let cache = backends.railway.railway_projects().remove(0).services.remove(0);
    let client = backends.railway.client().header("authorization", &format!("Bearer {RAILWAY_KEY}"));
    let query = "mutation A($s: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(serviceId: $s, input: $input) }";
    let input = json!({ "source": { "image": "redis:6" } });
    let body = json!({ "query": query, "variables": { "s": cache.id, "input": input } });
    assert_eq!(client.post("/graphql/v2", &body).unwrap().json()["data"]["serviceInstanceUpdate"], true);
    backends.forget_requests();
    let dry = backends.provision(&["--dry-run"]);
    for part in ["site_url: https://evil.example → https://my-app.com", "image: redis:6 → redis:8"] {
        assert!(dry.raw.contains(part), "`{part}` is missing in:\n{}", dry.raw);
    }
    assert_eq!(backends.writes(), [""; 0]);
    backends.succeed();
    backends.assert_whole();
    assert_eq!(
        backends.writes(),
        ["PATCH /v1/projects/<ref>/config/auth", "serviceInstanceUpdate", "serviceInstanceDeployV2"]
    );
}

#[test]
fn a_storm_of_refusals_slows_a_run_and_nothing_else() {
    let limit = RateLimit { after: 8, refuses: 2, retry_after: 1 };
    let backends =
        Backends::new(Habits { rate_limit: Some(limit), pace: Pace::Immediate, ..Habits::default() });
    for cloud in [&backends.supabase, &backends.railway] {
        cloud.inject(Fault::of(Trouble::refused(503)).on("GET", "*").times(3));
    }
    backends.railway.inject(Fault::of(Trouble::refused(503)).times(2));
    let begun = Instant::now();
    let run = backends.succeed();
    backends.assert_whole();
    let refused = |cloud: &Running| {
        let requests = cloud.requests();
        let refused = requests.iter().filter(|request| matches!(request.status, Some(429 | 503))).count();
        (requests.len(), refused)
    };
    let (supabase, railway) = (refused(&backends.supabase), refused(&backends.railway));
    eprintln!("requests, of them refused: supabase {supabase:?}, railway {railway:?}");
    assert!(supabase.1 >= 4 && railway.1 >= 4, "{supabase:?} {railway:?}");
    for part in ["rate limited by api.supabase.com, waiting 1 s", "rate limited by backboard.railway.com"] {
        assert!(run.raw.contains(part), "`{part}` is missing in:\n{}", run.raw);
    }
    assert!(begun.elapsed() >= Duration::from_secs(1), "it did not slow down");
    backends.assert_no_secret(&[&run]);
}

#[test]
fn a_lost_answer_makes_nothing_twice_at_supabase_or_railway() {
    for trouble in [Trouble::Lost { status: None }, Trouble::Lost { status: Some(502) }, Trouble::Truncated] {
        let backends = Backends::with_variables(immediate());
        backends.supabase.inject(Fault::of(trouble.clone()).on("POST", "projects"));
        // Everything at Railway is a POST: the first answers of several kinds are lost.
        backends.railway.inject(Fault::of(trouble.clone()).after(2));
        backends.railway.inject(Fault::of(trouble.clone()).after(4));
        let first = backends.provision(&[]);
        // Each of the two answers that Railway loses may end a run.
        if first.code != 0 && backends.provision(&[]).code != 0 {
            backends.succeed();
        }
        backends.assert_whole();
        backends.forget_requests();
        backends.succeed();
        assert_eq!(backends.writes(), [""; 0], "{trouble:?}");
        backends.assert_no_secret(&[&first]);
    }
}

#[test]
fn a_run_killed_at_any_step_leaves_one_of_each_at_supabase_and_railway() {
    let cases = at_every_step("killed with supabase and railway", |point| {
        let backends = Backends::with_variables(immediate());
        let (databases, _) = SYSTEM.split_once("  api:").expect("the api comes last");
        backends.environment.write("starsystem.yaml", databases);
        let killed = backends.environment.run_with_fault(&["provision"], &format!("abort@{point}"));
        if !met_its_fault(&killed) {
            return None;
        }
        let census = backends.census();
        let mut runs = 1;
        let mut output = backends.provision(&[]);
        if output.code != 0 {
            (output, runs) = (backends.succeed(), 2);
        }
        backends.assert_databases();
        assert_eq!(backends.census(), (1, 1, 1));
        backends.forget_requests();
        backends.succeed();
        assert_eq!(backends.writes(), [""; 0], "a further run changed something");
        backends.assert_no_secret(&[&killed, &output]);
        Some(Case { point, census, runs })
    });
    let seen: std::collections::BTreeSet<Census> = cases.iter().map(|case| case.census).collect();
    assert!(seen.contains(&(0, 0, 0)) && seen.contains(&(1, 1, 1)) && seen.len() > 3, "{seen:?}");
}

#[test]
fn wrong_options_are_underlined_and_the_catalog_shows_how() {
    let backends = Backends::without_keys(immediate());
    backends.replace("region: us-east-1", "region: us-esat-1");
    backends.replace("database: redis", "databse: redis");
    let output = backends.environment.run(&["validate"]);
    assert_eq!(output.code, 1, "{}", output.raw);
    for part in ["us-esat-1", "databse", "starsystem.yaml:"] {
        assert!(output.raw.contains(part), "`{part}` is missing in:\n{}", output.raw);
    }
    for (provider, parts) in [
        ("supabase", ["SUPABASE_ACCESS_TOKEN", "instance_size", "api.supabase.com", "project_name: my-app"]),
        ("railway", ["RAILWAY_API_TOKEN", "custom_domains", "backboard.railway.com", "database: postgres"]),
        ("supabase-local", ["exclude", "supabase status -o json", "while planning too", "mode: local"]),
    ] {
        let catalog = backends.environment.succeed(&["catalog", provider]);
        for part in parts {
            assert!(catalog.raw.contains(part), "`{part}` is missing in:\n{}", catalog.raw);
        }
    }
}

/// The system of a stack on this machine.
const LOCAL: &str = r#"version: "2"
name: my-app
services:
  backend:
    type: database
    mode: local
    provision:
      provider: supabase
      exclude: [imgproxy, vector]
"#;

/// A CLI that keeps its arguments, and whether its stack runs, in files beside it.
pub const STUB: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/arguments"
[ -n "$SUPABASE_ACCESS_TOKEN" ] && echo "the key of another provider reached the CLI" >> "$here/arguments"
case "$1" in
  start) touch "$here/running" ;;
  stop) rm -f "$here/running" ;;
  status)
    [ -e "$here/running" ] || { echo "failed to inspect container health: No such container" >&2; exit 1; }
    echo '{"API_URL":"http://127.0.0.1:54321","SERVICE_ROLE_KEY":"a-local-service-key","DB_URL":"postgresql://postgres:a-local-password@127.0.0.1:54322/postgres"}' ;;
esac
"#;

/// An environment whose PATH begins with a folder for a CLI.
fn with_cli(system: &str) -> (TestEnvironment, PathBuf) {
    let mut environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", system);
    let folder = environment.root().join("bin");
    std::fs::create_dir(&folder).expect("a folder");
    let path = std::env::var("PATH").expect("a PATH");
    environment.set("PATH", &format!("{}:{path}", folder.display()));
    (environment, folder)
}

#[test]
fn a_local_stack_is_driven_by_its_granted_commands_alone() {
    let (mut environment, folder) = with_cli(LOCAL);
    environment.set("SUPABASE_ACCESS_TOKEN", SUPABASE_KEY);
    let stub = folder.join("supabase");
    std::fs::write(&stub, STUB).expect("a stub");
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let arguments = || {
        let text = std::fs::read_to_string(folder.join("arguments")).unwrap_or_default();
        let _ = std::fs::remove_file(folder.join("arguments"));
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let dry = environment.succeed(&["provision", "--dry-run"]);
    assert!(dry.stdout.contains("+ backend (supabase-local)"), "{}", dry.stdout);
    assert_eq!(arguments(), ["status -o json"]);
    let run = environment.succeed(&["provision"]);
    let sent = arguments();
    assert!(sent.contains(&"start -x imgproxy,vector".to_owned()), "{sent:?}");
    assert!(sent.iter().all(|line| line.starts_with("start") || line == "status -o json"), "{sent:?}");
    let stored = environment.succeed(&["vault", "get", "backend.DATABASE_URL"]);
    assert!(stored.raw.contains("a-local-password"));
    let second = environment.succeed(&["provision"]);
    let status = environment.succeed(&["provision", "--status"]);
    assert!(status.stdout.contains("✓ backend supabase-local running"), "{}", status.stdout);
    assert!(arguments().iter().all(|line| line == "status -o json"));
    let changed = LOCAL.replace("[imgproxy, vector]", "[studio]");
    environment.write("starsystem.yaml", &changed);
    environment.succeed(&["provision"]);
    let sent: Vec<String> = arguments().into_iter().filter(|line| !line.starts_with("status")).collect();
    assert_eq!(sent, ["stop", "start -x studio"]);
    for secret in ["a-local-password", "a-local-service-key"] {
        canary::assert_absent(&environment, secret, &[&dry, &run, &second, &status], &["bin/supabase"]);
    }
}

#[test]
fn a_missing_cli_is_told_with_its_remedy() {
    let (mut environment, _) = with_cli(LOCAL);
    environment.set("PATH", "/usr/bin:/bin");
    let run = environment.run(&["provision"]);
    assert_eq!(run.code, 1, "{}", run.raw);
    for part in ["the Supabase CLI is not installed", "npm install --global supabase"] {
        assert!(run.raw.contains(part), "`{part}` is missing in:\n{}", run.raw);
    }
}

/// The real CLI of npm, as far as it goes without Docker.
#[test]
fn the_real_cli_without_docker_says_what_is_missing() {
    let Some(cli) = real_cli() else {
        crate::environment::not_run("supabase", "npm package `supabase`; Debian package `npm`");
        return;
    };
    let (mut environment, _) = with_cli(LOCAL);
    let path = std::env::var("PATH").expect("a PATH");
    environment.set("PATH", &format!("{}:{path}", cli.display()));
    environment.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let run = environment.run(&["provision"]);
    assert_eq!(run.code, 1, "{}", run.raw);
    for part in ["the Supabase CLI needs Docker", "install Docker, or start it"] {
        assert!(run.raw.contains(part), "`{part}` is missing in:\n{}", run.raw);
    }
    // What the plugin sends is what this CLI knows.
    for (command, known) in
        [("start", "--exclude"), ("stop", "--no-backup"), ("status", "--output"), ("init", "--workdir")]
    {
        let mut help = Command::new(cli.join("supabase"));
        help.args([command, "--help"]).current_dir(environment.project()).env("HOME", environment.home());
        let help = help.env("DO_NOT_TRACK", "1").output().expect("the CLI runs");
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(text.contains(known), "supabase {command}: {text}");
    }
}

/// The folder of the CLI's program, if it can be had and runs.
fn real_cli() -> Option<PathBuf> {
    let programs = npm_package("supabase@3.1.0")?.join(".bin");
    let version = Command::new(programs.join("supabase")).arg("--version").output();
    version.is_ok_and(|output| output.status.success()).then_some(programs)
}
