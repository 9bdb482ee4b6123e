//! The walkthrough: a database on Neon and an API on Fly that is given its address, against stand-ins.

use std::time::Duration;

use ss_clouds::{Fault, Habits, Recorded, Trouble, spec};

use crate::rehearsal::{FLY_KEY, NEON_KEY, OVERLAY, Rehearsal, immediate, is_unsafe, without_state};
use crate::{Output, canary};

/// A fault for the first creation that fits.
fn on(trouble: Trouble, path: &str) -> Fault {
    Fault::of(trouble).on("POST", path)
}

/// Too many requests; `Retry-After` in seconds.
fn busy(retry_after: &str) -> Trouble {
    Trouble::Refused { status: 429, retry_after: Some(retry_after.to_owned()) }
}

fn succeed(rehearsal: &Rehearsal) -> Output {
    let output = rehearsal.provision(&[]);
    assert_eq!(output.code, 0, "{}", output.raw);
    output
}

/// Insists that each of these stands in the output, in this order.
fn assert_in_order(output: &Output, parts: &[&str]) {
    let mut rest = output.stdout.as_str();
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("`{part}` does not come next in:\n{}", output.stdout)
        };
        rest = after;
    }
}

fn unsafe_of(requests: &[Recorded]) -> Vec<&Recorded> {
    requests.iter().filter(|request| is_unsafe(request)).collect()
}

#[test]
fn the_walkthrough_from_keys_to_a_healthy_machine() {
    let rehearsal = Rehearsal::new(Habits::default());
    let validated = rehearsal.environment.succeed(&["validate", "--env=prod"]);
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
    let run = succeed(&rehearsal);

    let project = rehearsal.project();
    assert_in_order(
        &run,
        &[
            "Starsystem — starsystem.yaml\n",
            "To create:\n  + app-db (neon)\n  + api (fly)\n",
            "→ app-db via neon...\n",
            &format!("  ✓ Project created: my-app-{}\n", project.id),
            "  ✓ DATABASE_URL written to vault\n",
            "→ api via fly...\n",
            "  ✓ App created: my-app-api\n",
            "  ✓ Machine launched in iad\n",
            "  ✓ Health check passing at https://my-app-api.fly.dev/health\n",
            "✓ Provision complete: 2 created",
        ],
    );
    rehearsal.assert_whole();
    let machine = rehearsal.machine();
    assert_eq!((machine.state, machine.region.as_str()), ("started", "iad"));
    assert_eq!(machine.config["env"]["NODE_ENV"], "production");

    let (neon, fly) = (rehearsal.neon.requests(), rehearsal.fly.requests());
    let last_of_neon = neon.iter().map(|request| request.received).max().unwrap();
    let first_of_fly = unsafe_of(&fly).iter().map(|request| request.received).min().unwrap();
    assert!(last_of_neon < first_of_fly, "Fly was changed before Neon was done");
    assert_eq!(unsafe_of(&neon).len(), 1, "one creation: {neon:#?}");
    let expected = [
        "/v1/apps",
        "/v1/apps/my-app-api/ip_assignments",
        "/v1/apps/my-app-api/ip_assignments",
        "/v1/apps/my-app-api/machines",
    ];
    assert_eq!(unsafe_of(&fly).iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), expected);
    spec::assert_agrees(&rehearsal.neon);
    spec::assert_agrees(&rehearsal.fly);

    let status = rehearsal.environment.succeed(&["provision", "--env=prod", "--status"]);
    assert_in_order(&status, &["  ✓ app-db neon", "  ✓ api fly"]);
    rehearsal.assert_no_secret(&[&validated, &run, &status]);
}

#[test]
fn a_second_run_changes_nothing() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    rehearsal.forget_requests();
    let (overlay, lock) = (rehearsal.overlay(), rehearsal.environment.read("starsystem.lock"));
    let second = succeed(&rehearsal);
    assert_in_order(&second, &["To verify:\n  ~ app-db (neon)\n  ~ api (fly)\n", "0 created, 2 verified"]);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert_eq!(rehearsal.overlay(), overlay);
    assert_eq!(rehearsal.environment.read("starsystem.lock"), lock);
    rehearsal.assert_whole();
    rehearsal.assert_no_secret(&[&second]);
}

