//! The outside of a component: what it is, what it imports, and the manifest inside it.
//!
//! Format: the component binary format, read section by section at the top level only. Nested modules
//! (almost all of the bytes) are skipped, not parsed: compiling them is the runtime's work, and this has
//! to take microseconds. Threat: any bytes at all.
//!
//! The manifest is the text of `plugin.toml` in one custom section at the top level.

mod file;

use wasmparser::{Chunk, Encoding, Parser, Payload};

pub use self::file::Component;
use crate::contract::{self, Contract};

/// Name of the custom section that holds `plugin.toml`.
pub const MANIFEST_SECTION: &str = "starsystem:manifest";

/// Largest component, in bytes: room for guests that bring a language runtime.
pub const MAX_COMPONENT: u64 = 64 * 1024 * 1024;

/// What can be seen of a component without compiling it.
#[derive(Debug)]
pub struct Outline<'a> {
    /// Text of `plugin.toml`.
    pub manifest: &'a str,
    /// Names of everything it imports.
    pub imports: Vec<&'a str>,
    /// The contract whose adapter it exports.
    pub contract: Contract,
}

/// Why bytes are no plugin component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// A core module, as compilers without component support make.
    #[error("it is a core WebAssembly module, not a component; build it for `wasm32-wasip2`")]
    CoreModule,
    /// Neither a component nor a module, or damaged.
    #[error("it is not a WebAssembly component: {reason} (at byte {offset})")]
    Malformed {
        /// What the parser stumbled over.
        reason: String,
        /// Where.
        offset: u64,
    },
    /// No section `starsystem:manifest`, or more than one, or not text.
    #[error("its manifest section `{MANIFEST_SECTION}` {0}")]
    Manifest(&'static str),
    /// It exports no adapter.
    #[error("it exports no `starsystem:provisioner/adapter`, so it is no plugin")]
    NoAdapter,
}

/// Looks at a component from outside.
///
/// # Errors
/// If it is not a component with one manifest and an adapter.
pub fn outline(bytes: &[u8]) -> Result<Outline<'_>, ComponentError> {
    let (mut manifest, mut imports, mut adapter) = (None, Vec::new(), None);
    each_section(bytes, |section| {
        match section {
            Payload::CustomSection(custom) if custom.name() == MANIFEST_SECTION => {
                let twice = manifest.replace(custom.data()).is_some();
                return if twice { Err(ComponentError::Manifest("is there twice")) } else { Ok(()) };
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    imports.push(import.map_err(malformed)?.name.name);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    adapter = contract::of_export(export.map_err(malformed)?.name.name).or(adapter.take());
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let manifest = manifest.ok_or(ComponentError::Manifest("is missing"))?;
    let manifest =
        std::str::from_utf8(manifest).map_err(|_| ComponentError::Manifest("is not UTF-8 text"))?;
    Ok(Outline { manifest, imports, contract: adapter.ok_or(ComponentError::NoAdapter)? })
}

/// Appends `plugin.toml` to a component that has none. The same input gives the same bytes.
///
/// # Errors
/// If `component` is no component or has a manifest.
pub fn embed_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>, ComponentError> {
    each_section(component, |section| match section {
        Payload::CustomSection(custom) if custom.name() == MANIFEST_SECTION => {
            Err(ComponentError::Manifest("is already there"))
        }
        _ => Ok(()),
    })?;
    let mut body = Vec::new();
    write_leb128(&mut body, MANIFEST_SECTION.len());
    body.extend_from_slice(MANIFEST_SECTION.as_bytes());
    body.extend_from_slice(manifest.as_bytes());
    let mut bytes = component.to_vec();
    bytes.push(0); // id of a custom section
    write_leb128(&mut bytes, body.len());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Visits the top-level sections of a component, stepping over what nested modules and components hold.
fn each_section<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Payload<'a>) -> Result<(), ComponentError>,
) -> Result<(), ComponentError> {
    let mut parser = Parser::new(0);
    let mut position = 0;
    loop {
        let rest = bytes.get(position..).ok_or_else(|| cut_short(bytes.len() as u64))?;
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(malformed)? else {
            return Err(cut_short(bytes.len() as u64));
        };
        position += consumed;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(ComponentError::CoreModule),
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                position = usize::try_from(unchecked_range.end).map_err(|_| cut_short(bytes.len() as u64))?;
            }
            Payload::End(_) => return Ok(()),
            other => visit(other)?,
        }
    }
}

fn cut_short(length: u64) -> ComponentError {
    ComponentError::Malformed { reason: "it is cut short".to_owned(), offset: length }
}

#[expect(clippy::needless_pass_by_value, reason = "given to `map_err`")]
fn malformed(error: wasmparser::BinaryReaderError) -> ComponentError {
    ComponentError::Malformed { reason: error.message().to_owned(), offset: error.offset() }
}

fn write_leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
