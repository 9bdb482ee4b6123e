//! A component file: checked without being held.
//!
//! A guest that brings an interpreter has more than ten megabytes, and a start that finds it compiled needs none of
//! them but to know that they are the same. So a file is read once, piece by piece: all of it is hashed, its
//! outside is kept, and what nested modules and components hold is not. The bytes are read again when something is
//! to be compiled, and count only if they have the same digest.
//!
//! Threat: any bytes at all, and another file in its place between the two readings.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use super::{ComponentError, Outline, cut_short, malformed, outline};
use crate::Digest;
use crate::digest::Hasher;
use crate::source::read_file;

/// How much is read at once, in bytes.
const PIECE: usize = 256 * 1024;

/// A component: its digest, its outside, and its bytes for who needs them.
#[derive(Debug, Clone)]
pub struct Component {
    digest: Digest,
    size: u64,
    outside: Result<Bytes, ComponentError>,
    code: Code,
}

/// Where all of its bytes are.
#[derive(Debug, Clone)]
enum Code {
    Here(Bytes),
    In(Arc<Path>),
}

impl Component {
    /// A component in memory.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        Self { digest, size, outside: Ok(bytes.clone()), code: Code::Here(bytes) }
    }

    /// The component in a file, which may be anything. Of a file with more than `limit` bytes no more than one byte
    /// beyond them is read, so that its [`size`](Self::size) says so.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let mut file = File::open(path)?.take(limit.saturating_add(1));
        let (mut hasher, mut outside, mut size) = (Hasher::new(), Outside::new(), 0);
        let mut buffer = vec![0; PIECE];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = &buffer[..read];
            hasher.update(piece);
            outside.take(piece);
            size += read as u64;
        }
        Ok(Self { digest: hasher.finish(), size, outside: outside.end(size), code: Code::In(path.into()) })
    }

    /// Digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A component's bytes up to what nested modules and components hold: those sections may be missing.
    ///
    /// # Errors
    /// If the file has no sections.
    pub fn outside(&self) -> Result<&[u8], ComponentError> {
        self.outside.as_deref().map_err(Clone::clone)
    }

    /// What can be seen of it without compiling it.
    ///
    /// # Errors
    /// If it is not a component with one manifest and an adapter.
    pub fn outline(&self) -> Result<Outline<'_>, ComponentError> {
        outline(self.outside()?)
    }

    /// All of its bytes: those that the digest is of.
    ///
    /// # Errors
    /// If its file cannot be read again, or has changed since.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match &self.code {
            Code::Here(bytes) => Ok(bytes.clone()),
            Code::In(path) => {
                let bytes = read_file(path, self.size)?;
                if Digest::of(&bytes) != self.digest {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the file was changed meanwhile"));
                }
                Ok(bytes.into())
            }
        }
    }
}

/// Keeps the outside of a component that comes in pieces.
struct Outside {
    parser: Parser,
    kept: Vec<u8>,
    /// What does not make a section yet.
    pending: Vec<u8>,
    /// Bytes of a nested module or component that are still to come.
    nested: u64,
    fault: Option<ComponentError>,
}

impl Outside {
    fn new() -> Self {
        Self { parser: Parser::new(0), kept: Vec::new(), pending: Vec::new(), nested: 0, fault: None }
    }

    fn take(&mut self, piece: &[u8]) {
        let skipped = self.nested.min(piece.len() as u64);
        self.nested -= skipped;
        let rest = usize::try_from(skipped).ok().and_then(|skipped| piece.get(skipped..)).unwrap_or_default();
        if !rest.is_empty() && self.fault.is_none() {
            self.pending.extend_from_slice(rest);
            self.parse(false);
        }
    }

    /// Takes every whole section out of what is pending.
    fn parse(&mut self, all: bool) {
        loop {
            let (consumed, payload) = match self.parser.parse(&self.pending, all) {
                Ok(Chunk::Parsed { consumed, payload }) => (consumed, payload),
                Ok(Chunk::NeedMoreData(_)) => return,
                Err(error) => return self.fault = Some(malformed(error)),
            };
            let nested = match payload {
                Payload::Version { encoding: Encoding::Module, .. } => {
                    return self.fault = Some(ComponentError::CoreModule);
                }
                Payload::ModuleSection { unchecked_range, .. }
                | Payload::ComponentSection { unchecked_range, .. } => {
                    Some(unchecked_range.end - unchecked_range.start)
                }
                Payload::End(_) => return,
                _ => None,
            };
            let Some(nested) = nested else {
                self.kept.extend(self.pending.drain(..consumed));
                continue;
            };
            self.pending.drain(..consumed);
            let here =
                usize::try_from(nested).map_or(self.pending.len(), |nested| nested.min(self.pending.len()));
            self.pending.drain(..here);
            self.nested = nested - here as u64;
            if self.nested > 0 {
                return;
            }
        }
    }

    fn end(mut self, size: u64) -> Result<Bytes, ComponentError> {
        if self.fault.is_none() && self.nested > 0 {
            return Err(cut_short(size));
        }
        if self.fault.is_none() {
            self.parse(true);
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.kept.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a component, a nested module of `size` bytes, and a custom section.
    fn nesting(size: usize) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.push(1);
        super::super::write_leb128(&mut bytes, 8 + size);
        bytes.extend_from_slice(b"\0asm\x01\0\0\0");
        bytes.extend(std::iter::repeat_n(0x5a, size));
        bytes.extend_from_slice(b"\0\x06\x04nameX");
        bytes
    }

    fn opened(bytes: &[u8]) -> (tempfile::TempDir, Component) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        std::fs::write(&path, bytes).unwrap();
        let component = Component::open(&path, 64 * 1024 * 1024).unwrap();
        (folder, component)
    }

    #[test]
    fn a_file_is_what_it_is_in_memory() {
        // Around the size of a piece, and over several.
        for size in [0, 1, PIECE - 20, PIECE - 8, PIECE, 3 * PIECE + 7] {
            let bytes = nesting(size);
            let (_folder, component) = opened(&bytes);
            assert_eq!((component.digest(), component.size()), (Digest::of(&bytes), bytes.len() as u64));
            assert_eq!(component.outside().unwrap(), b"\0asm\x0d\0\x01\0\0\x06\x04nameX", "{size}");
            assert_eq!(component.bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn what_a_file_says_of_itself_is_what_its_bytes_say() {
        let whole = nesting(100);
        for end in 0..whole.len() {
            let (_folder, component) = opened(&whole[..end]);
            let (file, memory) = (component.outline().unwrap_err(), outline(&whole[..end]).unwrap_err());
            assert_eq!(
                std::mem::discriminant(&file),
                std::mem::discriminant(&memory),
                "{end}: {file}, {memory}"
            );
        }
    }

    #[test]
    fn another_file_in_its_place_is_not_used() {
        let (folder, component) = opened(&nesting(9));
        std::fs::write(folder.path().join("a.wasm"), nesting(9).repeat(2)).unwrap();
        let error = component.bytes().unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
        std::fs::remove_file(folder.path().join("a.wasm")).unwrap();
        assert_eq!(component.bytes().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn of_a_file_that_is_too_large_one_byte_too_many_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        std::fs::write(&path, nesting(1000)).unwrap();
        assert_eq!(Component::open(&path, 100).unwrap().size(), 101);
    }
}
