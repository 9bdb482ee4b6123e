//! The merged configuration, typed and checked. Knows the documented keys and no provider.

mod environments;
mod fields;
mod graph;
mod locate;
mod name;
mod plugin;
mod service;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub(crate) use name::RULE as NAME_RULE;
pub use name::is_name;
pub use plugin::PluginConfig;
pub use service::{EnvVariable, Injection, ServiceConfig, options_to_json};

use crate::diagnostic::{Diagnostic, Findings};
use crate::merge::STATE;
use crate::node::{Entry, Node, NodeValue};
use crate::source::{SourceId, Sources, Span, Spanned};
use crate::template::{Template, TemplateError};
use fields::{Fields, bad_name, wrong_type};

/// Every documented key of a file.
const KNOWN: &[&str] = &["version", "name", "environment", "environments", "services", "plugins"];
/// The version of the format.
const VERSION: &str = "2";

/// A configuration without errors.
#[derive(Debug)]
pub struct System {
    /// `name`, or a name made of the folder's.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// Whether the files protect this environment (`environments.<name>.protected`): plugins under development
    /// are then refused.
    pub protected: bool,
    /// The absolute folder of the base file: where relative paths start.
    pub dir: PathBuf,
    /// The absolute path of the base file.
    pub base: PathBuf,
    /// The absolute path of the overlay, if there is one.
    pub overlay: Option<PathBuf>,
    /// The services, in file order; those that only the overlay has come last.
    pub services: Vec<ServiceConfig>,
    /// The `plugins:` section, in file order.
    pub plugins: Vec<PluginConfig>,
    /// States in the overlay whose services the base no longer has.
    pub orphans: Vec<Orphan>,
    /// Each file that was read, with the number of services that it speaks of.
    pub files: Vec<(SourceId, usize)>,
    /// The merged tree, without the services' own.
    root: Node,
    index: HashMap<String, usize>,
}

/// A recorded state without a service.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// The id that the service had.
    pub id: Spanned<String>,
    /// The state.
    pub state: Node,
}

/// A `{{ vault('…') }}` in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultReference {
    /// The key, as written.
    pub key: String,
    /// Dotted path of the text that it stands in, from the service on.
    pub path: String,
    /// Where it stands.
    pub span: Span,
}

/// What [`System::build`] is given.
pub(crate) struct Input {
    pub environment: String,
    pub base: PathBuf,
    pub overlay: Option<PathBuf>,
    pub base_source: SourceId,
    pub overlay_source: Option<SourceId>,
    /// Services per file, before merging.
    pub files: Vec<(SourceId, usize)>,
    pub root: Node,
}

impl System {
    /// The service of this id.
    pub fn service(&self, id: &str) -> Option<&ServiceConfig> {
        self.services.get(*self.index.get(id)?)
    }

    /// Where the value at a dotted path stands, such as `services.api.target.region`; the nearest thing around it
    /// if there is no such value.
    pub fn span_of(&self, path: &str) -> Span {
        let services = self.root.entry("services").map_or(self.root.span, |entry| entry.key.span);
        let Some(rest) = path.strip_prefix("services.") else {
            return locate::dotted(&self.root, Span { end: self.root.span.start, ..self.root.span }, path);
        };
        // An id may contain dots: the longest one that fits.
        let ends = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
        let longest = ends.filter_map(|end| Some((end, self.service(&rest[..end])?))).next_back();
        longest.map_or(services, |(end, service)| service.span_of(&rest[end..]))
    }

    /// What the files declare, merged, as JSON without recorded states: what a person has read who approves
    /// the files. Two files that mean the same give the same.
    pub fn declared(&self) -> Value {
        let services: serde_json::Map<_, _> = self
            .services
            .iter()
            .map(|service| (service.id.value.clone(), without_states(service.node().to_json())))
            .collect();
        json!({ "environment": self.environment, "top": self.root.to_json(), "services": services })
    }

    /// Every vault reference of a service, in file order. States hold none.
    pub fn vault_references(&self, service: &ServiceConfig, sources: &Sources) -> Vec<VaultReference> {
        let mut references = Vec::new();
        for entry in service.node().as_map().unwrap_or_default() {
            entry.value.visit_strings(&entry.key.value, &mut |path, text, span| {
                if !text.contains("{{") || path.split('.').any(|segment| segment == STATE) {
                    return;
                }
                let Ok(template) = Template::parse(text) else { return };
                references.extend(template.vault_keys().map(|(key, range)| VaultReference {
                    key: key.to_owned(),
                    path: path.to_owned(),
                    span: narrow(sources, span, text, range),
                }));
            });
        }
        references
    }

