//! The tools. A file per subject; here is what all of them share: the table, arguments, and how one is called.

mod change;
mod edit;
mod look;
mod operate;
mod provision;
mod report;
mod status;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use rmcp::RoleServer;
use rmcp::model::{CallToolRequestParams, JsonObject, Tool as Wire, ToolAnnotations};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};

use crate::answer::Answered;
use crate::composition::Refusal;
use crate::server::Server;

/// Longest argument that is no file, in bytes.
const LONGEST: usize = 4096;

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only looks, at this machine.
    Looks,
    /// It only looks, and asks providers or registries.
    Asks,
    /// It changes something; a second call changes nothing more.
    Changes {
        /// Whether something can be lost.
        destructive: bool,
    },
}

type Running = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// A tool.
pub(crate) struct Tool {
    pub name: &'static str,
    pub title: &'static str,
    /// When to use it, and what to call next.
    pub description: &'static str,
    pub effect: Effect,
    /// Whether the name and its meaning are documented by Starsystem; the others are this program's own.
    pub documented: bool,
    pub input: fn() -> Value,
    pub output: fn() -> Value,
    pub run: fn(Call) -> Running,
}

/// All of them, the documented ones first.
pub(crate) static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let mut tools: Vec<Tool> = [
        look::tools(),
        status::tools(),
        edit::tools(),
        provision::tools(),
        operate::tools(),
        report::tools(),
    ]
    .into_iter()
    .flatten()
    .collect();
    tools.sort_by_key(|tool| !tool.documented);
    tools
});

/// The tool of this name.
pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

impl Tool {
    /// As the protocol has it.
    pub fn to_wire(&self) -> Wire {
        let (looks, destructive, outside) = match self.effect {
            Effect::Looks => (true, false, false),
            Effect::Asks => (true, false, true),
            Effect::Changes { destructive } => (false, destructive, true),
        };
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(looks)
            .destructive(destructive)
            .idempotent(true)
            .open_world(outside);
        let mut input = schema((self.input)());
        input.insert("additionalProperties".to_owned(), Value::Bool(false));
        Wire::new(self.name, self.description, Arc::new(input))
            .with_title(self.title)
            .with_raw_output_schema(Arc::new(schema((self.output)())))
            .with_annotations(annotations)
    }
}

fn schema(value: Value) -> JsonObject {
    match value {
        Value::Object(map) => map,
        _ => JsonObject::new(),
    }
}

/// A call of a tool.
pub(crate) struct Call {
    pub server: Server,
    pub tool: &'static Tool,
    pub context: RequestContext<RoleServer>,
    pub request: CallToolRequestParams,
    arguments: Map<String, Value>,
}

impl Call {
    /// Takes the arguments of a call apart.
    ///
    /// # Errors
    /// If there is one that the tool does not take: a misspelt `environment` must not mean another one.
    pub fn new(
        server: Server,
        tool: &'static Tool,
        context: RequestContext<RoleServer>,
        mut request: CallToolRequestParams,
    ) -> Result<Self, Refusal> {
        let given = request.arguments.take().unwrap_or_default();
        let takes = (tool.input)();
        let takes = takes.get("properties").and_then(Value::as_object);
        let takes = |name: &str| takes.is_some_and(|properties| properties.contains_key(name));
        let mut arguments = Map::new();
        for (name, value) in given {
            // What other tools of the documents call the same thing.
            let name = match name.as_str() {
                "id" | "service" if !takes(&name) && takes("service_id") => "service_id".to_owned(),
                "env" if takes("environment") => "environment".to_owned(),
                _ => name,
            };
            if !takes(&name) {
                return Err(Refusal {
                    details: vec![name],
                    ..Refusal::new("the tool takes no such argument")
                });
            }
            arguments.insert(name, value);
        }
        Ok(Self { server, tool, context, request, arguments })
    }

    /// A text that may be absent. Null counts as absent.
    pub fn optional(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.arguments.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= LONGEST => Ok(Some(text)),
            Some(Value::String(_)) => Err(Refusal::new(format!("`{name}` is too long"))),
            Some(_) => Err(Refusal::new(format!("`{name}` must be a text"))),
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &'static str) -> Result<&str, Refusal> {
        self.optional(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::new(format!("`{name}` is missing")))
    }

    /// A whole file.
    pub fn file(&self, name: &'static str) -> Result<&str, Refusal> {
        match self.arguments.get(name) {
            Some(Value::String(text)) if text.len() as u64 <= ss_config::MAX_BYTES => Ok(text),
            Some(Value::String(_)) => Err(Refusal::new(format!("`{name}` is too large"))),
            _ => Err(Refusal::new(format!("`{name}` is missing, or no text"))),
        }
    }

    /// An object that must be there.
    pub fn object(&self, name: &'static str) -> Result<&Map<String, Value>, Refusal> {
        let object = self.arguments.get(name).and_then(Value::as_object);
        object.ok_or_else(|| Refusal::new(format!("`{name}` is missing, or no object")))
    }

    /// A number that may be absent.
    pub fn number(&self, name: &'static str, default: u32, most: u32) -> Result<u32, Refusal> {
        match self.arguments.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| Refusal::new(format!("`{name}` must be a number from 1 to {most}"))),
        }
    }

    /// The environment that the call is about.
    pub fn environment(&self) -> Result<String, Refusal> {
        self.server.shared.environment(self.optional("environment")?)
    }
}
