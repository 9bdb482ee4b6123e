//! `ss plugin test`: the conformance kit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ss_capability_http::Endpoints;
use ss_kit::{Finding, Kit, KitConfig, Report, Scenario, ScenarioError, Verdict};
use ss_provider::VaultKey;
use ss_runtime::Notice;

use super::{plugin_name, registries};
use crate::args::{PluginProject, Test};
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// The manifest's file name.
const MANIFEST: &str = "plugin.toml";
/// The folder of a plugin's scenarios.
const SCENARIOS: &str = "scenarios";
/// How far above the component its project is looked for: `target/wasm32-wasip2/release/` are three.
const MAX_ABOVE: usize = 6;

/// Runs the command.
pub fn run(ui: &Ui, arguments: &Test) -> Result<(), CommandError> {
    if !arguments.component.is_dir() {
        return test(ui, arguments);
    }
    let project = super::author::open(&PluginProject { dir: arguments.component.clone() })?;
    let component = project.component();
    if !component.is_file() {
        let message = format!("`{}` is not built yet", component.display());
        return Err(CommandError::failed(message).hint("`ss plugin build` in its folder builds it"));
    }
    test(ui, &Test { component, ..arguments.clone() })
}

/// Tests a component file, or a plugin of a registry.
fn test(ui: &Ui, arguments: &Test) -> Result<(), CommandError> {
    let kit = Kit::new(config(ui, arguments)?).map_err(|error| {
        CommandError::caused_by(format!("`{}` cannot be tested", arguments.component.display()), &error).hint(
            "build it for `wasm32-wasip2`; `--manifest plugin.toml` names a manifest that is not inside",
        )
    })?;
    let identity = kit.identity();
    ui.line(&format!("{} {} ({})", ui.paint(Style::Bold, &identity.name), identity.version, identity.digest));
    let report = match &arguments.record {
        Some(file) => record(ui, &kit, arguments, file)?,
        None => tokio_runtime()?
            .block_on(kit.run(|findings| print(ui, findings)))
            .map_err(|error| CommandError::of(&error))?,
    };
    if let Some(file) = &arguments.junit {
        ss_durable::replace(file, report.to_junit().as_bytes()).map_err(|error| CommandError::of(&error))?;
    }
    conclude(ui, &report)?;
    Ok(())
}

/// Plays the first scenario for real and writes what was said behind its text.
fn record(ui: &Ui, kit: &Kit, arguments: &Test, file: &Path) -> Result<Report, CommandError> {
    let source = scenario_files(arguments, project_of(&arguments.component).as_deref())?;
    let Some(source) = source.first() else { return Err(no_scenario()) };
    let mut text = read_text(source)?;
    let scenario = Scenario::read(source).map_err(unusable)?;
    if !scenario.exchanges.is_empty() || scenario.has_cloud() {
        return Err(CommandError::usage(format!(
            "`{}` brings answers of its own, so there is nothing to record",
            source.display()
        ))
        .hint("name a scenario without `[[resource]]`, `[[answer]]` and `[[exchange]]` with `--scenarios`"));
    }
    if arguments.endpoint.is_none() {
        ui.warn("recording at the provider itself: real resources are made, and destroyed again");
    }
    let (report, recorded) = tokio_runtime()?
        .block_on(kit.record(&scenario, |findings| print(ui, findings)))
        .map_err(|error| CommandError::of(&error))?;
    text.push('\n');
    text.push_str(&recorded);
    ss_durable::replace(file, text.as_bytes()).map_err(|error| CommandError::of(&error))?;
    ui.line("");
    ui.line(&format!(
        "recorded into `{}`; read it before you publish it: `ss` hides what it knows or can tell to be secret",
        file.display()
    ));
    Ok(report)
}

fn config(ui: &Ui, arguments: &Test) -> Result<KitConfig, CommandError> {
    let component = component(&arguments.component)?;
    let project = project_of(&arguments.component);
    let manifest = match (&arguments.manifest, &project) {
        (Some(file), _) => Some(read_text(file)?),
        (None, Some(project)) => Some(read_text(&project.join(MANIFEST))?),
        (None, None) => None,
    };
    let endpoint = match &arguments.endpoint {
        Some(text) => Some(loopback(text)?),
        None => None,
    };
    if let Some(unknown) =
        arguments.rule.iter().find(|id| !ss_kit::RULES.iter().any(|r| r.id.starts_with(*id)))
    {
        let ids: Vec<&str> = ss_kit::RULES.iter().map(|rule| rule.id).collect();
        return Err(CommandError::usage(format!("no rule begins with `{unknown}`"))
            .hint(format!("the rules are {}", ids.join(", "))));
    }
    let terminal = ui.clone();
    Ok(KitConfig {
        component,
        manifest,
        scenarios: scenarios(arguments, project.as_deref())?,
        endpoint,
        keys: Some(Arc::new(|key: &VaultKey| {
            std::env::var(key.environment_variable.as_ref()?).ok().filter(|value| !value.is_empty())
        })),
        rules: arguments.rule.clone(),
        thorough: arguments.thorough,
        cache_dir: Some(home::home()?.join("cache")),
        notices: Some(Arc::new(move |notice: &Notice| {
            if let Notice::Compiling { plugin } = notice {
                terminal.note(&format!("compiling plugin `{plugin}` (the first time only)..."));
            }
        })),
    })
}

