//! What stands in the way of the next run, as `ss doctor` asks it.

use ss_engine::Checkup;

use crate::cloud::Manner;
use crate::world::{World, run};

impl World {
    fn checkup(&self) -> Checkup {
        let file = self.folder.path().join("starsystem.yaml");
        let loaded = ss_config::load(&file, "prod", ss_config::MissingOverlay::Allowed);
        self.engine().checkup(&loaded.sources).unwrap()
    }
}

#[test]
fn only_what_works_on_this_machine_is_looked_at_as_a_process() {
    // Both say that they are a process; a cloud's plugin may say what it likes.
    let process = |name, here| Manner {
        name,
        here,
        metadata: |_| serde_json::json!({ "pid": 1, "started": "then" }),
        ..Manner::default()
    };
    let mut world = World::new(
        "
name: app
services:
  near: { type: app, provision: { provider: near } }
  far: { type: app, provision: { provider: far } }
",
    );
    world.manners = vec![process("near", true), process("far", false)];
    run(world.up());

    let local = world.checkup().local;
    let [near] = &local[..] else { panic!("{local:?}") };
    assert_eq!((near.service.as_str(), near.state.provider.as_str()), ("near", "near"));
    assert!(near.as_recorded);
}
