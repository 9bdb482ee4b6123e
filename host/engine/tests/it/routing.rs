//! Who takes a service, and what validation says about it.

use serde_json::json;
use ss_provider::Shape;

use crate::cloud::Manner;
use crate::world::{World, run};

fn world(base: &str) -> World {
    let mut world = World::new(base);
    let shape = |kind: &str, requires: &str| Shape { kind: kind.into(), requires: requires.into() };
    world.manners = vec![
        Manner { name: "local-process", shapes: vec![shape("process", "command")], ..Manner::default() },
        Manner { name: "flare", shapes: vec![shape("cdn", "_cloudflare")], ..Manner::default() },
        Manner { name: "fly", ..Manner::default() },
        Manner { name: "supa", ..Manner::default() },
        Manner { name: "supa-local", ..Manner::default() },
    ];
    world
}

fn routed(base: &str) -> Option<String> {
    run(async { world(base).plan().await.entries.remove(0).provider })
}

#[test]
fn target_then_provider_then_shape_then_nobody() {
    for (service, provider) in [
        ("{ type: process, command: x, provision: { provider: supa }, target: { type: fly } }", Some("fly")),
        ("{ type: process, command: x, provision: { provider: supa } }", Some("supa")),
        ("{ type: process, command: x, provision: { health_check: http://x } }", Some("local-process")),
        ("{ type: process, command: x }", Some("local-process")),
        ("{ type: process }", None),
        ("{ type: process, provision: { health_check: http://x } }", None),
        ("{ type: cdn, _cloudflare: { zone: x } }", Some("flare")),
        ("{ type: cdn }", None),
        ("{ type: database, provision: { provider: supa } }", Some("supa")),
        ("{ type: database, mode: local, provision: { provider: supa } }", Some("supa-local")),
        ("{ type: database, provision: { provider: supa, local: true } }", Some("supa-local")),
        ("{ type: app, mode: local, target: { type: fly } }", Some("fly")),
        ("{ type: app, command: x, target: { type: flyy } }", None),
        ("{ type: process, command: x, target: { type: external, host: h } }", None),
        ("{ type: process, command: x, target: { type: terraform } }", None),
        ("{ type: app, provision: { _state: { provider: fly } } }", None),
    ] {
        assert_eq!(routed(&format!("services:\n  a: {service}\n")).as_deref(), provider, "{service}");
    }
}

#[test]
fn findings_stand_at_their_place_in_the_file() {
    let schema = json!({
        "properties": {"region": {"enum": ["iad", "ams"]}, "port": {"type": "integer"}},
        "required": ["app"],
        "additionalProperties": false,
    });
    let mut world = World::new(
        "services:\n  a:\n    type: app\n    target:\n      type: fly\n      regoin: iad\n      region: mars\n      port: \"{{ vault('x') }}\"\n  b:\n    type: app\n    target:\n      type: flly\n  fly: { type: external }\n",
    );
    world.manners = vec![Manner { name: "fly", schema, ..Manner::default() }];
    let file = world.folder.path().join("starsystem.yaml");
    let engine = world.engine();
    let loaded = ss_config::load(&file, "prod", ss_config::MissingOverlay::Allowed);
    let lines: Vec<String> = engine
        .validate()
        .iter()
        .map(|finding| {
            let line = finding.line(&loaded.sources);
            format!("{} {}", line.rsplit('/').next().unwrap(), finding.help.as_deref().unwrap_or_default())
        })
        .collect();
    let expect = [
        "starsystem.yaml:6:7: error: `services.a.target` has no option `regoin` [unknown-option] did you mean `region`?",
        "starsystem.yaml:7:15: error: `services.a.target.region` is not one of `iad`, `ams` [invalid-option] ",
        "starsystem.yaml:4:5: error: `services.a.target` lacks the option `app` [invalid-option] add `app: …`",
        "starsystem.yaml:12:13: warning: no plugin provides `flly`; `b` is skipped [unknown-provider] did you mean `fly`?",
        "starsystem.yaml:13:3: warning: the service `fly` has the name of a provider [service-named-like-provider] `fly.api_key` in the vault means the provider's key; give the service another id",
    ];
    let mut sorted = (lines, expect.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
}
