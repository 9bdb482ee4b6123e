//! Programs that services need and that are not installed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ss_config::{Node, ServiceConfig, Sources, System};
use ss_engine::SystemOverview;

use crate::finding::Severity::{Error, Info};
use crate::{Finding, Severity};

/// A program that the services of a provider need.
struct Tool {
    provider: &'static str,
    program: &'static str,
    /// How bad it is that it is missing, and what does not work then.
    severity: Severity,
    without: &'static str,
    install: &'static str,
}

/// What providers need that is no part of their plugin.
const TOOLS: &[Tool] = &[
    Tool {
        provider: "supabase-local",
        program: "supabase",
        severity: Error,
        without: "its stack cannot be started",
        install: "install the Supabase CLI: https://supabase.com/docs/guides/local-development",
    },
    Tool {
        provider: "supabase-local",
        program: "docker",
        severity: Error,
        without: "its stack cannot be started",
        install: "install Docker, or another engine that has its command line",
    },
    Tool {
        provider: "terraform",
        program: "terraform",
        severity: Error,
        without: "`ss deploy` cannot apply it",
        install: "install Terraform: https://developer.hashicorp.com/terraform/install",
    },
    Tool {
        provider: "fly",
        program: "fly",
        severity: Info,
        without: "`ss logs`, `ss exec` and `ss ssh` do not work for it; deploying does",
        install: "install flyctl: https://fly.io/docs/flyctl/install/",
    },
];

/// The missing programs, each once, and only where a service needs it. `path` is the value of `PATH`.
pub fn tools(
    system: &System,
    overview: &SystemOverview,
    sources: &Sources,
    path: &str,
    user_home: Option<&Path>,
) -> Vec<Finding> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in &overview.services {
        let target = system.service(&service.id).and_then(ServiceConfig::target_type);
        let provider = service.provider.as_deref().or(target.map(|target| target.value));
        if let Some(provider) = provider {
            users.entry(provider).or_default().push(&service.id);
        }
    }
    let mut findings = Vec::new();
    for tool in TOOLS {
        let Some(services) = users.get(tool.provider) else { continue };
        if is_there(tool.program, path) {
            continue;
        }
        let message = format!(
            "`{}` needs the program `{}`, which is not on PATH: {}",
            services[0], tool.program, tool.without
        );
        let finding = Finding::new(tool.severity, "tool.missing", tool.program, message);
        let place = system.service(services[0]).map(|config| config.id.span);
        let finding = place.map_or(finding.clone(), |span| finding.at_span(sources, span));
        findings.push(finding.suggest(tool.install));
    }
    findings.extend(commands(system, sources, path, user_home));
    findings
}

/// Programs of the services' own command lines.
fn commands(system: &System, sources: &Sources, path: &str, user_home: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in &system.services {
        let runs_here = service.kind() == "process" && service.target_type().is_none();
        let Some(command) = service.command.as_ref().filter(|_| runs_here) else { continue };
        let Some(program) = shlex::split(&command.value).and_then(|words| words.into_iter().next()) else {
            continue;
        };
        // A template stands for what is not known before a run.
        if program.contains("{{") || is_there(&located(&program, &system.dir, user_home), path) {
            continue;
        }
        let id = &service.id.value;
        let message = format!("the command of `{id}` runs `{program}`, which is not on PATH");
        let hint = service.provision().and_then(|block| block.get("install_hint")).and_then(Node::as_str);
        let finding = Finding::new(Error, "tool.missing", &program, message).at_span(sources, command.span);
        findings.push(finding.suggest(hint.unwrap_or("install it, or correct the command")));
    }
    findings
}

/// The program as it would be started: `~` and paths with a slash start where the file says.
fn located(program: &str, folder: &Path, user_home: Option<&Path>) -> String {
    let path = match (program.strip_prefix("~/"), user_home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ if program.contains('/') => folder.join(program),
        _ => return program.to_owned(),
    };
    path.display().to_string()
}

fn is_there(program: &str, path: &str) -> bool {
    let is_executable = |file: PathBuf| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return is_executable(PathBuf::from(program));
    }
    std::env::split_paths(path).any(|folder| is_executable(folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_a_shell_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        std::fs::write(&file, "").unwrap();
        let path = format!("/nonexistent:{}", folder.path().display());
        assert!(!is_there("tool", &path), "not executable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_there("tool", &path) && !is_there("other", &path));
        assert!(is_there(&located("./tool", folder.path(), None), ""));
        assert!(is_there(&located("~/tool", Path::new("/"), Some(folder.path())), ""));
        assert!(!is_there(&located("bin/tool", folder.path(), None), &path));
    }
}
