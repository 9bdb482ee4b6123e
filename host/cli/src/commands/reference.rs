//! What is generated from the command line's own types: completions and man pages.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::error::CommandError;

/// Prints the completion script.
pub fn completions(shell: clap_complete::Shell) -> Result<(), CommandError> {
    clap_complete::generate(shell, &mut Cli::command(), "ss", &mut std::io::stdout().lock());
    Ok(())
}

/// Writes a man page per command.
pub fn man_pages(folder: &Path) -> Result<(), CommandError> {
    std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder)).map_err(
        |error| CommandError::caused_by(format!("cannot write man pages to `{}`", folder.display()), &error),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/cli.md` is generated: `SS_UPDATE_DOCS=1 cargo test -p ss-cli` writes it anew.
    #[test]
    fn the_command_reference_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
        let reference = markdown();
        if std::env::var_os("SS_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &reference).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == reference, "docs/cli.md is out of date: SS_UPDATE_DOCS=1 cargo test -p ss-cli");
    }

    /// The second part of `docs/mcp.md` is generated in the same way.
    #[test]
    fn the_tool_reference_is_up_to_date() {
        const HEADING: &str = "## Reference\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mcp.md");
        let written = std::fs::read_to_string(&path).unwrap();
        let (words, _) = written.split_once(HEADING).unwrap();
        let note = "<!-- Made by `SS_UPDATE_DOCS=1 cargo test -p ss-cli the_tool_reference`. -->";
        let reference = format!("{words}{HEADING}\n{note}\n\n{}", ss_server::reference());
        if std::env::var_os("SS_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &reference).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written == reference, "docs/mcp.md is out of date: SS_UPDATE_DOCS=1 cargo test -p ss-cli");
    }

    fn markdown() -> String {
        let mut text = String::from(
            "# Command reference\n\nGenerated from the code; a test keeps it true.\n\n\
             ## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | fine |\n| 1 | failed, unhealthy, or invalid configuration |\n\
             | 2 | the command line cannot be understood |\n| 3 | drift found |\n| 4 | a person must approve first |\n",
        );
        let mut command = Cli::command().term_width(100);
        command.build();
        write_command(&mut text, &mut command, "");
        text
    }

    fn write_command(text: &mut String, command: &mut clap::Command, parent: &str) {
        let name = format!("{parent}{}", command.get_name());
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        text.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
        for subcommand in command.get_subcommands_mut() {
            if !subcommand.is_hide_set() && subcommand.get_name() != "help" {
                write_command(text, subcommand, &format!("{name} "));
            }
        }
    }
}