#[test]
fn a_new_image_updates_the_machine_once_and_keeps_what_others_set() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    // A person adds a restart policy behind our back.
    let before = rehearsal.machine();
    let mut config = before.config.clone();
    config["restart"] = serde_json::json!({"policy": "always"});
    let path = format!("/v1/apps/my-app-api/machines/{}", before.id);
    let client = rehearsal.fly.client().header("authorization", &format!("Bearer {FLY_KEY}"));
    let answer = client.post(&path, &serde_json::json!({"config": config})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    rehearsal.forget_requests();

    rehearsal.environment.write(OVERLAY, &rehearsal.overlay().replace("my-app-api:latest", "my-app-api:v2"));
    let run = succeed(&rehearsal);
    assert_in_order(
        &run,
        &[
            "  ~ api (fly) · will update",
            "image: ghcr.io/me/my-app-api:latest → ghcr.io/me/my-app-api:v2\n",
            "  ✓ Machine updated to ghcr.io/me/my-app-api:v2\n",
            "0 created, 1 updated, 1 verified",
        ],
    );
    assert_eq!(rehearsal.unsafe_requests(), [format!("POST {path}")]);
    let after = rehearsal.machine();
    config["image"] = "ghcr.io/me/my-app-api:v2".into();
    // The marks of the definition differ, and nothing else.
    let mut now = after.config.clone();
    now["metadata"] = config["metadata"].clone();
    assert_eq!(now, config);
    assert_eq!(after.id, before.id);
    assert!(rehearsal.overlay().contains("image: \"ghcr.io/me/my-app-api:v2\""), "{}", rehearsal.overlay());

    rehearsal.forget_requests();
    succeed(&rehearsal);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
}

#[test]
fn a_rotated_password_reaches_vault_and_machine_in_one_update() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    let project = rehearsal.project();
    let client = rehearsal.neon.client().header("authorization", &format!("Bearer {NEON_KEY}"));
    let branches = client.get(&format!("/api/v2/projects/{}/branches", project.id)).unwrap().json();
    let branch = branches["branches"][0]["id"].as_str().unwrap().to_owned();
    let role = project.roles[0].split_once('/').unwrap().1;
    let path = format!("/api/v2/projects/{}/branches/{branch}/roles/{role}/reset_password", project.id);
    assert_eq!(client.post(&path, &serde_json::json!({})).unwrap().status, 200);
    assert_ne!(rehearsal.project().connection_uris, project.connection_uris);
    rehearsal.forget_requests();

    let run = succeed(&rehearsal);
    let machine = format!("POST /v1/apps/my-app-api/machines/{}", rehearsal.machine().id);
    assert_eq!(rehearsal.unsafe_requests(), [machine]);
    rehearsal.assert_whole();
    rehearsal.forget_requests();
    succeed(&rehearsal);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    rehearsal.assert_no_secret(&[&run]);
}

#[test]
fn a_secret_that_a_person_stores_reaches_the_machine() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    rehearsal.forget_requests();
    let address = "postgresql://me:a-password-of-mine@db.example/app";
    rehearsal.environment.succeed(&["vault", "set", "app-db.DATABASE_URL", address, "--env=prod"]);
    // Only the API: the database would say its own address again.
    let run = rehearsal.provision(&["--service", "api"]);
    assert_eq!(run.code, 0, "{}", run.raw);
    assert_in_order(&run, &["  ~ api (fly) · will update", "env.DATABASE_URL: (sensitive)"]);
    let machine = rehearsal.machine();
    assert_eq!(rehearsal.unsafe_requests(), [format!("POST /v1/apps/my-app-api/machines/{}", machine.id)]);
    assert_eq!(machine.config["env"]["DATABASE_URL"], address);
    canary::assert_absent(&rehearsal.environment, "a-password-of-mine", &[&run], &[]);
    canary::assert_absent(&rehearsal.environment, address, &[&run], &[]);
}

