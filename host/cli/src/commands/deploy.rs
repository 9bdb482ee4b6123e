//! `ss deploy`: makes the remote services of an environment what the file says.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use ss_engine::{RunReport, SAVED_PLAN, SavedPlan, Scope, Selection, ServiceOutcome, SystemPlan};
use ss_secret::Scrubber;

use crate::args;
use crate::commands::cost;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime, trace};
use crate::error::CommandError;
use crate::render::live::Layout;
use crate::render::run::{Counts, logs, seconds, short, uncommitted, verdict, watched};
use crate::render::{plan, preview};
use crate::ui::Ui;

/// The most that is read of a saved plan.
const MAX_PLAN: u64 = 64 << 20;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Deploy) -> Result<(), CommandError> {
    let wanted = Wanted::new(arguments)?;
    require_environment(&wanted.system, "deploy")?;
    tokio_runtime()?.block_on(async {
        let purpose = Purpose {
            command: "ss deploy",
            scope: Scope::Deploy,
            parallelism: usize::from(arguments.parallelism),
            locked: arguments.locked,
            calls: true,
        };
        let mut project = Project::open(ui, scrubber, &wanted.system, purpose).await?;
        let selected = selection(wanted.service.as_deref());
        let planned = project.engine.plan(&selected).await.map_err(|error| engine_error(&error))?;
        preview::print(ui, &planned, &format!("ss provision{}", wanted.system.as_typed()));
        if let Some(saved) = &wanted.saved {
            insist_nothing_moved(&project, saved, &planned)?;
        }
        if arguments.dry_run {
            ui.document(&json!({ "plan": planned, "counts": planned.counts() }));
            return plan::verdict(&planned);
        }
        let typed = format!("ss deploy{}", wanted.system.as_typed());
        cost::confirm(ui, &planned, arguments.accept_cost, &typed)?;
        if !arguments.locked {
            project.workspace.save().map_err(|error| CommandError::of(&error))?;
        }
        apply(ui, &project, &wanted, planned).await
    })
}

/// What is to be deployed: as the command line says, or a plan that was kept.
struct Wanted {
    system: args::System,
    service: Option<String>,
    saved: Option<SavedPlan>,
}

impl Wanted {
    fn new(arguments: &args::Deploy) -> Result<Self, CommandError> {
        let Some(saved) = read_saved(&arguments.file)? else {
            let system = args::System { file: arguments.file.clone(), env: arguments.env.clone() };
            return Ok(Self { system, service: arguments.service.clone(), saved: None });
        };
        let contradicts = |given: Option<&String>, kept: Option<&String>| given.is_some() && given != kept;
        if contradicts(arguments.env.as_ref(), Some(&saved.environment))
            || contradicts(arguments.service.as_ref(), saved.service.as_ref())
        {
            return Err(CommandError::usage(format!(
                "`{}` is a plan of the environment `{}`; --env and --service cannot make it another",
                arguments.file.display(),
                saved.environment
            )));
        }
        let system = args::System { file: saved.file.clone().into(), env: Some(saved.environment.clone()) };
        Ok(Self { system, service: saved.service.clone(), saved: Some(saved) })
    }
}

/// The plan in a file; none if the file is not one.
fn read_saved(path: &Path) -> Result<Option<SavedPlan>, CommandError> {
    let mut text = Vec::new();
    // What cannot be read here is the system's file, and complained about as such.
    let Ok(file) = std::fs::File::open(path) else { return Ok(None) };
    if file.take(MAX_PLAN + 1).read_to_end(&mut text).is_err() || !calls_itself_a_plan(&text) {
        return Ok(None);
    }
    let refused = |reason: String| {
        CommandError::failed(format!("`{}` is not a plan that this `ss` can apply: {reason}", path.display()))
            .hint("make it anew with `ss plan --out`")
    };
    if text.len() as u64 > MAX_PLAN {
        return Err(refused("it is too large".to_owned()));
    }
    let saved: SavedPlan = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if saved.format != SAVED_PLAN {
        return Err(refused(format!("its format is `{}`", saved.format)));
    }
    Ok(Some(saved))
}

