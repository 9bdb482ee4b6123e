//! `examples/caddy`, copied and really run with Caddy and Node.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use ss_clouds::cloudflare::ZONE;
use ss_clouds::{Cloud, Habits};

use crate::TestEnvironment;
use crate::environment::{not_run, processes_below};
use crate::local::{self, free_port, kill, pids};
use crate::rehearsal::immediate;

/// The example as it is delivered.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/caddy");
/// The files of the example.
const FILES: [&str; 3] =
    ["starsystem.yaml", "scripts/caddy/Caddyfile.template", "scripts/caddy/domain-check-server.mjs"];
/// The key that the stand-in for Cloudflare knows.
const TOKEN: &str = "cf_Zq8v1LmN4rT7yWc2";
/// Its ports: domain checks, Caddy's administration, HTTP, HTTPS.
const PORTS: [&str; 4] = ["2020", "2019", "8080", "8443"];

/// The example on ports of its own, and those ports; none if this machine cannot run it.
fn example() -> Option<(TestEnvironment, [u16; 4])> {
    for (program, argument, package) in [("caddy", "version", "caddy"), ("node", "--version", "nodejs")] {
        let version = Command::new(program).arg(argument).output();
        if !version.is_ok_and(|output| output.status.success()) {
            not_run(program, package);
            return None;
        }
    }
    let environment = TestEnvironment::warm();
    let ports = PORTS.map(|_| free_port());
    for name in FILES {
        let mut text = std::fs::read_to_string(Path::new(EXAMPLE).join(name)).expect("a file of the example");
        for (old, new) in PORTS.iter().zip(ports) {
            text = text.replace(old, &new.to_string());
        }
        environment.write(name, &text);
    }
    Some((environment, ports))
}

#[test]
fn the_example_comes_up_shows_its_health_and_is_repaired() {
    let Some((mut environment, [checks, administration, ..])) = example() else { return };
    let missing = environment.run(&["provision", "--dry-run"]);
    assert_eq!(missing.code, 1, "{}", missing.raw);
    assert_snapshot!(missing.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + caddy-check-server (local-process)
      + caddy (local-process)
          ✗ `provision.generate_config.vars.ACME_EMAIL` needs `hosting.acme_email`, which is not in the vault
            → run `ss vault set hosting.acme_email`
      + cloudflare-for-saas (cloudflare)
          ✗ there is no API key for `cloudflare`; looked for `providers:cloudflare.api_key` in the vault, `providers:cloudflare.api_token` in the vault, `providers:cloudflare.token` in the vault, `providers:cloudflare.CLOUDFLARE_API_TOKEN` in the vault, `cloudflare.api_key` in the vault, `cloudflare.api_token` in the vault, `cloudflare.token` in the vault, `cloudflare.CLOUDFLARE_API_TOKEN` in the vault, `CLOUDFLARE_API_TOKEN` in the vault, the environment variable `CLOUDFLARE_API_TOKEN`
            → run `ss vault set-key cloudflare api_key` (get a key: https://dash.cloudflare.com/profile/api-tokens)
    Skipping 4 services (no provisioner)
      − acme-ca
      − backups
      − registrar
      − monitoring
    ");

    let cloudflare = Cloud::cloudflare(Habits { key: Some(TOKEN.to_owned()), ..immediate() });
    let cloudflare = cloudflare.start().expect("a stand-in for Cloudflare");
    environment.set("STARSYSTEM_ENDPOINT_CLOUDFLARE", &cloudflare.url());
    for words in [
        ["set", "hosting", "acme_email", "you@example.com"],
        ["set-key", "cloudflare", "api_key", TOKEN],
        ["set", "secrets", "CF_ZONE_ID", ZONE],
        ["set", "secrets", "CF_PAGES_FALLBACK", "my-app.pages.dev"],
    ] {
        environment.succeed(&[["vault"].as_slice(), &words].concat());
    }
    let first = environment.succeed(&["provision"]);
    assert_snapshot!(first.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + caddy-check-server (local-process)
      + caddy (local-process)
      + cloudflare-for-saas (cloudflare)
    Skipping 4 services (no provisioner)
      − acme-ca
      − backups
      − registrar
      − monitoring
    → caddy-check-server via local-process...
      ✓ started (pid <pid>)
      ✓ running (pid <pid>, health ok)
    → caddy via local-process...
      ✓ started (pid <pid>)
      ✓ running (pid <pid>, health ok)
    → cloudflare-for-saas via cloudflare...
      ✓ Fallback origin set: my-app.pages.dev
      ✓ fallback origin my-app.pages.dev, no custom hostname named (updated)

    ✓ Provision complete: 3 created, 0 verified in <time>
    ");
    let configuration = local::get(administration, "/config/").expect("Caddy answers");
    assert_eq!(configuration.0, 200);
    assert!(configuration.1.contains("you@example.com"), "{}", configuration.1);

    let sites = environment.ss_home().join("hosting/sites");
    std::fs::create_dir_all(sites.join("customer.example")).expect("a site");
    assert_eq!(local::get(checks, "/check?domain=customer.example").expect("it answers").0, 200);
    assert_eq!(local::get(checks, "/check?domain=stranger.example").expect("it answers").0, 404);
    assert!(configuration.1.contains(&sites.display().to_string()), "both look in the same folder");

    let status = environment.succeed(&["provision", "--status"]);
    assert_snapshot!(status.stdout, @"
    Service status starsystem.yaml
      ✓ caddy-check-server local-process running (pid <pid>, health ok)
      ✓ caddy local-process running (pid <pid>, health ok)
      ✓ cloudflare-for-saas cloudflare active (fallback origin my-app.pages.dev)
    ");
    let before = pids(&environment);
    kill(before["caddy"]);
    let broken = environment.run(&["provision", "--status"]);
    assert_eq!(broken.code, 1);
    assert_snapshot!(broken.stdout, @"
    Service status starsystem.yaml
      ✓ caddy-check-server local-process running (pid <pid>, health ok)
      ✗ caddy local-process not running (pid <pid>)
      ✓ cloudflare-for-saas cloudflare active (fallback origin my-app.pages.dev)
    ");

    environment.succeed(&["provision"]);
    let after = pids(&environment);
    assert_ne!(after["caddy"], before["caddy"]);
    assert_eq!(after["caddy-check-server"], before["caddy-check-server"]);
    assert_eq!(local::get(administration, "/config/").expect("Caddy answers").0, 200);

    let root = environment.root().to_owned();
    drop(environment);
    local::eventually("the end of all processes", || processes_below(&root).is_empty());
    assert!(!local::is_alive(after["caddy"]) && !local::is_alive(after["caddy-check-server"]));
}
