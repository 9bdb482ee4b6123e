//! `examples/caddy`, copied and really run with Caddy and Node.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::TestEnvironment;
use crate::environment::{not_run, processes_below};
use crate::local::{self, free_port, kill, pids};

/// The example as it is delivered.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/caddy");
/// The files of the example.
const FILES: [&str; 3] =
    ["starsystem.yaml", "scripts/caddy/Caddyfile.template", "scripts/caddy/domain-check-server.mjs"];
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
    let Some((environment, [checks, administration, ..])) = example() else { return };
    let missing = environment.run(&["provision", "--dry-run"]);
    assert_eq!(missing.code, 0);
    assert_snapshot!(missing.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + caddy-check-server (local-process)
      + caddy (local-process)
          ✗ `provision.generate_config.vars.ACME_EMAIL` needs `hosting.acme_email`, which is not in the vault
            → run `ss vault set hosting.acme_email`
    Skipping 4 services (no provisioner)
      − cloudflare-for-saas
      − cloudflare-dns
      − acme-ca
      − backups
    ");

    environment.succeed(&["vault", "set", "hosting", "acme_email", "you@example.com"]);
    let first = environment.succeed(&["provision"]);
    assert_snapshot!(first.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + caddy-check-server (local-process)
      + caddy (local-process)
    Skipping 4 services (no provisioner)
      − cloudflare-for-saas
      − cloudflare-dns
      − acme-ca
      − backups
    → caddy-check-server via local-process...
      ✓ started (pid <pid>)
      ✓ running (pid <pid>, health ok)
    → caddy via local-process...
      ✓ started (pid <pid>)
      ✓ running (pid <pid>, health ok)

    ✓ Provision complete: 2 created, 0 verified in <time>
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
    ");
    let before = pids(&environment);
    kill(before["caddy"]);
    let broken = environment.run(&["provision", "--status"]);
    assert_eq!(broken.code, 1);
    assert_snapshot!(broken.stdout, @"
    Service status starsystem.yaml
      ✓ caddy-check-server local-process running (pid <pid>, health ok)
      ✗ caddy local-process not running (pid <pid>)
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
