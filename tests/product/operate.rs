//! Deploying a system and looking after it: plan, deploy, inspect, drift, roll back, destroy.

use std::path::Path;

use serde_json::{Value, json};
use ss_clouds::{Fault, Recorded, Trouble};

use crate::rehearsal::{FLY_KEY, NEON_KEY, OVERLAY, Rehearsal, immediate};
use crate::{Output, TestEnvironment};

/// Runs `ss <command> --env=prod` with further arguments.
pub fn ss(rehearsal: &Rehearsal, command: &str, arguments: &[&str]) -> Output {
    rehearsal.environment.run(&[&[command, "--env=prod"], arguments].concat())
}

/// The same, and insists that it succeeds.
pub fn fine(rehearsal: &Rehearsal, command: &str, arguments: &[&str]) -> Output {
    let output = ss(rehearsal, command, arguments);
    assert_eq!(output.code, 0, "{command} {arguments:?}:\n{}", output.raw);
    output
}

/// What the vault says of an address.
fn stored(rehearsal: &Rehearsal, address: &str) -> Output {
    rehearsal.environment.run(&["vault", "get", address, "--env=prod"])
}

/// A rehearsal after its first deploy.
pub fn deployed() -> Rehearsal {
    let rehearsal = Rehearsal::with_variables(immediate());
    fine(&rehearsal, "deploy", &[]);
    rehearsal
}

/// The document of a command with `--json`.
fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", output.raw))
}

/// What `ss <command> --env=prod --json` prints.
pub fn json_of(rehearsal: &Rehearsal, command: &str, arguments: &[&str]) -> Value {
    let mut command =
        rehearsal.environment.command(&[&[command, "--env=prod", "--json"], arguments].concat());
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in:\n{}", String::from_utf8_lossy(&output.stdout)))
}

/// Ids of the runs, newest first.
fn runs(rehearsal: &Rehearsal) -> Vec<String> {
    let listed = json_of(rehearsal, "inspect", &["--list"]);
    let runs = listed["runs"].as_array().unwrap().iter();
    runs.map(|run| run["run"].as_str().unwrap().to_owned()).collect()
}

/// Writes the file with another image.
fn set_image(rehearsal: &Rehearsal, tag: &str) {
    let changed: String = rehearsal
        .overlay()
        .split_inclusive('\n')
        .map(|line| match line.split_once("image: ghcr.io/me/my-app-api:") {
            Some((before, _)) => format!("{before}image: ghcr.io/me/my-app-api:{tag}\n"),
            None => line.to_owned(),
        })
        .collect();
    rehearsal.environment.write(OVERLAY, &changed);
}

/// Changes the machine as a person at the dashboard would.
fn tamper(rehearsal: &Rehearsal, change: impl FnOnce(&mut Value)) {
    let machine = rehearsal.machine();
    let mut config = machine.config.clone();
    change(&mut config);
    let client = rehearsal.fly.client().header("authorization", &format!("Bearer {FLY_KEY}"));
    let path = format!("/v1/apps/my-app-api/machines/{}", machine.id);
    assert_eq!(client.post(&path, &json!({"config": config})).unwrap().status, 200);
    rehearsal.forget_requests();
}

