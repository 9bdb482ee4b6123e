//! Recorded state in an overlay: `services.<id>.provision._state`, and not one other byte.
//!
//! ```yaml
//! services:
//!   my-service:
//!     provision:
//!       # managed by ss
//!       _state:
//!         provider: my-provider
//! ```
//!
//! The edit is a splice at places that the parser gives ([`edit`]); what is missing on the way to `_state` is
//! made. Comments, order, line ends, byte order mark and flow style stay. Whatever the edit came to, the result
//! counts only after a check that knows nothing of how it was made ([`guard`]). What cannot be edited safely is
//! refused, and the error holds the text for a person to put in.
//!
//! Refused: files with errors, several documents or bytes that are no UTF-8; anchors, aliases and `<<` in a
//! `_state`; a service or `provision` that is null there, since null means "remove" and would no longer; removing a
//! state that keeps a `|+` text from the blank lines below.

mod edit;
pub(crate) mod emit;
mod guard;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use ss_durable::FileError;

use crate::diagnostic::{Diagnostic, Findings};
use crate::load::{ReadError, read_capped};
use crate::merge::STATE;
use crate::node::Node;
use crate::read;
use crate::source::Sources;
use crate::system::is_name;
use emit::{Layout, Tree};

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was replaced.
    Changed,
    /// It already said so.
    Unchanged,
    /// There is no overlay; the state lives in the vault only (R26).
    NoOverlay,
}

/// Why a state was not written. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be edited without risk to what people wrote.
    #[error("the state cannot be written into `{file}`: {reason}")]
    Refused {
        /// The file; `input` if it was given as text.
        file: String,
        /// Why, with the line if there is one.
        reason: String,
        /// What a person can put into the file by hand; empty if nothing is to be added.
        patch: String,
    },
    /// A service id that is no name, or a state that is no JSON object.
    #[error("`{service}` has no valid state to write: {reason}")]
    Invalid {
        /// The service.
        service: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Somebody else kept changing the file.
    #[error("`{file}` is being changed by somebody else")]
    Busy {
        /// The file.
        file: String,
    },
    /// The file could not be read or replaced.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Times that a file that changed under us is read again.
const ATTEMPTS: usize = 3;

/// Writes the state of one service. See [`write_states`].
///
/// # Errors
/// [`StateError`].
pub fn write_state(overlay: &Path, service: &str, state: &Value) -> Result<Written, StateError> {
    write_states(overlay, &[(service, Some(state))])
}

/// Removes the state of one service. See [`write_states`].
///
/// # Errors
/// [`StateError`].
pub fn remove_state(overlay: &Path, service: &str) -> Result<Written, StateError> {
    write_states(overlay, &[(service, None)])
}

/// Writes (`Some`) and removes (`None`) the states of several services in one atomic replacement.
///
/// The caller holds the writer lock of the environment. An editor may save the file meanwhile; what it saved is
/// read again.
///
/// # Errors
/// [`StateError`]. The file is then as it was.
pub fn write_states(overlay: &Path, changes: &[(&str, Option<&Value>)]) -> Result<Written, StateError> {
    let file = overlay.display().to_string();
    for _ in 0..ATTEMPTS {
        let Some(before) = read_file(overlay)? else { return Ok(Written::NoOverlay) };
        let changes = Changes::new(changes)?;
        let text = std::str::from_utf8(&before)
            .map_err(|_| changes.refused("it is not UTF-8"))
            .map_err(|error| error.in_file(&file))?;
        let Some(after) = edit_text(text, &changes).map_err(|error| error.in_file(&file))? else {
            return Ok(Written::Unchanged);
        };
        if read_file(overlay)?.as_deref() == Some(&*before) {
            ss_durable::replace(overlay, after.as_bytes())?;
            return Ok(Written::Changed);
        }
    }
    Err(StateError::Busy { file })
}

/// The same for a text: the new one, which may be the old one.
///
/// # Errors
/// [`StateError`], but none of files.
pub fn edit_states(text: &str, changes: &[(&str, Option<&Value>)]) -> Result<String, StateError> {
    Ok(edit_text(text, &Changes::new(changes)?)?.unwrap_or_else(|| text.to_owned()))
}

fn edit_text(text: &str, changes: &Changes<'_>) -> Result<Option<String>, StateError> {
    if text.len() as u64 > read::MAX_BYTES {
        return Err(changes.refused("it is too large"));
    }
    let mut sources = Sources::default();
    let source = sources.add("input", text);
    let tree = read::syntax::parse(text, source).map_err(|error| changes.refused(error.line(&sources)))?;
    let mut findings = Findings::default();
    let before = read::parse(&sources, source, &mut findings);
    let first_error = findings.into_vec().into_iter().find(Diagnostic::is_error);
    let Some(before) = before.filter(|_| first_error.is_none()) else {
        let reason = first_error.map_or_else(String::new, |error| error.line(&sources));
        return Err(changes.refused(reason));
    };
    let pending = changes.pending(&before);
    if pending.is_empty() {
        return Ok(None);
    }
    let edits = edit::plan(text, &tree.root, &pending).map_err(|reason| changes.refused(reason))?;
    let after = edit::apply(text, &edits);
    guard::check(text, &tree, &before, &after, &edits, &pending).map_err(|reason| changes.refused(reason))?;
    Ok(Some(after))
}

/// The states to set (`Some`) and to remove (`None`), by service.
type Pending<'a> = BTreeMap<&'a str, Option<&'a Map<String, Value>>>;

struct Changes<'a>(Pending<'a>);