#[test]
fn without_keys_nothing_is_sent_and_every_place_is_named() {
    let rehearsal = Rehearsal::without_keys(immediate());
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1, "{}", run.raw);
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    for (provider, variable) in [("neon", "NEON_API_KEY"), ("fly", "FLY_API_TOKEN")] {
        for tried in [
            format!("the environment variable `{variable}`"),
            format!("`providers:{provider}.api_key`"),
            format!("`providers:{provider}.api_token`"),
            format!("`providers:{provider}.token`"),
            format!("`{provider}.api_key`"),
            format!("`{provider}.api_token`"),
            format!("`{variable}` in the vault"),
            format!("ss vault set-key {provider} api_key"),
        ] {
            assert!(run.raw.contains(&tried), "{tried} is missing in:\n{}", run.raw);
        }
    }
    for part in ["api not started: it needs app-db", "1 failed, 1 not started"] {
        assert!(run.raw.contains(part), "{part} is missing in:\n{}", run.raw);
    }

    // With one key, the other service's dependents still wait, and nothing unsafe is sent.
    rehearsal.environment.succeed(&["vault", "set", "fly.api_token", FLY_KEY]);
    assert_eq!(rehearsal.provision(&[]).code, 1);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    // And the printed command is the remedy.
    rehearsal.environment.succeed(&["vault", "set-key", "neon", "api_key", NEON_KEY]);
    succeed(&rehearsal);
    rehearsal.assert_whole();
}

#[test]
fn a_wrong_key_is_an_authentication_error() {
    let rehearsal = Rehearsal::new(immediate());
    let wrong = "napi_this-one-is-wrong";
    rehearsal.environment.succeed(&["vault", "set", "neon.api_token", wrong]);
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1);
    for part in ["Neon refused", "HTTP 401", "ss vault set-key neon api_key", "api not started"] {
        assert!(run.raw.contains(part), "`{part}` is missing in:\n{}", run.raw);
    }
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    assert!(!run.raw.contains(wrong));
    rehearsal.assert_no_secret(&[&run]);
}

#[test]
fn a_failed_database_keeps_the_app_from_starting() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.neon.inject(on(Trouble::refused(422), "projects").forever());
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1);
    assert!(run.raw.contains("api not started: it needs app-db"), "{}", run.raw);
    assert_eq!(rehearsal.census(), (0, 0, 0));
    assert!(rehearsal.unsafe_requests().iter().all(|line| line == "POST /api/v2/projects"));
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    rehearsal.neon.calm();
    succeed(&rehearsal);
    rehearsal.assert_whole();
}

#[test]
fn a_failed_app_leaves_the_database_recorded() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.fly.inject(on(Trouble::refused(422), "machines").forever());
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1);
    assert!(rehearsal.overlay().contains(&rehearsal.project().id), "{}", rehearsal.overlay());
    assert_eq!(without_state(&rehearsal.overlay()), Rehearsal::delivered_overlay());
    rehearsal.fly.calm();
    succeed(&rehearsal);
    rehearsal.assert_whole();
}

#[test]
fn trouble_with_reads_passes_within_the_run() {
    let rehearsal = Rehearsal::new(immediate());
    for cloud in [&rehearsal.neon, &rehearsal.fly] {
        cloud.inject(Fault::of(busy("1")));
        cloud.inject(Fault::of(Trouble::refused(503)).after(1));
    }
    rehearsal.fly.inject(Fault::of(Trouble::refused(502)).on("GET", "ip_assignments"));
    rehearsal.fly.inject(Fault::of(Trouble::Closed).on("GET", "machines/*"));
    let run = succeed(&rehearsal);
    rehearsal.assert_whole();
    rehearsal.assert_no_secret(&[&run]);
}

