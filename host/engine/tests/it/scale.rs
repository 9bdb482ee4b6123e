//! The time that a large system takes to plan. Run by hand, in release:
//! `cargo test --release -p ss-engine --test it scale -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::time::Instant;

use crate::world::{World, run};

fn system_of(services: usize) -> World {
    let mut base = String::from("services:\n");
    for n in 0..services {
        let _ = write!(base, "  s{n}:\n    type: app\n    provision: {{ provider: cloudy, size: {n} }}\n");
        if n > 0 {
            let _ = write!(base, "    depends_on: [s{}]\n    inject_from: {{ s{}: [URL] }}\n", n / 2, n - 1);
        }
    }
    World::new(&base)
}

#[test]
#[ignore = "measures time"]
fn large_systems_are_planned_quickly() {
    for services in [1, 1_000, 10_000] {
        let world = system_of(services);
        let system = world.system();
        let fakes = world.fakes();
        run(async {
            for _ in 0..5 {
                let began = Instant::now();
                let engine = ss_engine::Engine::new(ss_engine::EngineConfig {
                    system: system.clone(),
                    providers: fakes.clone(),
                    store: world.store.clone(),
                    scrubber: world.scrubber.clone(),
                    home: world.home(),
                    user_home: None,
                    approved: false,
                    scope: ss_engine::Scope::Provision,
                    actor: "me@here".into(),
                    command: "ss provision".into(),
                    version: "0.1.0".into(),
                    lock_digest: None,
                    limits: world.limits,
                })
                .unwrap();
                let made = began.elapsed();
                let plan = engine.plan(&ss_engine::Selection::All).await.unwrap();
                assert_eq!(plan.entries.len(), services);
                println!("{services} services: engine {made:?}, with plan {:?}", began.elapsed());
            }
        });
    }
}
