//! What a process is started from, and whether that changed.
//!
//! Secrets reach this plugin as tokens that differ in every run, so they are masked before anything is
//! compared or kept. That a secret changed shows in the host's digest of all inputs; it is looked at only where
//! there are secrets, because a restart for a changed `health_timeout` would surprise.

use std::collections::BTreeMap;

use ss_sdk::{Change, Context, Failure, FileError, ProcessHandle, Service, digest, sealed};

use crate::options::{GenerateConfig, Options, text};
use crate::record::Record;
use crate::template::{self, VaultReference};

/// What a process is started from.
#[derive(Debug)]
pub struct Definition {
    /// The command line, as written.
    pub command: String,
    /// The configuration file to write first.
    pub config: Option<ConfigFile>,
    /// For each variable of the environment, a digest of the masked value.
    env: BTreeMap<String, String>,
    /// Options that hold secrets.
    sealed: Vec<&'static str>,
}

/// A configuration file.
#[derive(Debug)]
pub struct ConfigFile {
    /// Where it goes.
    pub output: String,
    /// What it says; may hold sealed tokens.
    pub text: String,
}

impl Definition {
    /// The definition that the service gives now. Reads the template.
    pub fn of(context: &Context<'_>, service: &Service<Options>) -> Result<Self, Failure> {
        let command =
            service.command.clone().filter(|command| !command.trim().is_empty()).ok_or_else(|| {
                Failure::invalid_configuration("command", format!("`{}` has no command to run", service.id))
            })?;
        let config = match &service.options.generate_config {
            Some(options) => Some(render(context, service, options)?),
            None => None,
        };
        let env = service.env.iter();
        let holds_secrets = [
            ("command", sealed::contains(&command)),
            ("env", env.clone().any(|variable| sealed::contains(&variable.value))),
            ("generate_config", config.as_ref().is_some_and(|file| sealed::contains(&file.text))),
        ];
        Ok(Self {
            env: env.map(|variable| (variable.name.clone(), masked_digest(&variable.value))).collect(),
            sealed: holds_secrets.into_iter().filter_map(|(option, holds)| holds.then_some(option)).collect(),
            command,
            config,
        })
    }

    /// The program, for messages.
    pub fn program(&self) -> String {
        sealed::mask(self.command.split_whitespace().next().unwrap_or_default())
    }

    /// The record of a process that was started from this definition.
    pub fn record(
        &self,
        handle: ProcessHandle,
        health_check: Option<String>,
        inputs: Option<String>,
    ) -> Record {
        Record {
            pid: handle.pid,
            started: handle.started,
            health_check,
            command: sealed::mask(&self.command),
            env: self.env.clone(),
            config: self.config_digest(),
            inputs,
        }
    }

    /// What differs from the definition that a process was started from. Empty if it need not be restarted.
    pub fn changes_since(&self, record: &Record, context: &Context<'_>) -> Vec<Change> {
        let mut changes = Vec::new();
        let command = sealed::mask(&self.command);
        if command != record.command {
            changes.push(Change::new("command", record.command.clone(), command));
        }
        let mut names: Vec<&String> = self.env.keys().chain(record.env.keys()).collect();
        names.sort();
        names.dedup();
        let changed = names.into_iter().filter(|name| self.env.get(*name) != record.env.get(*name));
        changes.extend(changed.map(|name| Change::sensitive(format!("env.{name}"))));
        if self.config_digest() != record.config {
            changes.push(Change::sensitive("generate_config"));
        }
        let rotated =
            matches!((&record.inputs, &context.inputs_digest), (Some(then), Some(now)) if then != now);
        if changes.is_empty() && rotated {
            changes.extend(self.sealed.iter().copied().map(Change::sensitive));
        }
        changes
    }

    fn config_digest(&self) -> Option<String> {
        self.config.as_ref().map(|file| digest([file.output.as_str(), &sealed::mask(&file.text)]))
    }
}

fn masked_digest(value: &str) -> String {
    digest([sealed::mask(value).as_str()])
}

fn render(
    context: &Context<'_>,
    service: &Service<Options>,
    options: &GenerateConfig,
) -> Result<ConfigFile, Failure> {
    let path = service.option_path("generate_config.template");
    let template = context.files().read(&options.template).map_err(|error| match error {
        FileError::NotFound(message) | FileError::NotGranted(message) | FileError::Failed(message) => {
            Failure::invalid_configuration(path.clone(), format!("the template cannot be read: {message}"))
        }
    })?;
    let vars = options.vars.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let rendered = template::render(&template, &vars)
        .map_err(|reference| vault_in_template(&path, &options.template, &reference))?;
    for name in &rendered.unused {
        context.warn(format!(
            "`{name}` is declared under `generate_config.vars`, and the template does not use it"
        ));
    }
    Ok(ConfigFile { output: options.output.clone(), text: rendered.text })
}

fn vault_in_template(path: &str, template: &str, reference: &VaultReference) -> Failure {
    let VaultReference { line, expression } = reference;
    Failure::invalid_configuration(
        path,
        format!("line {line} of `{template}` reads the vault (`{{{{ {expression} }}}}`), which only `starsystem.yaml` may do"),
    )
    .with_next_step(format!(
        "declare `NAME: \"{{{{ {expression} }}}}\"` under `generate_config.vars`, and write `{{{{ NAME }}}}` in the template"
    ))
}
