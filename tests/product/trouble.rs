//! "When things go wrong", the last section of the walkthrough: each of its cases, with all that `ss` says.
//! What the document advises to do next must be in the message itself.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use serde_json::json;
use ss_clouds::{Fault, Habits, Trouble};

use crate::Output;
use crate::rehearsal::{FLY_KEY, OVERLAY, Rehearsal, immediate};

/// Everything that was printed, what differs from run to run replaced.
fn told(output: &Output) -> String {
    let text = format!("exit code {}\n\n{}\n--- stderr\n{}", output.code, output.stdout, output.notes());
    let lines = text.lines().map(|line| match line.split_once("next: `ss inspect ") {
        Some((before, after)) => format!("{before}next: `ss inspect <run>{}", &after[8.min(after.len())..]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn ss(rehearsal: &Rehearsal, arguments: &[&str]) -> Output {
    rehearsal.environment.run(&[arguments, &["--env=prod"]].concat())
}

#[test]
fn a_provider_that_refuses_the_key_is_answered_with_the_command_that_stores_another() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.environment.succeed(&["vault", "set", "neon.api_token", "nk_this-one-is-wrong"]);
    let planned = ss(&rehearsal, &["plan"]);
    let deployed = ss(&rehearsal, &["deploy"]);
    assert_snapshot!(told(&deployed), @"
    exit code 1

      ✗ app-db neon · Neon refused to list the organisations of the key: This key is not valid (HTTP 401)
          → check the key in the vault: it may be wrong, expired or revoked; `ss vault set-key neon api_key` stores another (get a key: https://console.neon.tech/app/settings/api-keys)
      + api fly · will create (Fly app + machine, region=iad)

    Plan: 1 to create, 0 to update, 0 unchanged.
    1 cannot be planned.

    ✗ app-db not started: Neon refused to list the organisations of the key: This key is not valid (HTTP 401)
    − api not started: it needs app-db
    ✗ Deploy incomplete: 0 provisioned, 1 failed, 1 not started

    --- stderr
    next: `ss inspect <run> --env=prod` shows what was done in these <time>
    next: fix what failed and run `ss deploy --env=prod` again; it goes on from here
    ");
    assert_eq!((planned.code, deployed.code), (1, 1), "{}", planned.raw);
    // The documented advice works too.
    let read = rehearsal.environment.succeed(&["vault", "get", "neon.api_token"]);
    assert_eq!(read.raw, "nk_this-one-is-wrong\n");
    assert_eq!(rehearsal.unsafe_requests(), [""; 0]);
    rehearsal.assert_no_secret(&[&planned, &deployed]);
}

#[test]
fn a_health_check_that_fails_is_answered_with_the_command_that_shows_the_log() {
    let habits = Habits { broken_images: vec!["ghcr.io/me/my-app-api:latest".into()], ..immediate() };
    let mut rehearsal = Rehearsal::new(habits);
    let overlay =
        rehearsal.overlay().replace("      port: 3000\n", "      port: 3000\n      health_timeout: 2\n");
    assert!(overlay.contains("health_timeout"), "{overlay}");
    rehearsal.environment.write(OVERLAY, &overlay);
    let deployed = ss(&rehearsal, &["deploy"]);
    assert_snapshot!(told(&deployed), @"
    exit code 1

      + app-db neon · will create (Neon project + branch + role + db)
      + api fly · will create (Fly app + machine, region=iad)

    Plan: 2 to create, 0 to update, 0 unchanged.

    → app-db via neon...
      ✓ Project created: my-app-bold-star-05185300
      ✓ DATABASE_URL written to vault

    → api via fly...
      ✓ App created: my-app-api
      ✓ Machine launched in iad
      ✗ `my-app-api` is not healthy after <time>: check `health` is critical: connection refused
        → look at what the app says with `fly logs -a my-app-api`, or allow more time with `health_timeout`

    ✗ Deploy incomplete: 1 provisioned, 1 failed

    --- stderr
      app-db: created Neon project my-app-bold-star-05185300 at ep-frosty-river-84295812.us-east-2.aws.neon.tech
    next: `ss inspect <run> --env=prod` shows what was done in these <time>
    next: `ss logs api --env=prod` shows what `api` says
    next: fix what failed and run `ss deploy --env=prod` again; it goes on from here
    ");
    assert_eq!(deployed.code, 1);
    assert!(deployed.raw.contains("ss logs api --env=prod"), "{}", deployed.raw);
    // And that command runs `fly logs` with the key of the vault.
    let folder = rehearsal.environment.root().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let fly = folder.join("fly");
    std::fs::write(&fly, "#!/bin/sh\necho \"$@\"\n").unwrap();
    std::fs::set_permissions(&fly, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    rehearsal.environment.set("PATH", &path);
    let logs = rehearsal.environment.run(&["logs", "api", "--env=prod"]);
    assert_eq!((logs.code, logs.stdout.contains("logs")), (0, true), "{}", logs.raw);
    assert!(logs.stdout.contains("--app my-app-api"), "{}", logs.raw);
    rehearsal.assert_no_secret(&[&deployed]);
}

#[test]
fn a_skipped_service_says_why_and_what_was_probably_meant() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.environment.write(OVERLAY, &rehearsal.overlay().replace("type: neon", "type: neno"));
    let planned = ss(&rehearsal, &["plan"]);
    assert_snapshot!(told(&planned), @"
    exit code 1

      − app-db · skip (no provisioner `neno`; did you mean `neon`?)
      ✗ api fly · `api` needs `app-db.DATABASE_URL`, which is not in the vault
          → provision `app-db` first, and see that it offers `DATABASE_URL`

    Plan: 0 to create, 0 to update, 0 unchanged.
    1 cannot be planned.

    --- stderr
    injected-from-skipped

      ⚠ `app-db` has no provisioner to make credentials
        ╭─[starsystem.yaml:31:7]
     30 │     inject_from:
     31 │       app-db:
        ·       ───┬──
        ·          ╰── skipped
     32 │         - DATABASE_URL # Neon makes it, the vault keeps it, the machine on Fly gets it
        ╰────
      help: store what it offers with `ss vault set app-db.<NAME>`

    unknown-provider

      ⚠ no plugin provides `neno`; `app-db` is skipped
        ╭─[starsystem.prod.yaml:9:13]
      8 │     target:
      9 │       type: neno
        ·             ──┬─
        ·               ╰── no such provider
     10 │       region: us-east-2
        ╰────
      help: did you mean `neon`?
    ");
    assert!(planned.raw.contains("did you mean `neon`?"), "{}", planned.raw);
}

#[test]
fn drift_that_nobody_can_explain_is_answered_with_where_to_look() {
    let rehearsal = Rehearsal::new(immediate());
    assert_eq!(ss(&rehearsal, &["deploy"]).code, 0);
    // The vendor restarts the machine on another size; nobody changed the file.
    let machine = rehearsal.machine();
    let mut config = machine.config.clone();
    config["guest"]["memory_mb"] = json!(2048);
    config["image"] = json!("ghcr.io/me/my-app-api:pinned-by-the-vendor");
    let client = rehearsal.fly.client().header("authorization", &format!("Bearer {FLY_KEY}"));
    let path = format!("/v1/apps/my-app-api/machines/{}", machine.id);
    assert_eq!(client.post(&path, &json!({ "config": config })).unwrap().status, 200);
    let drift = ss(&rehearsal, &["drift"]);
    let text = told(&drift).replace(&rehearsal.project().id, "<project>");
    assert_snapshot!(text, @"
    exit code 3

      ✓ app-db neon · as deployed (<project>)
      ~ api fly · drifted (my-app-api)
          field: as it is → as it was deployed
          image: ghcr.io/me/my-app-api:pinned-by-the-vendor → ghcr.io/me/my-app-api:latest
          memory_mb: 2048 → 256

    Drift: 1 drifted, 1 as deployed, 0 unknown.

    --- stderr
    next: `ss deploy --env=prod` makes it what the file says; or write into the file what is right now
    if nobody of yours changed it: `ss inspect --env=prod --calls` shows all that `ss` sent; the rest is in the provider's dashboard
    ");
    assert_eq!(drift.code, 3);
    assert!(drift.stderr.contains("ss inspect --env=prod --calls"), "{}", drift.raw);
    assert!(drift.stderr.contains("dashboard"), "{}", drift.raw);
}

#[test]
fn an_outage_is_told_from_a_refusal() {
    let rehearsal = Rehearsal::new(immediate());
    rehearsal.neon.inject(Fault::of(Trouble::refused(500)).forever());
    let deployed = ss(&rehearsal, &["deploy"]);
    assert_snapshot!(told(&deployed), @"
    exit code 1

      ✗ app-db neon · Neon refused to list the organisations of the key: Not now (HTTP 500)
      + api fly · will create (Fly app + machine, region=iad)

    Plan: 1 to create, 0 to update, 0 unchanged.
    1 cannot be planned.

    ✗ app-db not started: Neon refused to list the organisations of the key: Not now (HTTP 500)
    − api not started: it needs app-db
    ✗ Deploy incomplete: 0 provisioned, 1 failed, 1 not started

    --- stderr
    next: `ss inspect <run> --env=prod` shows what was done in these <time>
    next: fix what failed and run `ss deploy --env=prod` again; it goes on from here
    ");
    assert_eq!(deployed.code, 1);
    assert_eq!(rehearsal.census(), (0, 0, 0));
}