    /// Types and checks a merged tree. None if anything in `findings` is an error.
    pub(crate) fn build(input: Input, sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let Input { environment, base, overlay, base_source, overlay_source, files, mut root } = input;
        check_templates(&root, sources, findings);
        let services = take_services(&mut root, base_source, findings);
        let top = Fields { path: "", entries: root.as_map().unwrap_or_default() };
        top.unknown(KNOWN, findings);
        check_version(&top, findings);
        check_environment(&top, &environment, overlay_source, findings);
        let protected = environments::is_protected(&top, &environment, findings);
        let dir = base.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let project = project_name(&top, &dir, findings);
        let plugins = PluginConfig::read_all(top.map("plugins", findings).unwrap_or_default(), findings);

        let (services, orphans, broken) = read_services(services, overlay_source, findings);
        let index: HashMap<_, _> =
            services.iter().enumerate().map(|(at, service)| (service.id.value.clone(), at)).collect();
        graph::check(&services, &index, &broken, findings);
        let system = Self {
            project,
            environment,
            protected,
            dir,
            base,
            overlay,
            services,
            plugins,
            orphans,
            files,
            root,
            index,
        };
        (!findings.has_errors()).then_some(system)
    }
}

/// The value without members named `_state`, and without the maps that were made to hold only that.
fn without_states(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(key, value)| key != STATE && !is_only_state(value))
                .map(|(key, value)| (key, without_states(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_states).collect()),
        scalar => scalar,
    }
}

fn is_only_state(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1 && members.contains_key(STATE))
}

/// Moves the services out of the tree.
fn take_services(root: &mut Node, base: SourceId, findings: &mut Findings) -> Vec<Entry> {
    let NodeValue::Map(entries) = &mut root.value else { return Vec::new() };
    let Some(services) = entries.iter_mut().find(|entry| entry.key.value == "services") else {
        findings.push(
            Diagnostic::error("missing-services", "the file has no `services`")
                .label(Span::new(base, 0..0), "")
                .help("add `services:` and a service under it; `services: {}` if there is none yet"),
        );
        return Vec::new();
    };
    match &mut services.value.value {
        NodeValue::Map(entries) => std::mem::take(entries),
        NodeValue::Null => Vec::new(),
        _ => {
            findings.push(wrong_type("services", "a map", &services.value));
            Vec::new()
        }
    }
}

/// Types the services. Beside them: states without a service, and the ids of services that are none.
fn read_services(
    entries: Vec<Entry>,
    overlay: Option<SourceId>,
    findings: &mut Findings,
) -> (Vec<ServiceConfig>, Vec<Orphan>, HashSet<String>) {
    let (mut services, mut orphans) = (Vec::with_capacity(entries.len()), Vec::new());
    let mut broken = HashSet::new();
    let base_ids: Vec<String> = match overlay {
        Some(overlay) => entries
            .iter()
            .filter(|entry| entry.key.span.source != overlay)
            .map(|entry| entry.key.value.clone())
            .collect(),
        None => Vec::new(),
    };
    for Entry { key, value } in entries {
        if !is_name(&key.value) {
            findings.push(bad_name("a service", &key.value, key.span));
            broken.insert(key.value);
            continue;
        }
        if value.as_map().is_none() {
            findings.push(wrong_type(&format!("services.{}", key.value), "a map", &value));
            broken.insert(key.value);
            continue;
        }
        let only_overlay = overlay == Some(key.span.source);
        if only_overlay && let Some(state) = only_state(&value) {
            let message = format!("`{}` has a recorded state and is no service any more", key.value);
            findings.push(
                Diagnostic::warning("orphaned-state", message)
                    .label(key.span, "only a state is left of it")
                    .help("bring the service back to destroy what it made, or delete the entry"),
            );
            orphans.push(Orphan { state: state.clone(), id: key });
            continue;
        }
        let service = ServiceConfig::read(key, value, findings);
        check_type(&service, only_overlay, &base_ids, findings);
        services.push(service);
    }
    (services, orphans, broken)
}

