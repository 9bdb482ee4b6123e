//! One service: its documented keys, typed; its provider blocks, untyped.

use std::collections::{HashMap, HashSet};

use super::fields::{Fields, texts, wrong_type};
use super::locate;
use crate::diagnostic::{Diagnostic, Findings};
use crate::merge::STATE;
use crate::node::{Entry, Node, NodeValue, entries_to_json};
use crate::source::{Span, Spanned};

/// Every documented key of a service.
const KNOWN: &[&str] = &[
    "type",
    "name",
    "description",
    "capabilities",
    "command",
    "env",
    "depends_on",
    "inject_from",
    "provision",
    "target",
    "mode",
    STATE,
    "_cloudflare",
    "_tf",
    "_ansible",
    "_cicd",
    "_artifact",
    "_systemd",
];

/// The keys among them that hold a block of options.
const BLOCKS: &[&str] =
    &["provision", "target", STATE, "_cloudflare", "_tf", "_ansible", "_cicd", "_artifact", "_systemd"];

/// A service of the merged configuration.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// The key under `services:`.
    pub id: Spanned<String>,
    /// `type`. A service that names its provider may do without.
    pub kind: Option<Spanned<String>>,
    /// `name`: what people call it.
    pub name: Option<Spanned<String>>,
    /// `description`.
    pub description: Option<Spanned<String>>,
    /// `capabilities`.
    pub capabilities: Vec<Spanned<String>>,
    /// `command`, as written: a command line in the manner of a shell.
    pub command: Option<Spanned<String>>,
    /// `mode`.
    pub mode: Option<Spanned<String>>,
    /// `env`, in file order; numbers and booleans as they are written.
    pub env: Vec<EnvVariable>,
    /// `depends_on`.
    pub depends_on: Vec<Spanned<String>>,
    /// `inject_from`, in file order.
    pub inject_from: Vec<Injection>,
    /// Keys without a documented meaning. A plugin's shape may ask for one.
    pub unknown: Vec<Spanned<String>>,
    body: Node,
}

/// An entry of `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVariable {
    /// Its name.
    pub name: Spanned<String>,
    /// Its value; may hold templates.
    pub value: Spanned<String>,
}

/// An entry of `inject_from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// The service whose credentials are wanted.
    pub service: Spanned<String>,
    /// Their names.
    pub names: Vec<Spanned<String>>,
}

impl ServiceConfig {
    /// The value of any key of the service, unless it is absent or null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.body.get(key).filter(|node| !node.is_null())
    }

    /// The whole service.
    pub fn node(&self) -> &Node {
        &self.body
    }

    /// `type`, or nothing.
    pub fn kind(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.value)
    }

    /// The `provision` block.
    pub fn provision(&self) -> Option<&Node> {
        self.get("provision")
    }

    /// The `target` block.
    pub fn target(&self) -> Option<&Node> {
        self.get("target")
    }

    /// The `_cloudflare` block.
    pub fn cloudflare(&self) -> Option<&Node> {
        self.get("_cloudflare")
    }

    /// `provision.provider`.
    pub fn provider(&self) -> Option<Spanned<&str>> {
        text_of(self.provision()?, "provider")
    }

    /// `target.type`.
    pub fn target_type(&self) -> Option<Spanned<&str>> {
        text_of(self.target()?, "type")
    }

    /// The recorded state: `provision._state`, or else `_state` of the service itself.
    pub fn state(&self) -> Option<&Node> {
        let recorded = self.provision().and_then(|provision| provision.get(STATE));
        recorded.filter(|node| !node.is_null()).or_else(|| self.get(STATE))
    }

    /// What `provision` says beside `provider` and `_state`. Without such an entry the block configures nothing:
    /// one that `ss` wrote to record a state must not change how the service is routed.
    pub fn provision_options(&self) -> impl Iterator<Item = &Entry> + Clone {
        options(self.provision(), &["provider", STATE])
    }

    /// What `target` says beside `type`.
    pub fn target_options(&self) -> impl Iterator<Item = &Entry> + Clone {
        options(self.target(), &["type", STATE])
    }

    /// The services that must be up before this one: `depends_on`, then `inject_from`; each once.
    pub fn dependencies(&self) -> impl Iterator<Item = &Spanned<String>> {
        let injecting = self.inject_from.iter().map(|from| &from.service);
        let mut each: Vec<&Spanned<String>> = self.depends_on.iter().chain(injecting).collect();
        if each.len() > 1 {
            let mut seen = HashSet::new();
            each.retain(|id| seen.insert(id.value.as_str()));
        }
        each.into_iter()
    }

    /// Where the value at a dotted path stands, such as `target.region`, counted from the service; the nearest
    /// thing around it if there is no such value.
    pub fn span_of(&self, path: &str) -> Span {
        locate::dotted(&self.body, self.id.span, path)
    }

    /// The same for a JSON pointer into a block, such as `/records/0/content` into `_cloudflare`. An empty block
    /// is the service itself.
    pub fn span_of_pointer(&self, block: &str, pointer: &str) -> Span {
        match self.body.entry(block) {
            Some(entry) => locate::pointer(&entry.value, entry.key.span, pointer),
            None if block.is_empty() => locate::pointer(&self.body, self.id.span, pointer),
            None => self.id.span,
        }
    }

    /// Reads a service's map. What is wrong is reported and left out.
    pub(super) fn read(id: Spanned<String>, body: Node, findings: &mut Findings) -> Self {
        let path = format!("services.{}", id.value);
        let fields = Fields { path: &path, entries: body.as_map().unwrap_or_default() };
        for block in BLOCKS {
            fields.map(block, findings);
        }
        let mut service = Self {
            kind: fields.text("type", findings),
            name: fields.text("name", findings),
            description: fields.text("description", findings),
            capabilities: fields.texts("capabilities", findings),
            command: fields.text("command", findings),
            mode: fields.text("mode", findings),
            env: read_env(&path, fields.map("env", findings), findings),
            depends_on: fields.texts("depends_on", findings),
            inject_from: read_injections(&path, fields.map("inject_from", findings), findings),
            unknown: fields.unknown(KNOWN, findings),
            id,
            body: Node { value: NodeValue::Null, span: body.span },
        };
        service.body = body;
        service.check(&path, findings);
        service
    }

    fn check(&self, path: &str, findings: &mut Findings) {
        self.check_command(path, findings);
        for (block, key) in [("provision", "provider"), ("provision", STATE), ("target", "type")] {
            let Some(node) = self.get(block).and_then(|block| block.get(key)).filter(|node| !node.is_null())
            else {
                continue;
            };
            let (expected, fits) = if key == STATE {
                ("a map", node.as_map().is_some())
            } else {
                ("text", node.as_str().is_some())
            };
            if !fits {
                findings.push(wrong_type(&format!("{path}.{block}.{key}"), expected, node));
            }
        }
        if let Some(target) = self.target()
            && self.target_options().next().is_some()
            && target.get("type").is_none()
        {
            let span = self.body.entry("target").map_or(target.span, |entry| entry.key.span);
            findings.push(
                Diagnostic::warning("missing-target-type", format!("`{path}.target` has no `type`"))
                    .label(span, "nothing says which provider this is for")
                    .help("add `type: <provider>`; `ss catalog` lists them"),
            );
        }
        self.check_injected(path, findings);
    }

    fn check_command(&self, path: &str, findings: &mut Findings) {
        let Some(command) = &self.command else { return };
        let label = match shlex::split(&command.value) {
            Some(words) if words.first().is_some_and(|word| !word.is_empty()) => return,
            Some(_) => "no program is named",
            None => "a quote is not closed",
        };
        let message = format!("`{path}.command` is no command line");
        findings.push(Diagnostic::error("bad-command", message).label(command.span, label));
    }

    /// A variable that is set and injected too, or injected twice: the last injected one wins.
    fn check_injected(&self, path: &str, findings: &mut Findings) {
        if self.inject_from.is_empty() {
            return;
        }
        let nested = ["target", "provision"].into_iter().filter_map(|block| self.get(block)?.get("env"));
        let maps = self.get("env").into_iter().chain(nested).filter_map(Node::as_map);
        let mut known: HashMap<&str, Span> =
            maps.flatten().map(|entry| (entry.key.value.as_str(), entry.key.span)).collect();
        for name in self.inject_from.iter().flat_map(|from| &from.names) {
            if let Some(earlier) = known.insert(&name.value, name.span) {
                let message = format!("`{path}` gives `{}` two values", name.value);
                findings.push(
                    Diagnostic::warning("shadowed-variable", message)
                        .label(earlier, "never used")
                        .label(name.span, "the value injected here wins"),
                );
            }
        }
    }
}

