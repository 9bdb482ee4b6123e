//! `ss plugin new`: a project to start from.

use std::path::PathBuf;

use serde_json::json;
use ss_scaffold::{CreateError, Language, NewProject};

use crate::args::{NewPlugin, TemplateLanguage};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, arguments: &NewPlugin) -> Result<(), CommandError> {
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(&arguments.name));
    let language = language(arguments.lang);
    let new = NewProject { name: arguments.name.clone(), language, folder };
    ss_scaffold::create(&new).map_err(|error| {
        let command_error = CommandError::of(&error);
        match error {
            CreateError::Name { .. } => CommandError { exit: crate::error::ExitCode::Usage, ..command_error },
            CreateError::NotEmpty { .. } => command_error.hint("`--dir` names another folder"),
            CreateError::Write { .. } => command_error,
        }
    })?;
    let shown = new.folder.display();
    ui.line(&format!("{} New {language} plugin `{}` in `{shown}`", ui.paint(Style::Good, "✓"), new.name));
    ui.note(&format!("next: `cd {shown}`, then"));
    ui.note("  `ss plugin build`  makes the component and says what it asks for");
    ui.note("  `ss plugin test`   proves it against the contract, offline");
    ui.note("  `ss plugin run`    brings its example up");
    ui.document(&json!({ "name": new.name, "language": language.to_string(), "folder": new.folder }));
    Ok(())
}

fn language(lang: TemplateLanguage) -> Language {
    match lang {
        TemplateLanguage::Rust => Language::Rust,
        TemplateLanguage::Javascript => Language::JavaScript,
        TemplateLanguage::Python => Language::Python,
        TemplateLanguage::C => Language::C,
    }
}
