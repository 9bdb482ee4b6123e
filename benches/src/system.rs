//! Systems of any size.

use std::fmt::Write as _;

/// The sizes that budgets are given for. The time per service must hardly grow between them.
pub const SIZES: [usize; 2] = [1_000, 10_000];

/// A `starsystem.yaml` with this many services, each with an option, one dependency and one injected value.
///
/// They form a binary tree with a chain through it, so that the graph is neither flat nor one line.
pub fn yaml(services: usize) -> String {
    let mut yaml = String::from("version: \"2\"\nname: large\nservices:\n");
    for n in 0..services {
        // Writing to a string does not fail.
        let _ = write!(yaml, "  s{n}:\n    type: app\n    provision: {{ provider: cloudy, size: {n} }}\n");
        if n > 0 {
            let _ = writeln!(yaml, "    depends_on: [s{}]\n    inject_from: {{ s{}: [URL] }}", n / 2, n - 1);
        }
    }
    yaml
}