#[test]
fn a_creation_that_is_refused_for_now_is_sent_again_when_it_may_be() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.neon.inject(on(busy("1"), "projects"));
    rehearsal.fly.inject(on(busy("1"), "machines"));
    succeed(&rehearsal);
    rehearsal.assert_whole();
    let (neon, fly) = (rehearsal.neon.requests(), rehearsal.fly.requests());
    for (requests, path) in [(&neon, "/api/v2/projects"), (&fly, "/v1/apps/my-app-api/machines")] {
        let sent: Vec<_> = unsafe_of(requests).into_iter().filter(|request| request.path == path).collect();
        assert_eq!(sent.len(), 2, "{sent:#?}");
        assert!(sent[1].received - sent[0].received >= Duration::from_secs(1));
    }
}

#[test]
fn a_creation_that_is_refused_for_long_says_for_how_long() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.neon.inject(on(busy("3600"), "projects"));
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1, "{}", run.raw);
    for part in ["Neon refused", "HTTP 429", "the provider asks to wait 3600 s"] {
        assert!(run.raw.contains(part), "`{part}` is missing in:\n{}", run.raw);
    }
    assert_eq!(rehearsal.census(), (0, 0, 0));
    succeed(&rehearsal);
    rehearsal.assert_whole();
}

#[test]
fn a_cloud_that_is_down_fails_the_run_and_nothing_else() {
    for trouble in [Trouble::refused(500), Trouble::Html { status: 503 }, Trouble::Closed] {
        let rehearsal = Rehearsal::new(immediate());
        rehearsal.neon.inject(Fault::of(trouble.clone()).forever());
        let run = rehearsal.provision(&[]);
        assert_eq!(run.code, 1, "{trouble:?}: {}", run.raw);
        assert!(run.raw.contains("Neon"), "{trouble:?}: {}", run.raw);
        assert_eq!(rehearsal.census(), (0, 0, 0));
        assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
        rehearsal.assert_no_secret(&[&run]);
        rehearsal.neon.calm();
        succeed(&rehearsal);
        rehearsal.assert_whole();
    }
}