/// A file in which what differs from run to run is replaced.
fn settled(rehearsal: &Rehearsal, text: &str) -> String {
    let mut text = text.to_owned();
    for (at, run) in runs(rehearsal).iter().rev().enumerate() {
        text = text.replace(run, &format!("<run {}>", at + 1));
        text = text.replace(&run.replace('-', ""), &format!("<trace {}>", at + 1));
        text = text.replace(&run[..8], &format!("<run-{}>", at + 1));
    }
    let overlay = rehearsal.overlay();
    let quoted = |name: &str| {
        let line = overlay.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")))?;
        Some(line.trim_matches('"').to_owned())
    };
    for name in ["host", "branch_id"] {
        if let Some(value) = quoted(name) {
            text = text.replace(&value, &format!("<{name}>"));
        }
    }
    text = text.replace(&rehearsal.project().id, "<project>").replace(&rehearsal.machine().id, "<machine>");
    let lines = text.lines().map(|line| {
        let line = replace_times(line);
        match line.split_once(" by ") {
            Some((before, _)) if line.starts_with("command:") => format!("{before} by <actor>)"),
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Replaces `2026-05-02 14:32:01` and `2026-05-02T14:32:01Z`.
fn replace_times(line: &str) -> String {
    let bytes = line.as_bytes();
    let is_time = |at: usize| {
        bytes.len() >= at + 19
            && bytes[at..at + 19].iter().zip(b"0000-00-00 00:00:00").all(|(is, form)| match form {
                b'0' => is.is_ascii_digit(),
                b' ' => matches!(is, b' ' | b'T'),
                form => is == form,
            })
    };
    match (0..line.len()).find(|&at| is_time(at)) {
        Some(at) => format!("{}<time>{}", &line[..at], &line[at + 19..]),
        None => line.to_owned(),
    }
}

#[test]
fn the_documented_session_command_by_command() {
    let mut rehearsal = Rehearsal::without_keys(immediate());
    // Without `fly`, which some machines have.
    rehearsal.environment.set("PATH", "/usr/bin:/bin");
    let mut session = String::new();
    let mut outputs = Vec::new();
    let mut play = |rehearsal: &Rehearsal, arguments: &[&str]| {
        let output = rehearsal.environment.succeed(arguments);
        let typed = arguments.join(" ").replace(NEON_KEY, "nk_...").replace(FLY_KEY, "fo1_...");
        session.push_str(&format!("$ ss {typed}\n{}\n", output.stdout));
        outputs.push(output);
    };
    play(&rehearsal, &["vault", "set", "neon.api_token", NEON_KEY]);
    play(&rehearsal, &["vault", "set", "fly.api_token", FLY_KEY]);
    play(&rehearsal, &["doctor", "--env=prod"]);
    play(&rehearsal, &["validate", "--env=prod"]);
    play(&rehearsal, &["plan", "--env=prod"]);
    play(&rehearsal, &["deploy", "--env=prod"]);
    play(&rehearsal, &["inspect", "--env=prod"]);
    let first = runs(&rehearsal)[0].clone();
    play(&rehearsal, &["inspect", &first[..8], "--env=prod", "--state"]);
    set_image(&rehearsal, "v2");
    play(&rehearsal, &["deploy", "--env=prod"]);
    play(&rehearsal, &["rollback", "--env=prod", "--list"]);
    play(&rehearsal, &["rollback", "--env=prod", &format!("--to={}", &first[..8])]);
    play(&rehearsal, &["drift", "--env=prod"]);
    play(&rehearsal, &["drift", "--env=prod", "--json"]);
    play(&rehearsal, &["deploy", "--env=prod"]);
    play(&rehearsal, &["inspect", "--list", "--env=prod"]);
    play(&rehearsal, &["inspect", "--verify", "--env=prod"]);
    play(&rehearsal, &["graph", "render", "--services", "--env=prod"]);
    // `curl https://my-app-api.fly.dev/health`
    let visited = rehearsal.fly.client().host("my-app-api.fly.dev").get("/health").unwrap();
    assert_eq!((visited.status, visited.json()), (200, json!({"status": "ok"})));
    let text = settled(&rehearsal, &session);
    let newest = text.lines().find_map(|line| line.split_once("the newest is ")).unwrap().1.to_owned();
    insta::assert_snapshot!("session", text.replace(&newest, "<digest>"));
    assert_eq!(rehearsal.census(), (1, 1, 1));
    rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
    let urls = fine(&rehearsal, "inspect", &["--state"]);
    let urls: Vec<&str> = urls.stdout.lines().filter(|line| line.trim().starts_with("url: ")).collect();
    assert!(urls[0].contains("url: postgresql://") && urls[0].contains("neon.tech/neondb"), "{urls:?}");
    assert!(urls[1].ends_with("url: https://my-app-api.fly.dev"), "{urls:?}");
    // The last command of the recap.
    let gone = fine(&rehearsal, "destroy", &["--yes"]);
    assert!(gone.stdout.contains("✓ Destroy complete: 2 destroyed"), "{}", gone.raw);
    assert_eq!(rehearsal.census(), (0, 0, 0));
}

#[test]
fn a_new_image_is_one_update_and_the_receipt_lists_exactly_what_was_sent() {
    let rehearsal = deployed();
    tamper(&rehearsal, |config| config["restart"] = json!({"policy": "always"}));
    set_image(&rehearsal, "v2");
    let planned = fine(&rehearsal, "plan", &[]);
    let change = "      image: ghcr.io/me/my-app-api:latest → ghcr.io/me/my-app-api:v2\n";
    for part in ["  = app-db neon · unchanged\n", "  ~ api fly · will update (", change] {
        assert!(planned.stdout.contains(part), "`{part}` is missing in:\n{}", planned.stdout);
    }
    assert!(planned.stdout.ends_with("Plan: 0 to create, 1 to update, 1 unchanged.\n"), "{}", planned.stdout);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    rehearsal.forget_requests();

    let run = fine(&rehearsal, "deploy", &[]);
    assert!(run.stdout.ends_with("✓ Deploy complete: 1 provisioned, 1 unchanged\n"), "{}", run.stdout);
    let machine = rehearsal.machine();
    assert_eq!(rehearsal.unsafe_requests(), [format!("POST /v1/apps/my-app-api/machines/{}", machine.id)]);
    assert_eq!(machine.config["restart"], json!({"policy": "always"}), "the rest is kept");
    assert_eq!(machine.config["image"], "ghcr.io/me/my-app-api:v2");

    let receipt = json_of(&rehearsal, "inspect", &["--calls"]);
    let calls = receipt["calls"].as_array().unwrap();
    let noted = |host: fn(&str) -> bool| {
        let of_host = calls.iter().filter(|call| host(call["host"].as_str().unwrap()));
        of_host
            .map(|call| line(&call["method"], &call["path"], &call["outcome"]["status"]))
            .collect::<Vec<_>>()
    };
    let is_neon = |host: &str| host == "console.neon.tech";
    let is_fly = |host: &str| host == "api.machines.dev" || host.ends_with(".fly.dev");
    assert_eq!(noted(is_neon), received(&rehearsal.neon.requests()));
    assert_eq!(noted(is_fly), received(&rehearsal.fly.requests()));
    assert_eq!(noted(is_neon).len() + noted(is_fly).len(), calls.len(), "and nothing to anyone else");
    for call in calls {
        let grant = call["grant"].as_str().unwrap();
        assert!(grant.contains(call["method"].as_str().unwrap()) && grant.contains("https://"), "{call}");
    }
    let shown = fine(&rehearsal, "inspect", &["--calls"]);
    assert!(shown.stdout.contains("apply POST   https://api.machines.dev/v1/apps/my-app-api/machines/"));
    rehearsal.assert_no_secret(&[&planned, &run, &shown]);
}

fn line(method: &Value, path: &Value, status: &Value) -> String {
    format!("{} {} {status}", method.as_str().unwrap(), path.as_str().unwrap())
}

fn received(requests: &[Recorded]) -> Vec<String> {
    let status = |request: &Recorded| request.status.map_or(Value::Null, Value::from);
    requests
        .iter()
        .map(|request| format!("{} {} {}", request.method, request.path, status(request)))
        .collect()
}

#[test]
fn what_was_changed_behind_our_back_is_named_on_a_fresh_clone_too() {
    let rehearsal = deployed();
    let clean = fine(&rehearsal, "drift", &[]);
    assert!(clean.stdout.ends_with("Drift: 0 drifted, 2 as deployed, 0 unknown.\n"), "{}", clean.stdout);
    tamper(&rehearsal, |config| config["image"] = json!("ghcr.io/me/my-app-api:hand-made"));

    let clone = clone_of(&rehearsal);
    for environment in [&rehearsal.environment, &clone] {
        let drift = environment.run(&["drift", "--env=prod"]);
        assert_eq!(drift.code, 3, "{}", drift.raw);
        for part in [
            "  ✓ app-db neon · as deployed",
            "  ~ api fly · drifted (my-app-api)",
            "image: ghcr.io/me/my-app-api:hand-made → ghcr.io/me/my-app-api:latest",
        ] {
            assert!(drift.stdout.contains(part), "`{part}` is missing in:\n{}", drift.raw);
        }
        let drift = environment.run(&["drift", "--env=prod", "--json"]);
        let found = document(&drift);
        assert_eq!((drift.code, &found["drifted"], &found["complete"]), (3, &json!(true), &json!(true)));
        assert_eq!(found["services"][0]["status"], "clean");
        assert_eq!(found["services"][1]["service"], "api");
        assert_eq!(found["services"][1]["changes"][0]["field"], "image");
    }
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert!(!clone.ss_home().join("vault").exists(), "drift made a vault");
    assert_eq!(clone.read(OVERLAY), rehearsal.overlay());
}

/// A fresh checkout on a machine that has nothing but the keys in variables.
fn clone_of(rehearsal: &Rehearsal) -> TestEnvironment {
    let mut clone = TestEnvironment::warm();
    for name in ["starsystem.yaml", OVERLAY, "starsystem.lock"] {
        clone.write(name, &rehearsal.environment.read(name));
    }
    clone.set("NEON_API_KEY", NEON_KEY);
    clone.set("FLY_API_TOKEN", FLY_KEY);
    clone.set("STARSYSTEM_ENDPOINT_NEON", &rehearsal.neon.url());
    clone.set("STARSYSTEM_ENDPOINT_FLY", &rehearsal.fly.url());
    clone
}

#[test]
fn drift_that_cannot_tell_says_so() {
    let rehearsal = deployed();
    rehearsal.neon.inject(Fault::of(Trouble::refused(500)).forever());
    let outage = ss(&rehearsal, "drift", &[]);
    assert_eq!(outage.code, 1, "{}", outage.raw);
    assert!(outage.stdout.contains("✗ app-db neon · cannot tell: "), "{}", outage.raw);
    assert!(outage.stdout.contains("1 as deployed, 1 unknown."), "{}", outage.raw);
    rehearsal.neon.calm();
    let mut clone = clone_of(&rehearsal);
    clone.set("FLY_API_TOKEN", "fo1_this-one-is-wrong");
    let refused = clone.run(&["drift", "--env=prod", "--json"]);
    let found = document(&refused);
    assert_eq!((refused.code, &found["complete"]), (1, &json!(false)), "{}", refused.raw);
    assert_eq!(found["services"][1]["kind"], "authentication", "{found}");
    // What is gone has drifted.
    let client = rehearsal.neon.client().header("authorization", &format!("Bearer {NEON_KEY}"));
    let path = format!("/api/v2/projects/{}", rehearsal.project().id);
    assert_eq!(client.send("DELETE", &path, None).unwrap().status, 200);
    let gone = ss(&rehearsal, "drift", &[]);
    assert_eq!(gone.code, 3, "{}", gone.raw);
    assert!(gone.stdout.contains("project: gone"), "{}", gone.raw);
}

#[test]
fn a_rollback_restores_vault_and_state_and_sends_nothing() {
    let rehearsal = deployed();
    let overlay_a = rehearsal.overlay();
    let url = || stored(&rehearsal, "app-db.DATABASE_URL").raw.trim_end().to_owned();
    let url_a = url();
    // B: another image, and another password of the database.
    set_image(&rehearsal, "v2");
    reset_password(&rehearsal);
    fine(&rehearsal, "deploy", &[]);
    let (overlay_b, url_b) = (rehearsal.overlay(), url());
    assert_ne!(url_a, url_b);
    let [b, a] = &runs(&rehearsal)[..] else { panic!("two runs") };
    rehearsal.forget_requests();

    let back = fine(&rehearsal, "rollback", &[&format!("--to={}", &a[..8])]);
    let first = format!("✓ Rolled back to deploy {} — credentials and overlay state restored.\n", &a[..8]);
    assert!(back.stdout.starts_with(&first), "{}", back.stdout);
    assert!(back.stdout.contains("target.image: ghcr.io/me/my-app-api:latest → ghcr.io/me/my-app-api:v2\n"));
    assert!(back.stderr.contains("`app-db.DATABASE_URL` was changed since"), "{}", back.stderr);
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
    assert_eq!(url(), url_a);
    let expected =
        overlay_a.replace("image: ghcr.io/me/my-app-api:latest", "image: ghcr.io/me/my-app-api:v2");
    assert_eq!(rehearsal.overlay(), expected, "`_state` is A's and the rest of the file is as it was");

    // A rollback can be rolled back.
    let again = fine(&rehearsal, "rollback", &[&format!("--to={b}")]);
    assert!(again.stdout.contains("The file says what it said then."), "{}", again.stdout);
    assert_eq!((rehearsal.overlay(), url()), (overlay_b.clone(), url_b.clone()));
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
    fine(&rehearsal, "rollback", &[&format!("--to={a}")]);
    // And a deploy makes everything what the file says: the machine has the image and the password already.
    fine(&rehearsal, "deploy", &[]);
    assert_eq!((rehearsal.overlay(), url()), (overlay_b, url_b));
    rehearsal.assert_no_secret(&[&back, &again]);
    fine(&rehearsal, "inspect", &["--verify"]);
}

fn reset_password(rehearsal: &Rehearsal) {
    let project = rehearsal.project();
    let client = rehearsal.neon.client().header("authorization", &format!("Bearer {NEON_KEY}"));
    let branches = client.get(&format!("/api/v2/projects/{}/branches", project.id)).unwrap().json();
    let branch = branches["branches"][0]["id"].as_str().unwrap().to_owned();
    let role = project.roles[0].split_once('/').unwrap().1;
    let path = format!("/api/v2/projects/{}/branches/{branch}/roles/{role}/reset_password", project.id);
    assert_eq!(client.post(&path, &json!({})).unwrap().status, 200);
}

#[test]
fn a_rotated_secret_counts_as_an_update() {
    let rehearsal = deployed();
    reset_password(&rehearsal);
    let run = fine(&rehearsal, "deploy", &[]);
    assert!(run.stdout.ends_with("✓ Deploy complete: 1 provisioned, 1 unchanged\n"), "{}", run.stdout);
    reset_password(&rehearsal);
    let run = rehearsal.provision(&[]);
    assert!(run.stdout.contains("0 created, 1 updated, 1 verified"), "{}", run.stdout);
}

#[test]
fn a_destroy_asks_and_goes_backwards_and_forgets_what_is_confirmed() {
    let rehearsal = deployed();
    rehearsal.forget_requests();
    let refused = ss(&rehearsal, "destroy", &[]);
    assert_eq!(refused.code, 4, "{}", refused.raw);
    assert!(refused.stderr.contains("ss destroy --env=prod --yes"), "{}", refused.raw);
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());

    // The database cannot be deleted for now: the API is gone all the same, and forgotten.
    rehearsal.neon.inject(Fault::of(Trouble::refused(500)).on("DELETE", "projects/*").forever());
    let half = ss(&rehearsal, "destroy", &["--yes"]);
    assert_eq!(half.code, 1, "{}", half.raw);
    assert!(half.stdout.contains("✗ Destroy incomplete: 1 destroyed, 1 failed"), "{}", half.raw);
    assert_eq!(rehearsal.census(), (1, 0, 0));
    assert!(!rehearsal.overlay().contains("machine_id") && rehearsal.overlay().contains("branch_id"));
    assert_eq!(stored(&rehearsal, "api.APP_URL").code, 1);
    assert_eq!(stored(&rehearsal, "app-db.DATABASE_URL").code, 0);

    rehearsal.neon.calm();
    let rest = fine(&rehearsal, "destroy", &["--yes"]);
    assert!(rest.stdout.contains("To destroy:\n  - app-db neon · "), "{}", rest.stdout);
    assert_eq!(rehearsal.census(), (0, 0, 0));
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    assert_eq!(stored(&rehearsal, "app-db.DATABASE_URL").code, 1);
    let nothing = fine(&rehearsal, "destroy", &["--yes"]);
    assert!(nothing.stdout.contains("Nothing exists in the environment `prod`."), "{}", nothing.stdout);
    let last_of_fly = rehearsal.fly.requests().iter().map(|request| request.received).max().unwrap();
    let first_of_neon = rehearsal.neon.requests()[0].received;
    assert!(last_of_fly < first_of_neon, "the database went before what needs it");
    rehearsal.assert_no_secret(&[&refused, &half, &rest]);
    fine(&rehearsal, "inspect", &["--verify"]);
    fine(&rehearsal, "deploy", &[]);
    rehearsal.assert_whole();
}

#[test]
fn one_service_is_destroyed_alone_and_what_needs_it_is_named() {
    let rehearsal = deployed();
    let database = fine(&rehearsal, "destroy", &["--yes", "--service=app-db"]);
    assert!(database.stderr.contains("`api` stays and needs `app-db`, which goes"), "{}", database.raw);
    assert_eq!(rehearsal.census(), (0, 1, 1));
    // A service that the file no longer has is still known.
    let base = rehearsal.environment.read("starsystem.yaml");
    rehearsal.environment.write("starsystem.yaml", base.split("\n  api:").next().unwrap());
    let overlay = rehearsal.overlay();
    rehearsal.environment.write(OVERLAY, overlay.split("\n  api:").next().unwrap());
    let rest = fine(&rehearsal, "destroy", &["--yes"]);
    assert!(rest.stdout.contains("- api fly · my-app-api, no longer in the file"), "{}", rest.raw);
    assert_eq!(rehearsal.census(), (0, 0, 0));
}

#[test]
fn a_person_confirms_by_typing_the_name() {
    if !Path::new("/usr/bin/script").exists() {
        crate::environment::not_run("script", "bsdutils");
        return;
    }
    let rehearsal = deployed();
    let wrong = typed(&rehearsal, "yes\n");
    assert!(wrong.contains("not confirmed; nothing was destroyed"), "{wrong}");
    assert_eq!(rehearsal.census(), (1, 1, 1));
    let right = typed(&rehearsal, "my-app\n");
    assert!(right.contains("Type the name of the project, `my-app`"), "{right}");
    assert!(right.contains("Destroy complete: 2 destroyed"), "{right}");
    assert_eq!(rehearsal.census(), (0, 0, 0));
}

/// What a terminal shows of `ss destroy` where a person types this.
fn typed(rehearsal: &Rehearsal, answer: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let ss = rehearsal.environment.command(&[]);
    let line = format!("{} destroy --env=prod", ss.get_program().to_string_lossy());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_clear().envs(ss.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(rehearsal.environment.project()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("script runs");
    child.stdin.take().expect("stdin").write_all(answer.as_bytes()).expect("it reads");
    String::from_utf8_lossy(&child.wait_with_output().expect("it ends").stdout).into_owned()
}

#[test]
fn a_saved_plan_is_applied_only_if_nothing_has_moved() {
    let rehearsal = Rehearsal::with_variables(immediate());
    fine(&rehearsal, "plan", &["--out=plan.json"]);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    let applied = rehearsal.environment.succeed(&["deploy", "plan.json"]);
    assert!(applied.stdout.ends_with("✓ Deploy complete: 2 provisioned\n"), "{}", applied.stdout);
    rehearsal.assert_whole();

    let again = rehearsal.environment.run(&["deploy", "plan.json"]);
    assert_eq!(again.code, 1, "{}", again.raw);
    assert!(again.stderr.contains("`app-db`: its recorded state is another"), "{}", again.raw);
    fine(&rehearsal, "plan", &["--out=plan.json"]);
    set_image(&rehearsal, "v2");
    let moved = rehearsal.environment.run(&["deploy", "plan.json"]);
    assert!(moved.stderr.contains("`api`: its file says something else"), "{}", moved.raw);
    fine(&rehearsal, "plan", &["--out=plan.json"]);
    tamper(&rehearsal, |config| config["image"] = json!("ghcr.io/me/my-app-api:hand-made"));
    let moved = rehearsal.environment.run(&["deploy", "plan.json", "--json"]);
    assert_eq!(moved.code, 1, "{}", moved.raw);
    let error = document(&moved);
    assert_eq!(error["error"]["causes"][0], "`api`: its provider says something else", "{error}");
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    let other = rehearsal.environment.run(&["deploy", "plan.json", "--env=dev"]);
    assert_eq!(other.code, 2, "{}", other.raw);
    assert!(!rehearsal.environment.read("plan.json").contains("postgresql://"));
}

#[test]
fn deploy_leaves_to_provision_what_is_its() {
    let environment = TestEnvironment::warm();
    environment.write(
        "starsystem.yaml",
        "version: \"2\"\nname: mine\nservices:\n  web:\n    type: process\n    command: sleep 60\n  \
         db:\n    type: database\n    target:\n      type: neonn\n",
    );
    environment.write("starsystem.prod.yaml", "version: \"2\"\nenvironment: prod\nservices: {}\n");
    let planned = environment.succeed(&["plan", "--env=prod"]);
    for part in [
        "  − web · skip (`ss provision --env=prod` handles it)\n",
        "  − db · skip (no provisioner `neonn`; did you mean `neon`?)\n",
        "Plan: 0 to create, 0 to update, 0 unchanged.\n",
    ] {
        assert!(planned.stdout.contains(part), "`{part}` is missing in:\n{}", planned.raw);
    }
    let run = environment.succeed(&["deploy", "--env=prod"]);
    assert!(run.stdout.ends_with("✓ Deploy complete: 0 provisioned\n"), "{}", run.stdout);
    let nowhere = environment.run(&["deploy"]);
    assert_eq!(nowhere.code, 2, "{}", nowhere.raw);
    assert!(nowhere.stderr.contains("there is an overlay for: prod"), "{}", nowhere.raw);
}

#[test]
fn every_failure_is_a_document_where_one_is_asked_for() {
    let rehearsal = Rehearsal::without_keys(immediate());
    for (arguments, code) in [
        (&["plan", "--env=prod", "--json"][..], 1),
        (&["plan", "--json"], 2),
        (&["deploy", "--env=dev", "--json"], 1),
        (&["deploy", "--env=prod", "--dry-run", "--json"], 1),
        (&["provision", "--env=prod", "--dry-run", "--json"], 1),
        (&["inspect", "abc", "--json"], 1),
        (&["rollback", "--env=prod", "--to=abc", "--json"], 1),
        (&["resolve", "api", "--absent", "--env=prod", "--json"], 1),
        (&["destroy", "--service=nobody", "--env=prod", "--json"], 1),
        (&["vault", "get", "no.such", "--json"], 1),
        (&["catalog", "nobody", "--json"], 1),
        (&["no-such-command", "--json"], 2),
    ] {
        let output = rehearsal.environment.run(arguments);
        assert_eq!(output.code, code, "{arguments:?}: {}", output.raw);
        let found = document(&output);
        assert!(found.is_object() && !output.stderr.is_empty(), "{arguments:?}: {}", output.raw);
    }
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
}

#[test]
fn a_receipt_that_was_touched_is_noticed() {
    let rehearsal = deployed();
    set_image(&rehearsal, "v2");
    fine(&rehearsal, "deploy", &[]);
    let folder = rehearsal.environment.ss_home().join("runs/my-app/prod/receipts");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (first, second) =
        (std::fs::read_to_string(&files[0]).unwrap(), std::fs::read_to_string(&files[1]).unwrap());
    let verify = || ss(&rehearsal, "inspect", &["--verify"]);
    assert_eq!(verify().code, 0);
    std::fs::write(
        &files[0],
        first.replace("ghcr.io/me/my-app-api:latest", "ghcr.io/me/my-app-api:harmless"),
    )
    .unwrap();
    assert!(verify().stderr.contains("the receipt before this one was changed"), "{}", verify().raw);
    std::fs::write(&files[0], first.replacen(':', ": ", 1)).unwrap();
    assert!(verify().stderr.contains("not in its canonical form"), "{}", verify().raw);
    std::fs::remove_file(&files[0]).unwrap();
    assert!(verify().stderr.contains("a receipt before this one is missing"), "{}", verify().raw);
    std::fs::write(&files[0], &first).unwrap();
    std::fs::write(&files[1], second.replace("\"actor\":\"", "\"actor\":\"not-")).unwrap();
    assert!(verify().stderr.contains("the newest receipt was changed"), "{}", verify().raw);
    std::fs::remove_file(&files[1]).unwrap();
    assert!(verify().stderr.contains("the newest receipt is missing"), "{}", verify().raw);
    assert_eq!(verify().code, 1);
}

#[test]
fn a_short_id_that_fits_several_runs_lists_them() {
    let rehearsal = deployed();
    let receipts = rehearsal.environment.ss_home().join("runs/my-app/prod/receipts");
    let file = std::fs::read_dir(&receipts).unwrap().next().unwrap().unwrap();
    let name = file.file_name().into_string().unwrap();
    let run = runs(&rehearsal)[0].clone();
    let twin = format!("{}{}", &run[..35], if run.ends_with('0') { '1' } else { '0' });
    std::fs::copy(file.path(), receipts.join(name.replace(&run, &twin))).unwrap();
    let ambiguous = ss(&rehearsal, "inspect", &[&run[..8]]);
    assert_eq!(ambiguous.code, 1, "{}", ambiguous.raw);
    assert!(ambiguous.stderr.contains(&run) && ambiguous.stderr.contains(&twin), "{}", ambiguous.raw);
    assert_eq!(ss(&rehearsal, "inspect", &[&run]).code, 0);
}