impl<'a> Changes<'a> {
    /// The last change of a service counts.
    fn new(changes: &[(&'a str, Option<&'a Value>)]) -> Result<Self, StateError> {
        let mut pending = Pending::new();
        for (service, state) in changes {
            let invalid = |reason| StateError::Invalid { service: (*service).to_owned(), reason };
            if !is_name(service) {
                return Err(invalid("the id is no name"));
            }
            let state = match state {
                Some(value) => Some(value.as_object().ok_or_else(|| invalid("it is no JSON object"))?),
                None => None,
            };
            pending.insert(*service, state);
        }
        Ok(Self(pending))
    }

    /// Those that the file does not show yet.
    fn pending(&self, root: &Node) -> Pending<'a> {
        let services = root.get("services").and_then(Node::as_map).unwrap_or_default();
        let services: HashMap<_, _> =
            services.iter().map(|entry| (&*entry.key.value, &entry.value)).collect();
        let differs = |id: &str, state: Option<&Map<String, Value>>| {
            let service = services.get(id);
            let recorded = service.and_then(|service| service.get("provision")?.get(STATE));
            match state {
                Some(state) => recorded.map(Node::to_json).as_ref().and_then(Value::as_object) != Some(state),
                None => recorded.is_some() || service.is_some_and(|service| service.get(STATE).is_some()),
            }
        };
        self.0.iter().filter(|(id, state)| differs(id, **state)).map(|(id, state)| (*id, *state)).collect()
    }

    fn refused(&self, reason: impl Into<String>) -> StateError {
        let states = self.0.iter().filter_map(|(id, state)| Some((*id, (*state)?)));
        let entries: Vec<_> = states
            .map(|(id, state)| {
                (id, Tree::Map(vec![("provision", Tree::Map(vec![(STATE, Tree::State(state))]))]))
            })
            .collect();
        let mut patch = String::new();
        if !entries.is_empty() {
            Layout { newline: "\n", step: 2 }.block_entry(&mut patch, 0, "services", &Tree::Map(entries));
        }
        StateError::Refused { file: "input".to_owned(), reason: reason.into(), patch }
    }
}

impl StateError {
    fn in_file(self, name: &str) -> Self {
        match self {
            Self::Refused { reason, patch, .. } => Self::Refused { file: name.to_owned(), reason, patch },
            other => other,
        }
    }
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match read_capped(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(ReadError::Io(error)) => Err(FileError::new("read", path, error).into()),
        Err(ReadError::TooLarge) => {
            Err(FileError::new("read", path, io::Error::from(io::ErrorKind::FileTooLarge)).into())
        }
    }
}
