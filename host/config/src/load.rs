//! From a path to a checked configuration: the only place that reads files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Findings, closest};
use crate::merge;
use crate::node::{Node, NodeValue};
use crate::read;
use crate::source::{SourceId, Sources};
use crate::system::{Input, NAME_RULE, System, is_name};

/// Whether an environment may be without its overlay (R30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingOverlay {
    /// The base alone is the configuration: `ss provision --env=local`.
    Allowed,
    /// An error: everything else.
    Refused,
}

/// Everything that came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The files, for rendering findings.
    pub sources: Sources,
    /// All findings, errors first.
    pub diagnostics: Vec<Diagnostic>,
    /// The configuration; none if there is an error.
    pub system: Option<System>,
}

/// Loads a base file and the overlay of an environment.
///
/// Every problem, a file that cannot be read included, is a diagnostic.
pub fn load(file: &Path, environment: &str, missing: MissingOverlay) -> Loaded {
    let overlay = overlay_path(file, environment);
    let mut loader = Loader::default();
    if !is_name(environment) {
        let message = format!("`{}` is no name for an environment", environment.escape_debug());
        loader.findings.push(Diagnostic::error("bad-environment", message).help(NAME_RULE));
        return loader.finish(None);
    }
    let base_bytes = loader.read(file, || missing_base(file));
    let overlay_bytes = match missing {
        MissingOverlay::Allowed if !exists(&overlay) => None,
        _ => loader.read(&overlay, || missing_overlay(file, environment, &overlay)),
    };
    loader.load(
        base_bytes.map(|bytes| (file, bytes)),
        overlay_bytes.map(|bytes| (&*overlay, bytes)),
        environment,
    )
}

/// Loads a configuration from memory; nothing is read. The paths are what messages show and where relative
/// paths start.
pub fn load_bytes(base: (&Path, &[u8]), overlay: Option<(&Path, &[u8])>, environment: &str) -> Loaded {
    let base = (base.0, base.1.to_vec());
    Loader::default().load(Some(base), overlay.map(|(path, bytes)| (path, bytes.to_vec())), environment)
}

/// The overlay of a base file: `starsystem.prod.yaml` beside `starsystem.yaml`.
pub fn overlay_path(file: &Path, environment: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(|| "yaml".into(), |extension| extension.to_string_lossy());
    file.with_file_name(format!("{stem}.{environment}.{extension}"))
}

/// The environments that have an overlay beside the base file, sorted. For messages: a folder that cannot be
/// read has none.
pub fn environments(file: &Path) -> Vec<String> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(|| "yaml".into(), |extension| extension.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| {
            let name = name.strip_prefix(&format!("{stem}."))?.strip_suffix(&format!(".{extension}"))?;
            is_name(name).then(|| name.to_owned())
        })
        .collect();
    found.sort();
    found
}

#[derive(Default)]
struct Loader {
    sources: Sources,
    findings: Findings,
}

/// A file of the configuration, parsed.
struct Document {
    source: SourceId,
    /// Always a map.
    root: Node,
    services: usize,
}

impl Loader {
    /// The bytes of a file, or none and an error.
    fn read(&mut self, path: &Path, missing: impl FnOnce() -> Diagnostic) -> Option<Vec<u8>> {
        let error = match read_capped(path) {
            Ok(bytes) => return Some(bytes),
            Err(error) => error,
        };
        self.findings.push(match error {
            ReadError::TooLarge => read::too_large(&path.display().to_string()),
            ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound => missing(),
            ReadError::Io(error) => {
                Diagnostic::error("unreadable-file", format!("cannot read `{}`: {error}", path.display()))
            }
        });
        None
    }

    fn load(
        mut self,
        base: Option<(&Path, Vec<u8>)>,
        overlay: Option<(&Path, Vec<u8>)>,
        environment: &str,
    ) -> Loaded {
        // The overlay is parsed even if the base is bad: all errors at once.
        let base_document = base.as_ref().and_then(|(path, bytes)| self.parse(path, bytes, true));
        let overlay_document = overlay.as_ref().and_then(|(path, bytes)| self.parse(path, bytes, false));
        let (Some((path, _)), Some(document)) = (base, base_document) else { return self.finish(None) };
        let base = absolute(path);
        let mut files = vec![(document.source, document.services)];
        let mut root = document.root;
        let overlay_source = overlay_document.as_ref().map(|document| document.source);
        if let Some(document) = overlay_document {
            files.push((document.source, document.services));
            merge::merge_roots(&mut root, document.root);
        }
        let input = Input {
            environment: environment.to_owned(),
            base,
            overlay: overlay.map(|(path, _)| absolute(path)),
            base_source: document.source,
            overlay_source,
            files,
            root,
        };
        let system = System::build(input, &self.sources, &mut self.findings);
        self.finish(system)
    }

    fn parse(&mut self, path: &Path, bytes: &[u8], is_base: bool) -> Option<Document> {
        let name = path.display().to_string();
        if bytes.len() as u64 > read::MAX_BYTES {
            self.findings.push(read::too_large(&name));
            return None;
        }
        let source = read::add_bytes(&mut self.sources, &name, bytes, &mut self.findings)?;
        let mut root = read::parse(&self.sources, source, &mut self.findings)?;
        if root.is_null() && !is_base {
            root.value = NodeValue::Map(Vec::new());
        }
        if root.as_map().is_none() {
            self.findings.push(not_a_map(&name, &root));
            return None;
        }
        let services = root.get("services").and_then(Node::as_map).map_or(0, <[_]>::len);
        Some(Document { source, root, services })
    }

    fn finish(self, system: Option<System>) -> Loaded {
        Loaded { sources: self.sources, diagnostics: self.findings.into_vec(), system }
    }
}

pub(crate) enum ReadError {
    TooLarge,
    Io(io::Error),
}

/// Reads a file of at most [`read::MAX_BYTES`]. The size is looked at before, and enforced while reading: a
/// device or a pipe has none.
pub(crate) fn read_capped(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    if file.metadata().map_err(ReadError::Io)?.len() > read::MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let mut bytes = Vec::new();
    file.take(read::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > read::MAX_BYTES { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

/// Whether a file is there at all; one that cannot be looked at is, so that reading it says why.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

fn absolute(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder =
        folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned());
    folder.join(path.file_name().unwrap_or_default())
}

fn missing_base(file: &Path) -> Diagnostic {
    Diagnostic::error("missing-file", format!("there is no file `{}`", file.display()))
        .help("go to the folder of your system, or name its file: `ss provision <file>`")
}

fn missing_overlay(file: &Path, environment: &str, overlay: &Path) -> Diagnostic {
    let known = environments(file);
    let help = match closest(environment, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `--env={meant}`?"),
        None if known.is_empty() => format!("create `{}`", overlay.display()),
        None => format!("there are overlays for: {}", known.join(", ")),
    };
    let message = format!("the environment `{environment}` has no file `{}`", overlay.display());
    Diagnostic::error("missing-overlay", message).help(help)
}

fn not_a_map(name: &str, root: &Node) -> Diagnostic {
    let what =
        if root.is_null() { "the file is empty".to_owned() } else { format!("this is {}", root.kind()) };
    Diagnostic::error("wrong-type", format!("`{name}` must be a map with `services:` in it"))
        .label(root.span, what)
}
