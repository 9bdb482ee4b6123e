//! Names of projects, environments and services.

/// What a name may look like, for messages.
pub(crate) const RULE: &str = "a name begins with a letter or digit, goes on with letters, digits, `.`, `_` and `-`, and has at most 63 characters";

/// Longest name: the limit of a DNS label, which many providers make of it.
const MAX: usize = 63;

/// Whether a text may name a project, an environment or a service: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
pub fn is_name(text: &str) -> bool {
    text.len() <= MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A name made of any text, such as a folder's: what may not stand becomes `-`.
pub(crate) fn safe_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let replaced: String = text.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let trimmed = replaced.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name = trimmed[..trimmed.len().min(MAX)].trim_end_matches(['-', '.']);
    if name.is_empty() { "project".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        for good in ["a", "9", "my-app", "a.b_c-D", &"x".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".a", "-a", "_a", "a b", "a/b", "..", "é", "a\n", "a\0", &"x".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn folder_names_become_names() {
        for (folder, name) in [
            ("my app", "my-app"),
            (".config", "config"),
            ("Größe", "Gr--e"),
            ("", "project"),
            ("äöü", "project"),
            ("..", "project"),
        ] {
            assert_eq!(safe_name(folder), name);
            assert!(is_name(&safe_name(folder)));
        }
        assert!(is_name(&safe_name(&"x".repeat(100))));
    }
}
