//! Files that mean harm: a clear error, soon, and never a crash. Any bytes at all are played in `tests/fuzz`.

use std::path::Path;
use std::time::{Duration, Instant};

use ss_config::{MissingOverlay, load, load_bytes, parse_str};

/// The one error of a text; it must come within a second, here in a debug build.
fn error(text: &[u8]) -> (String, String) {
    let began = Instant::now();
    let parsed = parse_str(text);
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    assert_eq!(parsed.diagnostics.len(), 1, "{:#?}", parsed.diagnostics);
    let finding = &parsed.diagnostics[0];
    let place = finding.labels.first().map(|label| parsed.sources.position(label.span).to_string());
    (finding.code.to_owned(), place.unwrap_or_default())
}

fn case(text: impl AsRef<[u8]>, code: &str, place: &str) {
    assert_eq!(error(text.as_ref()), (code.to_owned(), place.to_owned()));
}

#[test]
fn malformed_text() {
    case("a: b: c\n", "yaml-syntax", "1:5");
    case("a: [1\nb: 2\n", "yaml-syntax", "2:2");
    case("a: [\"x, 1]\n", "yaml-syntax", "1:5");
    case("a: @x\n", "yaml-syntax", "1:4");
    case("a: 1\0\n", "yaml-syntax", "1:5");
    case("a:\n\tb: 1\n", "tab-indentation", "2:1");
    case("a:\n  b: 1\n\tc: 2\n", "tab-indentation", "3:1");
    case("a: 1\n---\nb: 2\n", "several-documents", "2:1");
    case("%YAML 1.1\n---\na: 1\n", "yaml-directive", "1:1");
    case("a: *b\n", "unknown-anchor", "1:4");
    case("a: !secret x\n", "unsupported-tag", "1:12");
    case("a: &a [*a]\n", "recursive-alias", "1:8");
    case("[1]: x\n", "bad-key", "1:1");
    case("a: {<<: 3}\n", "bad-merge", "1:9");
    case("a: 1\na: 2\n", "duplicate-key", "2:1");
}

#[test]
fn other_encodings() {
    case(b"a: \xc3\x28\n", "not-utf-8", "1:4");
    case(b"\xff\xfea\0:\0", "not-utf-8", "1:1");
    case(b"a: 1\nb: \xf0\x9f", "not-utf-8", "2:4");
}

#[test]
fn yaml_s_own_tags_are_read() {
    let parsed = parse_str(b"a: !!str 010\nb: ! no\nc: !!int '7'\nd: !!map {x: !!str }\n");
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let json = parsed.root.unwrap().to_json().to_string();
    assert_eq!(json, r#"{"a":"010","b":"no","c":7,"d":{"x":""}}"#);
}

#[test]
fn deep_nesting() {
    case("[".repeat(10_000), "nesting-too-deep", "1:65");
    case("{a: ".repeat(10_000), "nesting-too-deep", "1:257");
    case("- ".repeat(10_000), "nesting-too-deep", "1:129");
    let block: String = (0..3_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    case(block, "nesting-too-deep", "65:65");
    case("? ".repeat(10_000), "nesting-too-deep", "1:129");
    assert!(parse_str(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).root.is_some());
    // Half by nesting, half by aliases.
    let mut chain = format!("a0: &a0 {}1{}\n", "[".repeat(60), "]".repeat(60));
    for level in 1..1_000 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert_eq!(error(chain.as_bytes()).0, "nesting-too-deep");
}

#[test]
fn alias_bombs() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let alias = format!("*a{}", level - 1);
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", ")));
    }
    assert_eq!(error(laughs.as_bytes()).0, "alias-bomb");
    let merges = laughs.replace("&a0 [x, x, x, x, x, x, x, x, x]", "&a0 {x: 1}") + "z: {<<: *a19}\n";
    assert_eq!(error(merges.as_bytes()).0, "alias-bomb");
    let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(40_000));
    assert_eq!(error(wide.as_bytes()).0, "alias-bomb");
}

#[test]
fn floods() {
    let values = format!("[{}]", "1,".repeat(1_100_000));
    assert_eq!(parse_str(values.as_bytes()).diagnostics[0].code, "too-many-values");

    let duplicates = "a: 1\n".repeat(20_000);
    assert_eq!(parse_str(duplicates.as_bytes()).diagnostics.len(), 501, "cut after 500");
    assert_eq!(error(&vec![b'a'; 17 * 1024 * 1024]).0, "file-too-large");
}

#[test]
fn huge_files_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("starsystem.yaml");
    std::fs::File::create(&file).unwrap().set_len(100 * 1024 * 1024).unwrap();
    let began = Instant::now();
    let loaded = load(&file, "local", MissingOverlay::Allowed);
    assert_eq!(loaded.diagnostics[0].code, "file-too-large");
    // A device has no size to look at.
    let loaded = load(Path::new("/dev/zero"), "local", MissingOverlay::Allowed);
    assert_eq!(loaded.diagnostics[0].code, "file-too-large");
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
}

#[test]
fn long_chains_and_circles() {
    let mut chain = "services:\n  s0: {type: x, depends_on: []}\n".to_owned();
    for at in 1..5_000 {
        chain.push_str(&format!("  s{at}: {{type: x, depends_on: [s{}]}}\n", at - 1));
    }
    let base = Path::new("starsystem.yaml");
    assert!(load_bytes((base, chain.as_bytes()), None, "local").system.is_some());
    let circle = chain.replacen("depends_on: []", "depends_on: [s4999]", 1);
    let loaded = load_bytes((base, circle.as_bytes()), None, "local");
    assert_eq!(loaded.diagnostics.len(), 1);
    assert!(loaded.diagnostics[0].message.contains("`s0` → `s4999` → "), "{}", loaded.diagnostics[0].message);
    assert!(loaded.diagnostics[0].message.ends_with("4980 more → `s0`"), "{}", loaded.diagnostics[0].message);
    // Everybody depends on everybody: many circles, few reports.
    let names: Vec<_> = (0..150).map(|at| format!("s{at}")).collect();
    let dense: String =
        names.iter().map(|id| format!("  {id}: {{type: x, depends_on: [{}]}}\n", names.join(", "))).collect();
    let loaded = load_bytes((base, format!("services:\n{dense}").as_bytes()), None, "local");
    assert_eq!(loaded.diagnostics.len(), 20);
}