/// Whether this is JSON that calls itself a plan; a system's file may be JSON too.
fn calls_itself_a_plan(text: &[u8]) -> bool {
    const KIND: &str = "\"format\": \"starsystem-plan/";
    text.first() == Some(&b'{') && String::from_utf8_lossy(text).contains(KIND)
}

fn insist_nothing_moved(
    project: &Project,
    saved: &SavedPlan,
    planned: &SystemPlan,
) -> Result<(), CommandError> {
    let moved = project.engine.moved_since(saved, planned).map_err(|error| engine_error(&error))?;
    if moved.is_empty() {
        return Ok(());
    }
    let mut error = CommandError::failed("the saved plan no longer holds; nothing was changed");
    error.causes = moved;
    Err(error.hint("look at the plan above; `ss plan --out` keeps it anew"))
}

async fn apply(ui: &Ui, project: &Project, wanted: &Wanted, planned: SystemPlan) -> Result<(), CommandError> {
    ui.line("");
    let report = watched(ui, Layout::Spaced, |observer, interrupt| {
        project.engine.apply(planned.clone(), observer, interrupt)
    })
    .await
    .map_err(|error| engine_error(&error))?;
    ui.document(&json!({ "plan": planned, "run": report }));
    let verdict = summarise(ui, wanted, &planned, &report);
    trace(ui, project, report.run).await;
    verdict
}

fn summarise(ui: &Ui, wanted: &Wanted, planned: &SystemPlan, report: &RunReport) -> Result<(), CommandError> {
    let counts = Counts::of(report, |service| plan::action(planned, service));
    let mut parts = vec![format!("{} provisioned", counts.created + counts.updated)];
    if counts.unchanged > 0 {
        parts.push(format!("{} unchanged", counts.unchanged));
    }
    let fine = counts.failed + counts.not_started == 0 && report.uncommitted.is_none();
    verdict(ui, "Deploy", fine, &counts.with_trouble(parts));
    for service in &report.services {
        if let ServiceOutcome::Done { summary, .. } = &service.outcome {
            ui.note(&format!("  {}: {summary}", service.service));
        }
    }
    let id = short(report.run);
    let place = wanted.system.env.as_ref().map(|env| format!(" --env={env}")).unwrap_or_default();
    ui.note(&format!("next: `ss inspect {id}{place}` shows what was done in these {:.1}s", seconds(report)));
    if fine {
        return Ok(());
    }
    uncommitted(ui, report);
    logs(ui, report, &wanted.system);
    let first = if counts.failed > 0 { "fix what failed and " } else { "" };
    let command = format!("ss deploy{}", wanted.system.as_typed());
    ui.note(&format!("next: {first}run `{command}` again; it goes on from here"));
    Err(CommandError::shown())
}

/// Insists that the command line names an environment (contract row R24c).
///
/// # Errors
/// If it does not; with the environments that there are.
pub fn require_environment(system: &args::System, command: &str) -> Result<(), CommandError> {
    if system.env.is_some() {
        return Ok(());
    }
    let error = CommandError::usage(format!("`ss {command}` needs an environment: --env=<name>"));
    let environments = ss_config::environments(&system.file);
    Err(if environments.is_empty() {
        error.hint(format!(
            "there is no overlay beside `{}` yet; write one such as `{}`",
            system.file.display(),
            ss_config::overlay_path(&system.file, "prod").display()
        ))
    } else {
        error.hint(format!("there is an overlay for: {}", environments.join(", ")))
    })
}

/// Everything, or one service.
pub fn selection(service: Option<&str>) -> Selection {
    service.map_or(Selection::All, |service| Selection::Service(service.to_owned()))
}
