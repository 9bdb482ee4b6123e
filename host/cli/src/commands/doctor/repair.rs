//! Doing what the findings say repairs them.

use std::process::{Command, Stdio};

use ss_doctor::{Fix, Report, add_line};

use crate::ui::{Style, Ui};

/// Makes every repair of the report, or only that of the finding `only`; the ids of those that were made. One
/// that fails is told and left.
pub fn repair(ui: &Ui, report: &Report, only: &str) -> Vec<String> {
    let mut fixed = Vec::new();
    for finding in report.findings.iter().filter(|finding| only.is_empty() || finding.id == only) {
        let Some(fix) = &finding.fix else { continue };
        match make(fix) {
            Ok(()) => {
                ui.note(&format!("{} {}", ui.paint(Style::Good, "✓"), fix.command()));
                fixed.push(finding.id.clone());
            }
            Err(reason) => ui.note(&format!("{} {}: {reason}", ui.paint(Style::Bad, "✗"), fix.command())),
        }
    }
    fixed
}

fn make(fix: &Fix) -> Result<(), String> {
    let command = match fix {
        Fix::Ignore { file, line, .. } => return add_line(file, line).map_err(|error| error.to_string()),
        Fix::Ss(words) => {
            let this = std::env::current_exe().map_err(|error| error.to_string())?;
            let mut command = Command::new(this);
            command.args(words);
            command
        }
        Fix::Program(words) => {
            let (program, arguments) = words.split_first().ok_or("there is no command")?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    run(command)
}

/// Runs the command to its end; what it said, if it failed.
fn run(mut command: Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.trim().lines().last().unwrap_or("it failed").to_owned())
}