/// The state, if a service says nothing else.
fn only_state(service: &Node) -> Option<&Node> {
    match service.as_map()? {
        [entry] if entry.key.value == STATE => Some(&entry.value),
        [entry] if entry.key.value == "provision" => match entry.value.as_map()? {
            [inner] if inner.key.value == STATE => Some(&inner.value),
            _ => None,
        },
        _ => None,
    }
}

fn check_type(service: &ServiceConfig, only_overlay: bool, base_ids: &[String], findings: &mut Findings) {
    if service.get("type").is_some() {
        return;
    }
    let id = &service.id;
    if only_overlay {
        let meant = findings.suggestion(&id.value, base_ids.iter().map(String::as_str));
        findings.push(
            Diagnostic::error(
                "missing-type",
                format!("`{}` is only in the overlay and has no `type`", id.value),
            )
            .label(id.span, "the base has no such service")
            .help(meant.unwrap_or_else(|| "add `type:`, or name a service of the base".to_owned())),
        );
    } else if service.provider().is_none() && service.target_type().is_none() {
        findings.push(
            Diagnostic::warning("missing-type", format!("`{}` has no `type`", id.value))
                .label(id.span, "nothing says what this is; it will be skipped")
                .help("add `type:`, such as `type: process`"),
        );
    }
}

fn check_version(top: &Fields<'_>, findings: &mut Findings) {
    let Some(node) = top.get("version") else { return };
    if node.scalar_text() != Some(VERSION) {
        findings.push(
            Diagnostic::error("unsupported-version", "the file has a version that this `ss` does not read")
                .label(node.span, format!("this `ss` reads `version: \"{VERSION}\"`"))
                .help("remove the line, or use an `ss` that reads it"),
        );
    }
}

fn check_environment(
    top: &Fields<'_>,
    environment: &str,
    overlay: Option<SourceId>,
    findings: &mut Findings,
) {
    let Some(written) = top.text("environment", findings) else { return };
    if Some(written.span.source) != overlay {
        findings.push(
            Diagnostic::warning("misplaced-environment", "`environment` belongs into an overlay")
                .label(written.span, "ignored"),
        );
    } else if written.value != environment {
        let message = format!("the overlay of `{environment}` says that it is for `{}`", written.value);
        findings.push(
            Diagnostic::error("wrong-environment", message)
                .label(written.span, format!("`--env={environment}` was asked for"))
                .help("correct `environment:`, or rename the file"),
        );
    }
}

fn project_name(top: &Fields<'_>, dir: &Path, findings: &mut Findings) -> String {
    match top.text("name", findings) {
        Some(name) if is_name(&name.value) => name.value,
        Some(name) => {
            findings.push(bad_name("a project", &name.value, name.span));
            String::new()
        }
        None => name::safe_name(&dir.file_name().unwrap_or_default().to_string_lossy()),
    }
}

/// Reports every template that cannot be filled. States are not templates.
fn check_templates(node: &Node, sources: &Sources, findings: &mut Findings) {
    match &node.value {
        NodeValue::String(text) if text.contains("{{") => {
            if let Err(error) = Template::parse(text) {
                findings.push(bad_template(&error, node.span, text, sources));
            }
        }
        NodeValue::List(items) => items.iter().for_each(|item| check_templates(item, sources, findings)),
        NodeValue::Map(entries) => {
            for entry in entries.iter().filter(|entry| entry.key.value != STATE) {
                check_templates(&entry.value, sources, findings);
            }
        }
        _ => {}
    }
}

fn bad_template(error: &TemplateError, span: Span, text: &str, sources: &Sources) -> Diagnostic {
    let place = narrow(sources, span, text, error.range());
    let (code, label) = match error {
        TemplateError::Malformed { expected, .. } => ("malformed-template", format!("expected {expected}")),
        TemplateError::UnknownFunction { .. } => {
            ("unknown-function", "the one function is `vault`".to_owned())
        }
        TemplateError::EmptyKey { .. } => ("malformed-template", "name a key of the vault".to_owned()),
    };
    Diagnostic::error(code, error.to_string())
        .label(place, label)
        .help("write `{{ '{{' }}` where two braces are meant as such")
}

/// The place of some bytes of a text, if the file holds the text as it is; else the place of the whole.
fn narrow(sources: &Sources, span: Span, text: &str, range: std::ops::Range<usize>) -> Span {
    let written = sources.slice(span);
    let Some(offset) = written.find(text).filter(|offset| *offset <= 1) else { return span };
    let start = span.start as usize + offset;
    Span::new(span.source, start + range.start..start + range.end)
}
