//! Searches every byte that a run produced for secrets, in nine encodings.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Insists that the secret stands nowhere: not in the outputs, not in any file of the environment.
///
/// `known` are files (by the end of their path) in which it must be, because a person asked for it there.
pub fn assert_absent(
    environment: &crate::TestEnvironment,
    secret: &str,
    outputs: &[&crate::Output],
    known: &[&str],
) {
    let forms = encodings(secret);
    for output in outputs {
        for (name, form) in &forms {
            assert!(
                !output.raw.contains(form.as_str()),
                "the output holds a secret ({name}):\n{}",
                output.raw
            );
        }
    }
    visit(environment.root(), &mut |path| {
        if known.iter().any(|suffix| path.ends_with(suffix)) {
            return;
        }
        let Ok(content) = std::fs::read(path) else { return };
        for (name, form) in &forms {
            assert!(!contains(&content, form.as_bytes()), "`{}` holds a secret ({name})", path.display());
        }
    });
}

/// The nine forms in which a secret usually leaks.
fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let percent: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
    let json = serde_json::to_string(secret).expect("text");
    // Inside a longer text, such as `user:secret`, only whole groups of three bytes encode alike.
    let shifted = |skip: usize| {
        let body = &secret.as_bytes()[skip..];
        STANDARD_NO_PAD.encode(&body[..body.len() - body.len() % 3])
    };
    vec![
        ("as it is", secret.to_owned()),
        ("base64", STANDARD.encode(secret)),
        ("base64url", URL_SAFE_NO_PAD.encode(secret)),
        ("base64 behind one byte", shifted(2)),
        ("base64 behind two bytes", shifted(1)),
        ("hexadecimal", hex::encode(secret)),
        ("HEXADECIMAL", hex::encode_upper(secret)),
        ("percent-encoded", percent),
        ("JSON-escaped", json[1..json.len() - 1].to_owned()),
    ]
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn visit(folder: &Path, look: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            visit(&path, look);
        } else if path.is_file() {
            look(&path);
        }
    }
}

#[test]
#[should_panic(expected = "holds a secret (base64 behind one byte)")]
fn the_search_finds_what_it_should() {
    let environment = crate::TestEnvironment::new();
    environment.write("leak", &STANDARD.encode("xa-rather-long-secret"));
    assert_absent(&environment, "a-rather-long-secret", &[], &[]);
}