/// The component of a file, or the newest release of the plugin of that name.
fn component(path: &Path) -> Result<Vec<u8>, CommandError> {
    let name = path.to_string_lossy();
    if path.exists() || name.contains('.') {
        return read(path);
    }
    let plugin = plugin_name(&name)?;
    let registries = registries()?;
    let registry = registries.of(&plugin).map_err(|error| CommandError::of(&error))?;
    let loaded = registry.newest(&plugin).and_then(|version| registry.load(&plugin, &version));
    let loaded = loaded.map_err(|error| {
        CommandError::of(&error).hint("name a component file, or a plugin that `ss plugin search` lists")
    })?;
    let bytes = loaded.component().bytes().map_err(|error| CommandError::of(&error))?;
    Ok(bytes.to_vec())
}

/// The folder around the component that has a manifest.
fn project_of(component: &Path) -> Option<PathBuf> {
    let whole = std::fs::canonicalize(component).ok()?;
    whole
        .ancestors()
        .skip(1)
        .take(MAX_ABOVE)
        .find(|folder| folder.join(MANIFEST).is_file())
        .map(Path::to_owned)
}

fn scenarios(arguments: &Test, project: Option<&Path>) -> Result<Vec<Scenario>, CommandError> {
    let files = match &arguments.replay {
        Some(recording) => vec![recording.clone()],
        None => scenario_files(arguments, project)?,
    };
    let scenarios: Vec<Scenario> =
        files.iter().map(|file| Scenario::read(file).map_err(unusable)).collect::<Result<_, _>>()?;
    if let Some(recording) = &arguments.replay
        && scenarios.iter().any(|scenario| scenario.exchanges.is_empty())
    {
        return Err(CommandError::failed(format!("`{}` holds no recording", recording.display()))
            .hint("`ss plugin test <component> --record <file>` makes one"));
    }
    Ok(scenarios)
}

/// The scenario files that are meant, folders looked into.
fn scenario_files(arguments: &Test, project: Option<&Path>) -> Result<Vec<PathBuf>, CommandError> {
    let mut paths = arguments.scenarios.clone();
    if paths.is_empty() {
        let beside = arguments.component.parent().map(Path::to_owned);
        let folders = [project.map(Path::to_owned), beside, Some(PathBuf::from("."))];
        let found = folders.into_iter().flatten().map(|folder| folder.join(SCENARIOS));
        paths.extend(found.into_iter().find(|path| path.is_dir()));
    }
    if paths.is_empty() {
        return Err(no_scenario());
    }
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(Scenario::files_in(&path).map_err(unusable)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn no_scenario() -> CommandError {
    CommandError::failed("there is no scenario to test it in")
        .hint("write one into `scenarios/` beside `plugin.toml` (see docs/conformance.md), or name it with `--scenarios`")
}

fn unusable(error: ScenarioError) -> CommandError {
    CommandError::of(&error).hint("docs/conformance.md describes scenario files")
}

/// The kit lets plugins do to an endpoint what no cloud should have to bear, so it stays on this machine.
fn loopback(text: &str) -> Result<Endpoints, CommandError> {
    let endpoint = Endpoints::parse(text)
        .map_err(|error| CommandError::usage(format!("`--endpoint` is not usable: {error}")))?;
    if endpoint.is_loopback() {
        Ok(endpoint)
    } else {
        Err(CommandError::usage(
            "`--endpoint` is a stand-in on this machine, such as `http://127.0.0.1:9001`",
        ))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn read_text(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::caused_by(format!("cannot read `{}`", path.display()), error)
}

/// One part of the report: the component itself, or a scenario.
fn print(ui: &Ui, findings: &[Finding]) {
    let Some(first) = findings.first() else { return };
    ui.line("");
    match &first.scenario {
        Some(name) => ui.line(&format!("Scenario {}", ui.paint(Style::Bold, name))),
        None => ui.line("Component"),
    }
    for finding in findings {
        print_finding(ui, finding);
    }
}

fn print_finding(ui: &Ui, finding: &Finding) {
    let (glyph, style) = match finding.verdict {
        Verdict::Passed => ("✓", Style::Good),
        Verdict::Failed => ("✗", Style::Bad),
        Verdict::NotRun => ("−", Style::Dim),
    };
    let note = match finding.verdict {
        Verdict::Passed | Verdict::NotRun if !finding.reason.is_empty() => {
            ui.paint(Style::Dim, &format!("  ({})", finding.reason))
        }
        _ => String::new(),
    };
    ui.line(&format!("  {} {:<24} {}{note}", ui.paint(style, glyph), finding.rule.id, finding.rule.title));
    if finding.verdict != Verdict::Failed {
        return;
    }
    ui.line(&format!("      {}", ui.paint(Style::Bad, &finding.reason)));
    for line in finding.evidence.iter().flat_map(|evidence| evidence.lines()) {
        ui.line(&format!("      │ {line}"));
    }
    ui.line(&format!("      → {}", finding.rule.fix));
}

fn conclude(ui: &Ui, report: &Report) -> Result<(), CommandError> {
    let (passed, failed, not_run) =
        (report.count(&Verdict::Passed), report.count(&Verdict::Failed), report.count(&Verdict::NotRun));
    ui.line("");
    ui.line(&format!(
        "{passed} passed, {failed} failed, {not_run} not run in {:.1} s",
        report.took.as_secs_f64()
    ));
    ui.document(&report.to_json());
    if report.passed() { Ok(()) } else { Err(CommandError::shown()) }
}
