//! What a service says to Terraform: its module, and the environment that carries its values.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use serde_json::Value;
use ss_provider::{Failure, FailureKind, Operation, State};
use ss_secret::{Seals, Secret};

/// What a service says to Terraform.
pub(crate) struct Inputs {
    /// Absolute folder of the root module.
    pub module: PathBuf,
    /// The same as the file has it.
    pub named: String,
    /// Credential names, and the outputs that they are; none to offer every output.
    pub outputs: Option<BTreeMap<String, String>>,
    /// Arguments that set up the module's own backend.
    pub backend: Vec<OsString>,
    /// Variables of the environment. They hold secrets.
    pub environment: Vec<(String, Secret)>,
}

impl Inputs {
    /// Reads the options of an operation. `state` knows the module of a service that the file has no longer.
    ///
    /// # Errors
    /// If there is no such folder, or a value is not there.
    pub(crate) fn of(operation: &Operation, state: Option<&State>) -> Result<Self, Failure> {
        let service = &operation.service;
        let recorded = || state?.metadata.get("module")?.as_str();
        let option = |name: &str| service.option(name).and_then(Value::as_object);
        let Some(named) = service.option("module").and_then(Value::as_str).or_else(recorded) else {
            return Err(wrong(operation, "module", format!("`{}` names no module", service.id)));
        };
        let module = operation.context.config_dir.clone().unwrap_or_default().join(named);
        if !module.is_dir() {
            let message = format!("the module of `{}` is not there: no folder `{named}`", service.id);
            return Err(wrong(operation, "module", message)
                .with_next_step("name a folder with `.tf` files, relative to `starsystem.yaml`"));
        }
        let outputs = option("outputs").map(|outputs| {
            let text = |(name, output): (&String, &Value)| Some((name.clone(), output.as_str()?.to_owned()));
            outputs.iter().filter_map(text).collect()
        });
        let backend = option("backend").into_iter().flatten();
        let backend = backend.map(|(name, value)| format!("-backend-config={name}={}", plain(value)).into());
        Ok(Self {
            module,
            named: named.to_owned(),
            outputs,
            backend: backend.collect(),
            environment: environment(operation)?,
        })
    }
}

/// The service's own environment, then its variables.
///
/// What a service takes from another, such as `DATABASE_URL`, is a variable of the environment, for
/// Terraform's providers, and fills a module's variable of that name, as it is or in lower case: Terraform
/// ignores those that a module does not declare. `variables` have the last word.
fn environment(operation: &Operation) -> Result<Vec<(String, Secret)>, Failure> {
    let (service, seals) = (&operation.service, &*operation.seals);
    let mut variables = BTreeMap::new();
    for variable in &service.env {
        let value = opened(operation, seals, &variable.value, &format!("env.{}", variable.name))?;
        for name in [variable.name.clone(), variable.name.to_ascii_lowercase()] {
            variables.insert(format!("TF_VAR_{name}"), value.clone());
        }
        variables.insert(variable.name.clone(), value);
    }
    for (name, value) in service.option("variables").and_then(Value::as_object).into_iter().flatten() {
        let value = opened(operation, seals, &plain(value), &format!("variables.{name}"))?;
        variables.insert(format!("TF_VAR_{name}"), value);
    }
    Ok(variables.into_iter().collect())
}

/// Whether a value is yet to come from a service that has not run: it is sealed as nothing until then.
pub(crate) fn awaits_others(operation: &Operation) -> bool {
    let (service, seals) = (&operation.service, &operation.seals);
    let nothing = |token: &str| seals.get(token).is_none_or(|(secret, _)| secret.is_empty());
    let options = service.options.to_string();
    let texts = service.env.iter().map(|variable| variable.value.as_str()).chain([options.as_str()]);
    texts.into_iter().any(|text| Seals::tokens_in(text).any(nothing))
}

/// A value as Terraform reads it from its environment: text as it is, everything else as an expression.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn opened(operation: &Operation, seals: &Seals, text: &str, option: &str) -> Result<Secret, Failure> {
    let value = seals.resolve(text, |_| true);
    let value =
        value.map_err(|_| wrong(operation, option, format!("`{option}` holds a value that is not known")))?;
    if value.expose().contains(&0) {
        return Err(wrong(operation, option, format!("`{option}` cannot stand in an environment")));
    }
    Ok(value)
}

fn wrong(operation: &Operation, option: &str, message: String) -> Failure {
    let block = &operation.service.options_path;
    let path = if block.is_empty() { option.to_owned() } else { format!("{block}.{option}") };
    Failure::new(FailureKind::InvalidConfiguration { path }, message)
}

/// A secret where a process is given it.
pub(crate) fn exposed(secret: &Secret) -> OsString {
    OsString::from_vec(secret.expose().to_vec())
}

/// An argument of the form `name=path`.
pub(crate) fn argument(name: &str, path: &OsStr) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(path);
    argument
}
