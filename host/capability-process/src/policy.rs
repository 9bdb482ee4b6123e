//! What may run: pure judgements over the grant and the user's service.

use std::ffi::OsString;
use std::path::Path;

use ss_authority::ProcessAuthority;
use ss_provider::{Denial, Service};

use crate::{Command, ProcessError};

/// Variables that change which code a program loads: never a plugin's to set.
const LOADER_VARIABLES: &[&str] =
    &["LD_", "DYLD_", "PATH", "IFS", "BASH_ENV", "ENV", "NODE_OPTIONS", "PYTHON", "PERL", "RUBY"];

/// A command that may run.
#[derive(Debug)]
pub(crate) struct Judged {
    pub words: Vec<String>,
    /// The grant says that it only looks.
    pub reads: bool,
}

/// What the command is, if it may run.
pub(crate) fn judge(
    authority: Option<&ProcessAuthority>,
    service: &Service,
    config_dir: &Path,
    command: &Command,
) -> Result<Judged, ProcessError> {
    let malformed = || ProcessError::Malformed { line: printable(&command.line) };
    if command.line.contains('\0') {
        return Err(malformed());
    }
    let words = shlex::split(&command.line).filter(|words| !words.is_empty()).ok_or_else(malformed)?;
    let own = authority.is_some_and(|grant| grant.service_command)
        && service.command.as_deref() == Some(command.line.as_str());
    let begins_as = |granted: &[String]| {
        granted.iter().any(|prefix| {
            shlex::split(prefix).is_some_and(|prefix| !prefix.is_empty() && words.starts_with(&prefix))
        })
    };
    let reads = authority.is_some_and(|grant| begins_as(&grant.reads));
    let spelled_out = reads || authority.is_some_and(|grant| begins_as(&grant.commands));
    if !own && !spelled_out {
        return Err(denied(
            format!("the plugin may not run `{}` for service `{}`", printable(&command.line), service.id),
            Some(format!("[authority.process]\ncommands = [\"{}\"]", printable(&words[0]))),
        ));
    }
    // A relative command such as `node scripts/x` would be another program elsewhere.
    if command.directory != config_dir {
        return Err(denied(
            "the plugin may run commands in the folder of `starsystem.yaml` only".to_owned(),
            None,
        ));
    }
    for variable in &command.env {
        let from_service = service.env.iter().any(|known| known == variable);
        let harmless =
            spelled_out && !LOADER_VARIABLES.iter().any(|prefix| variable.name.starts_with(prefix));
        if !from_service && !harmless {
            return Err(denied(
                format!(
                    "the plugin may not set the variable `{}`: service `{}` does not",
                    printable(&variable.name),
                    service.id
                ),
                Some(format!("set `env.{}` of service `{}`", printable(&variable.name), service.id)),
            ));
        }
        if variable.name.is_empty() || variable.name.contains(['=', '\0']) || variable.value.contains('\0') {
            return Err(ProcessError::failed(format!("`{}` is not a variable", printable(&variable.name))));
        }
    }
    Ok(Judged { words, reads })
}

/// Refuses a URL that no granted option of the service names.
pub(crate) fn judge_probe(
    authority: Option<&ProcessAuthority>,
    service: &Service,
    url: &str,
) -> Result<(), ProcessError> {
    let options = authority.map_or(&[][..], |grant| &grant.probe_options);
    let named =
        options.iter().any(|option| service.option(option).and_then(serde_json::Value::as_str) == Some(url));
    if named {
        return Ok(());
    }
    Err(denied(
        format!(
            "the plugin may not probe `{}`: no granted option of service `{}` names it",
            printable(url),
            service.id
        ),
        Some("[authority.process]\nprobe-options = [\"<option that names the URL>\"]".to_owned()),
    ))
}

/// The environment that the user's own commands inherit: the user's, less what is `ss`'s own
/// (`SS_*`, `STARSYSTEM_*`) and less what `withhold` names, which is every provider's key.
pub fn inherited_environment(withhold: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| {
            name.to_str().is_none_or(|name| {
                !name.starts_with("SS_") && !name.starts_with("STARSYSTEM_") && !withhold(name)
            })
        })
        .collect()
}

pub(crate) fn denied(message: String, allow: Option<String>) -> ProcessError {
    ProcessError::Denied(Denial { capability: "process".to_owned(), message, allow })
}

/// The text without control characters and of bounded length, for messages.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect()
}
