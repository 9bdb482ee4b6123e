//! Scenario files: a service, what it is given, and the cloud that it meets.
//!
//! Format: TOML, documented for authors in `docs/conformance.md`. Unknown members are errors that name the
//! place. Threat: none beyond a mistake; the file is the author's own, and its requests go to loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// Largest scenario file in bytes: recordings hold whole answers.
const MAX_BYTES: u64 = 8 << 20;

/// A scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The name in reports: that of the file, without its ending.
    #[serde(skip)]
    pub name: String,
    /// The folder of the file.
    #[serde(skip)]
    pub folder: PathBuf,
    /// What it shows, for readers.
    #[serde(default)]
    pub title: String,
    /// The service.
    pub service: ServiceSpec,
    /// What is around the service.
    #[serde(default)]
    pub context: ContextSpec,
    /// Vault keys and their values, such as `providers:fly/api_key`. Keys that the plugin declares and that
    /// are not here get made-up values.
    #[serde(default)]
    pub vault: BTreeMap<String, String>,
    /// Values that templates `{{sealed.NAME}}` put into options and environment as sealed tokens.
    #[serde(default)]
    pub sealed: BTreeMap<String, String>,
    /// Files that lie in the project's folder: name to text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// A folder beside the scenario whose programs stand in for real ones, first on the `PATH`.
    #[serde(default)]
    pub programs: Option<PathBuf>,
    /// Resources of the cloud.
    #[serde(default, rename = "resource")]
    pub resources: Vec<Resource>,
    /// Fixed answers of the cloud; they come before the resources.
    #[serde(default, rename = "answer")]
    pub answers: Vec<FixedAnswer>,
    /// How resources are counted where the cloud is not the scenario's own.
    #[serde(default, rename = "count")]
    pub counts: Vec<Count>,
    /// What somebody else changes, for `observe`.
    #[serde(default)]
    pub change: Option<OutsideChange>,
    /// A recorded conversation, answered request by request.
    #[serde(default, rename = "exchange")]
    pub exchanges: Vec<Exchange>,
    /// Rules that do not apply, each with the reason.
    #[serde(default)]
    pub skip: BTreeMap<String, String>,
}

/// The service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceSpec {
    /// Its id.
    #[serde(default = "default_id")]
    pub id: String,
    /// Its `type`.
    #[serde(default = "default_kind", rename = "type")]
    pub kind: String,
    /// Its display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its command.
    #[serde(default)]
    pub command: Option<String>,
    /// The block that the options come from.
    #[serde(default = "default_block")]
    pub options_path: String,
    /// The provider's options.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// What is around the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContextSpec {
    /// The project's name.
    pub project: String,
    /// The environment.
    pub environment: String,
}

impl Default for ContextSpec {
    fn default() -> Self {
        Self { project: "kit".to_owned(), environment: "test".to_owned() }
    }
}

/// A kind of resource with the usual five requests on a collection and its items.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resource {
    /// What it is called in templates and reports.
    pub name: String,
    /// The host that serves it; any if absent.
    #[serde(default)]
    pub host: Option<String>,
    /// Path of the collection; a segment `{x}` stands for any one. Items are one segment below it.
    pub path: String,
    /// `POST` on the collection makes one, or `PUT` on the item.
    #[serde(default = "default_create")]
    pub create: String,
    /// Template of a new one's id, for `POST`.
    #[serde(default)]
    pub id: Option<String>,
    /// The member that holds the id.
    #[serde(default = "default_id_member")]
    pub id_member: String,
    /// The member around a single one, in requests and answers.
    #[serde(default)]
    pub wrap: Option<String>,
    /// The member that holds a list; without it a list is a bare array.
    #[serde(default)]
    pub list: Option<String>,
    /// Members that a new one has beside those of the request; templates are filled.
    #[serde(default)]
    pub members: Map<String, Value>,
    /// A member of which no two may have the same value; the second gets 409.
    #[serde(default)]
    pub unique: Option<String>,
    /// Status of creation.
    #[serde(default = "default_created")]
    pub created: u16,
    /// Status of deletion.
    #[serde(default = "default_deleted")]
    pub deleted: u16,
}

/// An answer that is always the same, or the same under a condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixedAnswer {
    /// Method and path, such as `GET /v1/account`; a segment `{x}` stands for any one, a last segment `**`
    /// for any number.
    pub on: String,
    /// The host that gives it; any if absent.
    #[serde(default)]
    pub host: Option<String>,
    /// Text that the request's body or query must have in it.
    #[serde(default)]
    pub containing: Option<String>,
    /// Only for so many requests.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only while there is a resource of this name.
    #[serde(default)]
    pub needs: Option<String>,
    /// Only while there is none of this name.
    #[serde(default)]
    pub without: Option<String>,
    /// Makes one of this name.
    #[serde(default)]
    pub makes: Option<String>,
    /// Removes those of this name.
    #[serde(default)]
    pub removes: Option<String>,
    /// The status.
    #[serde(default = "default_status")]
    pub status: u16,
    /// Headers beside `content-type`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: a table or list is sent as JSON, a text as it is. Templates are filled.
    #[serde(default)]
    pub body: Value,
}