#[test]
fn a_cloud_that_cannot_be_reached_is_said_to_be() {
    let mut rehearsal = Rehearsal::new(immediate());
    rehearsal.environment.set("STARSYSTEM_ENDPOINT_NEON", "http://127.0.0.1:1");
    let run = rehearsal.provision(&[]);
    assert_eq!(run.code, 1);
    assert!(run.raw.contains("app-db"), "{}", run.raw);
    assert!(run.raw.contains("refused") || run.raw.contains("connect"), "{}", run.raw);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let troubles = [Trouble::Lost { status: None }, Trouble::Lost { status: Some(502) }, Trouble::Truncated];
    for path in ["projects", "apps", "ip_assignments", "machines"] {
        for trouble in &troubles {
            let rehearsal = Rehearsal::with_variables(immediate());
            let cloud = if path == "projects" { &rehearsal.neon } else { &rehearsal.fly };
            cloud.inject(on(trouble.clone(), path));
            let first = rehearsal.provision(&[]);
            let outputs = if first.code == 0 { vec![first] } else { vec![first, succeed(&rehearsal)] };
            rehearsal.assert_whole();
            rehearsal.forget_requests();
            succeed(&rehearsal);
            assert_eq!(rehearsal.unsafe_requests(), [""; 0], "{path}, {trouble:?}");
            rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_is_not_seen_at_once_is_not_made_again() {
    for unseen_for in [1, 3, 8] {
        let rehearsal = Rehearsal::with_variables(Habits { unseen_for, ..Habits::default() });
        succeed(&rehearsal);
        // At once, while Neon and Fly may still not show what they have.
        succeed(&rehearsal);
        rehearsal.assert_whole();
    }
}

#[test]
fn storms_make_nothing_twice() {
    // Mostly spent waiting before the next try, so that all go at once.
    std::thread::scope(|scope| {
        for seed in 1..=6 {
            scope.spawn(move || weather_a_storm(seed));
        }
    });
}

/// Every seventh request meets trouble of some kind.
fn weather_a_storm(seed: u64) {
    let rehearsal = Rehearsal::with_variables(Habits { seed, storm: 15, ..immediate() });
    let mut runs = vec![rehearsal.provision(&[])];
    while runs.last().is_some_and(|run| run.code != 0) && runs.len() < 8 {
        runs.push(rehearsal.provision(&[]));
    }
    rehearsal.neon.calm();
    rehearsal.fly.calm();
    runs.push(succeed(&rehearsal));
    rehearsal.assert_whole();
    rehearsal.assert_no_secret(&runs.iter().collect::<Vec<_>>());
}

#[test]
fn a_dry_run_and_a_status_change_nothing() {
    let rehearsal = Rehearsal::new(immediate());
    let dry = rehearsal.provision(&["--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.raw);
    assert_in_order(&dry, &["To create:\n  + app-db (neon)\n  + api (fly)\n"]);
    let status = rehearsal.provision(&["--status"]);
    assert!(status.raw.contains("nothing is provisioned yet"), "{}", status.raw);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    let files: Vec<_> = std::fs::read_dir(rehearsal.environment.project()).unwrap().flatten().collect();
    assert_eq!(files.len(), 2, "the dry run wrote {files:?}");
    assert!(!rehearsal.environment.ss_home().join("runs").exists());

    succeed(&rehearsal);
    let (overlay, before) = (rehearsal.overlay(), rehearsal.census());
    rehearsal.forget_requests();
    assert_eq!(rehearsal.provision(&["--dry-run"]).code, 0);
    assert_eq!(rehearsal.provision(&["--status"]).code, 0);
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    assert_eq!((rehearsal.overlay(), rehearsal.census()), (overlay, before));
}

#[test]
fn the_status_says_what_is_gone() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    let machine = rehearsal.machine();
    let client = rehearsal.fly.client().header("authorization", &format!("Bearer {FLY_KEY}"));
    let path = format!("/v1/apps/my-app-api/machines/{}?force=true", machine.id);
    assert_eq!(client.send("DELETE", &path, None).unwrap().status, 200);
    let status = rehearsal.provision(&["--status"]);
    assert_eq!(status.code, 1);
    assert_in_order(&status, &["  ✓ app-db neon", "  ✗ api fly", "no longer exists"]);
    assert!(status.stderr.contains("next: `ss provision --env=prod`"), "{}", status.stderr);
    succeed(&rehearsal);
    rehearsal.assert_whole();
    assert_ne!(rehearsal.machine().id, machine.id);
}

#[test]
fn json_is_one_document_on_stdout() {
    let rehearsal = Rehearsal::new(immediate());
    let document = |arguments: &[&str]| -> serde_json::Value {
        let output = rehearsal.provision(arguments);
        assert_eq!(output.code, 0, "{}", output.raw);
        rehearsal.assert_no_secret(&[&output]);
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", output.stdout))
    };
    let plan = document(&["--json", "--dry-run"]);
    assert_eq!(plan["plan"]["entries"][0]["action"], "create");
    assert_eq!(plan["plan"]["entries"][0]["detail"], "Neon project + branch + role + db");
    assert_eq!(plan["plan"]["entries"][1]["detail"], "Fly app + machine, region=iad");
    let run = document(&["--json"]);
    assert_eq!(run["run"]["status"], "completed");
    assert_eq!(run["run"]["services"][1]["outcome"], "done");
    assert_eq!(run["run"]["services"][1]["state"]["resourceId"], "my-app-api");
    let status = document(&["--json", "--status"]);
    assert_eq!(status["status"]["services"][0]["healthy"], true);
}

#[test]
#[should_panic(expected = "holds a secret")]
fn a_connection_string_in_a_file_would_be_found() {
    let rehearsal = Rehearsal::new(immediate());
    succeed(&rehearsal);
    let leak = format!("{}# {}\n", rehearsal.overlay(), rehearsal.project().connection_uris[0]);
    rehearsal.environment.write(OVERLAY, &leak);
    rehearsal.assert_no_secret(&[]);
}

#[test]
#[should_panic(expected = "the output holds a secret")]
fn a_password_in_an_output_would_be_found() {
    let rehearsal = Rehearsal::new(immediate());
    let mut run = succeed(&rehearsal);
    run.raw.push_str(&rehearsal.neon.secrets()[0]);
    rehearsal.assert_no_secret(&[&run]);
}
