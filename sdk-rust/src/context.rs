//! What an operation knows beside the service, and its way to the host.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Host, HostRef, Level, Metadata, State, Wait, digest, json, rfc3339};

/// One operation: what it may know, and the host that it acts through.
#[derive(Clone)]
pub struct Context<'h> {
    /// The host.
    pub host: HostRef<'h>,
    /// `name` of `starsystem.yaml`.
    pub project: String,
    /// The environment, such as `local` or `prod`.
    pub environment: String,
    /// The service's id.
    pub service_id: String,
    /// The provider's primary key as a sealed token.
    pub api_key: Option<String>,
    /// The state of the last successful `provision`.
    pub existing: Option<State>,
    /// What an interrupted `provision` saved last, as JSON text.
    pub partial: Option<String>,
    /// The absolute directory of `starsystem.yaml`.
    pub config_dir: Option<String>,
    /// The same for every attempt at the same change, different for every other. 32 hex digits.
    pub idempotency_key: String,
    /// Changes when any input of the service changes, the values behind sealed tokens included, and stays the
    /// same otherwise: keep it to see whether a secret was rotated, for tokens differ in every run. It tells
    /// nothing about the values. 32 hex digits; none while an input is not known yet.
    pub inputs_digest: Option<String>,
}

impl<'h> Context<'h> {
    /// A context with nothing but the host; the rest is filled in by whoever makes it.
    pub fn new(host: HostRef<'h>) -> Self {
        Self {
            host,
            project: String::new(),
            environment: String::new(),
            service_id: String::new(),
            api_key: None,
            existing: None,
            partial: None,
            config_dir: None,
            idempotency_key: String::new(),
            inputs_digest: None,
        }
    }

    /// The provider's primary key as a sealed token.
    ///
    /// # Errors
    ///
    /// Authentication, if there is none.
    pub fn api_key(&self) -> Result<&str, Failure> {
        self.api_key.as_deref().ok_or_else(|| Failure::authentication("no API key was given"))
    }

    /// `<project>/<environment>/<service>`: marks a resource as this service's.
    pub fn owner(&self) -> String {
        format!("{}/{}/{}", self.project, self.environment, self.service_id)
    }

    /// A name for this service's resource where none is configured, the same in every run: the
    /// [owner](Self::owner) as a [`label`], cut to `longest` bytes with a digest in the place of the rest.
    pub fn default_name(&self, longest: usize) -> String {
        let owner = self.owner();
        let name = label(&owner);
        if name.len() <= longest && !name.is_empty() {
            return name;
        }
        let digest = digest([owner.as_str()]);
        let cut: String = name.chars().take(longest.saturating_sub(1 + digest.len())).collect();
        label(&format!("{cut}-{digest}"))
    }

    /// What an interrupted `provision` saved last. None also if it cannot be read, which is logged.
    pub fn partial<T: DeserializeOwned>(&self) -> Option<T> {
        let partial = self.partial.as_deref()?;
        json::read(partial.as_bytes())
            .map_err(|error| self.warn(format!("ignoring partial state that cannot be read: {error}")))
            .ok()
    }

    /// Keeps `partial` for the next attempt. Call it right after each request that created something.
    ///
    /// # Errors
    ///
    /// Internal, if the journal cannot be written: then the operation must not go on.
    pub fn save_partial(&self, partial: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_value(partial)
            .map_err(|error| Failure::internal(format!("partial state is not JSON: {error}")))?;
        Host::save_partial_state(self.host, &json.to_string())
            .map_err(|error| Failure::internal(format!("partial state could not be kept: {error}")))
    }

    /// A state of this provider for the resource, with the time when it was first provisioned.
    pub fn state(&self, provider: &str, resource_id: impl Into<String>) -> State {
        let resource_id = resource_id.into();
        let first = self.existing.as_ref().filter(|existing| existing.resource_id == resource_id);
        State {
            provider: provider.into(),
            provisioned_at: first.map_or_else(
                || rfc3339(Host::wall_clock(self.host)),
                |existing| existing.provisioned_at.clone(),
            ),
            resource_id,
            region: None,
            metadata: Metadata::new(),
        }
    }

    /// Whether what is known may be too new for the provider to show it: it was provisioned no longer than
    /// `within` ago, or is known from an attempt that was cut short. A resource that is not fresh and not
    /// found is gone.
    pub fn is_fresh(&self, within: Duration) -> bool {
        if self.partial.is_some() {
            return true;
        }
        let Some(existing) = &self.existing else { return true };
        // Times of one form compare as text.
        existing.provisioned_at >= rfc3339(Host::wall_clock(self.host).saturating_sub(within))
    }

    /// Pauses; false at once if the operation should wind up.
    pub fn sleep(&self, duration: Duration) -> bool {
        Host::sleep(self.host, duration)
    }

    /// Waits for `what`, such as `the machine to start`, for at most `limit`.
    pub fn wait(&self, what: impl Into<String>, limit: Duration) -> Wait<'h> {
        Wait::new(self.host, what, limit)
    }

    /// A step is done, such as `App created: my-app`.
    pub fn step(&self, message: impl AsRef<str>) {
        Host::step(self.host, message.as_ref());
    }

    /// Logs what the plugin's author wants to know.
    pub fn debug(&self, message: impl AsRef<str>) {
        Host::log(self.host, Level::Debug, message.as_ref());
    }

    /// Logs what a curious person wants to know.
    pub fn info(&self, message: impl AsRef<str>) {
        Host::log(self.host, Level::Info, message.as_ref());
    }

    /// Logs that something is off.
    pub fn warn(&self, message: impl AsRef<str>) {
        Host::log(self.host, Level::Warn, message.as_ref());
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Context").field("owner", &self.owner()).finish_non_exhaustive()
    }
}

/// The text as a label of a host name: lower-case letters, digits and single hyphens, neither first nor last.
/// Everything else separates words.
pub fn label(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}
