//! The table of attacks in `docs/threat-model.md` names tests; each of them has to be there.

use std::path::Path;

/// The rows of the design's attack table. A row that is taken out has to be taken out here too.
const ATTACKS: usize = 20;

#[test]
fn every_attack_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/threat-model.md")).expect("the threat model");
    let rows: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| attack")).collect();
    assert!(rows.len() >= ATTACKS, "{} rows", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "attack, defence, tests: {row}");
        let tests: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("`<file>::<test>`: {test}"));
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let head = format!("fn {name}(");
            let at = source.find(&head);
            let is_test = at.is_some_and(|at| {
                let before = source[..at].trim_end();
                before.ends_with("#[test]")
                    || before.ends_with("]\nasync")
                    || before.lines().rev().take(4).any(|line| {
                        line.trim().starts_with("#[test") || line.trim().starts_with("#[tokio::test")
                    })
            });
            // Tables of cases are written by macros, which take the name alone.
            let by_macro = source.contains(&format!("    {name},")) || source.contains(&format!("{name} {{"));
            if !is_test && !by_macro {
                missing.push(test.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "tests that are named and not there: {missing:#?}");
}
