//! Reading one YAML file into a tree of [`Node`]s.
//!
//! Two steps: `syntax` turns the parser's events into the file's shape, with aliases and tags as they are
//! written; `resolve` gives the values. The writer of `_state` needs the first step only.
//!
//! The format is YAML 1.2 with the core schema, less what surprises people or helps an attacker:
//! * one document per file; no directives; no tags but YAML's own (`!!str` and so on);
//! * `yes`, `no`, `on`, `off` and `010` are text; a number that JSON cannot hold is text;
//! * keys are scalars and count as text; a key may stand only once in its map;
//! * `<<` merges a map, or a list of maps, into its map; what the map says itself wins.
//!
//! Threats: files that are huge, deep, or grow by aliases. The limits below end each of them early, and
//! nothing recurses deeper than [`MAX_DEPTH`].

mod resolve;
mod scalar;
pub(crate) mod syntax;

use crate::diagnostic::{Diagnostic, Findings};
use crate::node::Node;
use crate::source::{SourceId, Sources, Span};

/// Largest file, in bytes: 16 MiB. A configuration of 10,000 services has about two.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Deepest nesting of maps and lists, aliases included.
pub const MAX_DEPTH: usize = 64;
/// Most values in a file.
pub const MAX_NODES: usize = 1_000_000;
/// Most values that aliases may add.
pub const MAX_ALIASED_NODES: usize = 50_000;
/// Most text that aliases may add, in bytes.
pub const MAX_ALIASED_BYTES: usize = 4 * 1024 * 1024;

/// A text read on its own: its tree, unless it is no YAML at all, and everything found on the way.
#[derive(Debug)]
pub struct Parsed {
    /// The tree. There may be errors beside it, such as a key that stands twice.
    pub root: Option<Node>,
    /// The findings.
    pub diagnostics: Vec<Diagnostic>,
    /// The text under the name `input`, for rendering them.
    pub sources: Sources,
}

/// Parses YAML from anywhere: never panics, never takes long. The entry for fuzzing.
pub fn parse_str(bytes: &[u8]) -> Parsed {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let root = if bytes.len() as u64 > MAX_BYTES {
        findings.push(too_large("input"));
        None
    } else {
        add_bytes(&mut sources, "input", bytes, &mut findings)
            .and_then(|source| parse(&sources, source, &mut findings))
    };
    Parsed { root, diagnostics: findings.into_vec(), sources }
}

/// Adds a file's bytes as text. None and an error if they are no UTF-8.
pub(crate) fn add_bytes(
    sources: &mut Sources,
    name: &str,
    bytes: &[u8],
    findings: &mut Findings,
) -> Option<SourceId> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(sources.add(name, text)),
        Err(error) => error,
    };
    let source = sources.add(name, String::from_utf8_lossy(bytes));
    let at = error.valid_up_to();
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let what = if utf16 { "the file is UTF-16, not UTF-8" } else { "this byte is not UTF-8" };
    // The lossy text stands in one replacement character, three bytes long, for the first bad byte.
    let place = Span::new(source, at..at + '\u{fffd}'.len_utf8());
    findings.push(
        Diagnostic::error("not-utf-8", format!("`{name}` is not UTF-8"))
            .label(place, what)
            .help("save the file as UTF-8"),
    );
    None
}

pub(crate) fn too_large(name: &str) -> Diagnostic {
    let limit = MAX_BYTES / 1024 / 1024;
    Diagnostic::error("file-too-large", format!("`{name}` is larger than {limit} MiB"))
        .help("a configuration of 10,000 services has about 2 MiB; is this the right file?")
}

/// Parses a file of `sources`. None if it is no YAML; then there is an error in `findings`.
pub(crate) fn parse(sources: &Sources, source: SourceId, findings: &mut Findings) -> Option<Node> {
    match syntax::parse(sources.text(source), source) {
        Ok(tree) => resolve::resolve(&tree, sources.text(source), source, findings),
        Err(error) => {
            findings.push(*error);
            None
        }
    }
}
