//! `ss vault promote`: a copy of a value as a secret of one project and environment.

use serde_json::json;
use ss_vault::{Address, Keys, Scope, Words};

use super::{Opened, vault_error};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// What is copied, and where to.
pub struct Promotion<'a> {
    /// The address that is read.
    pub source: &'a str,
    /// Name of the secret.
    pub secret: &'a str,
    /// The project, if it is not that of the file.
    pub project: Option<&'a str>,
    pub environment: &'a str,
    /// The environment that is read, if it is another one.
    pub from: Option<&'a str>,
    /// Another value is replaced without asking.
    pub yes: bool,
}

/// Runs the command. The same again changes nothing.
pub fn run(ui: &Ui, opened: &Opened, promotion: &Promotion<'_>) -> Result<(), CommandError> {
    let Promotion { source, secret, .. } = promotion;
    let here = project_here(opened);
    let project = promotion.project.map(str::to_owned).or_else(|| here.clone()).ok_or_else(|| {
        CommandError::usage("there is no system here, so nothing says which project is meant")
            .hint("name it: `--workspace=<project>`")
    })?;
    for (what, name) in [("project", project.as_str()), ("environment", promotion.environment)] {
        if !ss_config::is_name(name) {
            return Err(CommandError::usage(format!("`{}` is no name of a {what}", name.escape_debug())));
        }
    }
    let target = opened.vault.scope(&project, promotion.environment);
    check_name(opened, secret)?;
    let read_from = opened
        .vault
        .scope(here.as_deref().unwrap_or(&project), promotion.from.unwrap_or(promotion.environment));
    let keys = Keys::new(&opened.vault, &opened.catalog, Some(&read_from));
    let address = keys.address(Words::One(source)).map_err(vault_error)?;
    let value = keys.require(&address).map_err(vault_error)?;
    let known = target.secret(secret).map_err(vault_error)?;
    let changed = known.as_ref() != Some(&value);
    if known.is_some() && changed {
        may_replace(ui, promotion, &target)?;
    }
    if changed {
        target.put_secret(secret, &value).map_err(vault_error)?;
    }
    let place = target.id();
    ui.line(&if changed {
        format!("{} secrets.{secret} of {place} is a copy of {address}", ui.paint(Style::Good, "✓"))
    } else {
        format!("secrets.{secret} of {place} is already a copy of {address}")
    });
    ui.document(&json!({
        "source": address.to_string(),
        "secret": secret,
        "workspace": project,
        "environment": promotion.environment,
        "changed": changed,
    }));
    Ok(())
}

/// The project of the file, if there is one.
fn project_here(opened: &Opened) -> Option<String> {
    match opened.scope.as_ref()?.id() {
        ss_vault::ScopeId::Project { project, .. } => Some(project.clone()),
        ss_vault::ScopeId::Machine => None,
    }
}

/// A secret that nothing could read again under its name is refused.
fn check_name(opened: &Opened, name: &str) -> Result<(), CommandError> {
    if name.contains(['.', '/', ':']) {
        return Err(CommandError::usage(format!("`{name}` is no name for a secret"))
            .hint("a name is one word, such as `WORKOS_API_KEY`"));
    }
    match opened.address(Words::One(name))? {
        Address::Provider { provider, key } => Err(CommandError::usage(format!(
            "`{name}` means the key `{key}` of `{provider}`, which every environment reads; a copy would never be used"
        ))
        .hint("choose another name, or name it in `credential_env`")),
        _ => Ok(()),
    }
}

fn may_replace(ui: &Ui, promotion: &Promotion<'_>, target: &Scope) -> Result<(), CommandError> {
    if promotion.yes {
        return Ok(());
    }
    let what = format!("`secrets.{}` of {} has another value", promotion.secret, target.id());
    if !ui.can_ask() {
        return Err(CommandError::failed(what).hint("`--yes` replaces it"));
    }
    match ui.ask(&format!("{what}. Replace it? [y/N]")).as_deref() {
        Some("y" | "Y" | "yes") => Ok(()),
        _ => Err(CommandError::failed("nothing was changed")),
    }
}
