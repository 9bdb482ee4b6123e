//! What repairs a finding without a person.

use std::borrow::Cow;
use std::path::PathBuf;

use ss_durable::FileError;

/// A repair that is safe to make without asking, and that changes nothing when it is made again.
///
/// It touches this machine only: it starts what the user's own file names and was started before, makes files
/// private, copies a secret within the vault. It sends nothing to a provider and approves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// `ss` with these words.
    Ss(Vec<String>),
    /// A program of the system with its arguments.
    Program(Vec<String>),
    /// A line in a `.gitignore`, which `ss` itself adds.
    Ignore {
        /// The file.
        file: PathBuf,
        /// The line.
        line: String,
        /// The words behind `ss` that add it.
        words: Vec<String>,
    },
}

impl Fix {
    /// The repair as one line for a shell.
    pub fn command(&self) -> String {
        let (first, words) = match self {
            Self::Ss(words) | Self::Ignore { words, .. } => (Some("ss"), words),
            Self::Program(words) => (None, words),
        };
        let words = first.into_iter().map(Cow::from).chain(words.iter().map(|word| quoted(word)));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell must be given it; as it is, if no shell reads anything in it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    // Only a NUL cannot be quoted, and no argument of a process has one.
    shlex::try_quote(word).unwrap_or_else(|_| word.replace('\0', "").into())
}

/// Adds a line to a file that need not be there yet; nothing if it has the line.
///
/// # Errors
/// If the file cannot be read or written.
pub fn add_line(file: &std::path::Path, line: &str) -> Result<(), FileError> {
    let known = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(FileError::new("read", file, source)),
    };
    if known.lines().any(|known| known.trim_end() == line) {
        return Ok(());
    }
    let gap = if known.is_empty() || known.ends_with('\n') { "" } else { "\n" };
    ss_durable::replace(file, format!("{known}{gap}{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_read_is_quoted() {
        let command =
            |words: &[&str]| Fix::Ss(words.iter().map(|word| (*word).to_owned()).collect()).command();
        assert_eq!(command(&["deploy", "--env=prod"]), "ss deploy --env=prod");
        assert_eq!(command(&["a b", "$(touch x)", ""]), "ss 'a b' '$(touch x)' ''");
    }

    #[test]
    fn a_line_is_added_once_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".gitignore");
        add_line(&file, "/a").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "/a\n");
        std::fs::write(&file, "# mine\ntarget").unwrap();
        add_line(&file, "/a").unwrap();
        add_line(&file, "/a").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\ntarget\n/a\n");
    }
}