fn text_of<'a>(node: &'a Node, key: &str) -> Option<Spanned<&'a str>> {
    let node = node.get(key)?;
    Some(Spanned { value: node.as_str()?, span: node.span })
}

fn options<'a>(
    block: Option<&'a Node>,
    without: &'static [&'static str],
) -> impl Iterator<Item = &'a Entry> + Clone {
    let entries = block.and_then(Node::as_map).unwrap_or_default();
    entries.iter().filter(move |entry| !without.contains(&&*entry.key.value))
}

/// Options as a JSON object, every text passed through `fill`.
///
/// # Errors
/// The first error of `fill`.
pub fn options_to_json<'a, E>(
    options: impl Iterator<Item = &'a Entry>,
    mut fill: impl FnMut(&str, Span) -> Result<String, E>,
) -> Result<serde_json::Map<String, serde_json::Value>, E> {
    entries_to_json(options, &mut fill)
}

fn read_env(path: &str, entries: Option<&[Entry]>, findings: &mut Findings) -> Vec<EnvVariable> {
    let mut variables = Vec::new();
    for entry in entries.unwrap_or_default() {
        let name = &entry.key;
        if !is_variable(&name.value) {
            findings.push(bad_variable(name));
            continue;
        }
        match entry.value.scalar_text() {
            Some(text) if !text.contains('\0') => variables.push(EnvVariable {
                name: name.clone(),
                value: Spanned { value: text.to_owned(), span: entry.value.span },
            }),
            _ => findings.push(wrong_type(&format!("{path}.env.{}", name.value), "text", &entry.value)),
        }
    }
    variables
}

fn read_injections(path: &str, entries: Option<&[Entry]>, findings: &mut Findings) -> Vec<Injection> {
    let mut injections = Vec::new();
    for entry in entries.unwrap_or_default() {
        let path = format!("{path}.inject_from.{}", entry.key.value);
        let mut names = texts(&path, &entry.value, findings);
        names.retain(|name| {
            let fits = is_variable(&name.value);
            if !fits {
                findings.push(bad_variable(name));
            }
            fits
        });
        injections.push(Injection { service: entry.key.clone(), names });
    }
    injections
}

/// What every system takes as the name of an environment variable.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !name.contains(char::is_whitespace)
}

fn bad_variable(name: &Spanned<String>) -> Diagnostic {
    Diagnostic::error("bad-variable", format!("`{}` is no name for a variable", name.value.escape_debug()))
        .label(name.span, "")
        .help("a name has no `=` and no white space")
}