/// How one kind of resource is counted: by the requests that make and remove it, or by a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Count {
    /// What it is called in reports.
    pub name: String,
    /// Method and path that make one, such as `POST /v1/apps`. `PUT`s on one path make one thing.
    #[serde(default)]
    pub create: Option<String>,
    /// Method and path that remove one, such as `DELETE /v1/apps/{id}`.
    #[serde(default)]
    pub delete: Option<String>,
    /// Text that the body of the creating request must have in it.
    #[serde(default)]
    pub create_containing: Option<String>,
    /// Text that the body of the removing request must have in it.
    #[serde(default)]
    pub delete_containing: Option<String>,
    /// Text in the answer that says that nothing was done although the status is a success.
    #[serde(default)]
    pub unless_answer_contains: Option<String>,
    /// A file of the project's folder that is there while the resource is.
    #[serde(default)]
    pub file: Option<String>,
}

/// What somebody else changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutsideChange {
    /// The resource; the first one if absent.
    #[serde(default)]
    pub resource: Option<String>,
    /// Members and their new values.
    pub set: Map<String, Value>,
}

/// A request and its answer, as recorded.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Exchange {
    /// The world that it belongs to: a replay plays the same worlds in the same order.
    #[serde(default)]
    pub scene: usize,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// The request's body as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// The status.
    pub status: u16,
    /// The answer's headers that matter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The answer's body as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

fn default_id() -> String {
    "kit".to_owned()
}

fn default_kind() -> String {
    "service".to_owned()
}

fn default_block() -> String {
    "provision".to_owned()
}

fn default_create() -> String {
    "POST".to_owned()
}

fn default_id_member() -> String {
    "id".to_owned()
}

fn default_created() -> u16 {
    201
}

fn default_deleted() -> u16 {
    204
}

fn default_status() -> u16 {
    200
}

/// A scenario that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is far too large for a scenario.
    #[error("`{}` has {bytes} bytes; a scenario has at most {MAX_BYTES}", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is not TOML of this shape; the text says where.
    #[error("`{}` is not a scenario: {reason}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// There is none.
    #[error("there is no scenario in `{}`", folder.display())]
    None {
        /// The folder that was looked in.
        folder: PathBuf,
    },
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_BYTES {
            return Err(ScenarioError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut scenario = Self::parse(&name, &text)
            .map_err(|reason| ScenarioError::Malformed { path: path.to_owned(), reason })?;
        scenario.folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(scenario)
    }

    /// Parses a scenario.
    ///
    /// # Errors
    /// Where it is not one, and why.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut scenario: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.name = name.to_owned();
        for id in scenario.skip.keys() {
            if crate::rules::rule(id).is_none() {
                return Err(format!("`skip.{id}`: there is no such rule"));
            }
        }
        for line in scenario.answers.iter().map(|answer| &answer.on).chain(scenario.count_lines()) {
            if line.split_once(' ').is_none_or(|(_, path)| !path.starts_with('/')) {
                return Err(format!("`{line}` is not a method and a path, such as `GET /v1/things`"));
            }
        }
        if let Some(resource) = scenario.resources.iter().find(|r| !matches!(&*r.create, "POST" | "PUT")) {
            return Err(format!("resource `{}`: `create` is `POST` or `PUT`", resource.name));
        }
        Ok(scenario)
    }

    /// Every `*.toml` of a folder, sorted by name.
    ///
    /// # Errors
    /// If the folder cannot be read or has none.
    pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(ScenarioError::None { folder: folder.to_owned() });
        }
        paths.sort();
        Ok(paths)
    }

    /// Whether it brings a cloud of its own that can be asked anything.
    pub fn has_cloud(&self) -> bool {
        !self.resources.is_empty() || !self.answers.is_empty()
    }

    fn count_lines(&self) -> impl Iterator<Item = &String> {
        self.counts.iter().flat_map(|count| [&count.create, &count.delete]).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_a_service() {
        let scenario = Scenario::parse("x", "[service]\n").unwrap();
        assert_eq!(
            (scenario.service.id.as_str(), scenario.service.options_path.as_str()),
            ("kit", "provision")
        );
        assert!(!scenario.has_cloud());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            ("[service]\nregion = 1", "region"),
            ("[service]\n[skip]\n\"plan/nope\" = \"x\"", "plan/nope"),
            ("[service]\n[[answer]]\non = \"GET things\"", "GET things"),
            ("[service]\n[[resource]]\nname = \"x\"\npath = \"/x\"\ncreate = \"PATCH\"", "create"),
            ("", "service"),
        ] {
            let error = Scenario::parse("x", text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
