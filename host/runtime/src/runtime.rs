//! The runtime: one per process, cheap until a plugin is needed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ss_provider::Provider;
use tokio::sync::Semaphore;

use crate::cache::{Cache, CacheError};
use crate::engine::Machine;
use crate::error::{RuntimeError, with_causes};
use crate::gates::{Grant, HostServices};
use crate::limits::Limits;
use crate::plugin::Plugin;
use crate::source::ComponentSource;

/// How a [`Runtime`] works.
#[derive(Clone, Default)]
pub struct RuntimeConfig {
    /// Folder of compiled components and descriptions, such as `~/.starsystem/cache`; made (0700) when it
    /// is needed. Without one, every process compiles again.
    pub cache_dir: Option<PathBuf>,
    /// What plugins may use.
    pub limits: Limits,
    /// Caps of each operation's requests.
    pub http: ss_capability_http::Limits,
    /// How time passes for plugins.
    pub pace: Pace,
    /// Told what a person may want to know while they wait.
    pub notices: Option<Notices>,
    /// Descriptions that need not be asked for.
    pub known: Option<KnownDescriptions>,
}

/// How time passes for plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// As it does.
    #[default]
    Real,
    /// A plugin's sleep takes at most this long, and its monotonic clock goes on by all that it asked for.
    /// For `ss plugin test`, which lets a plugin wait a thousand times.
    Hurried(Duration),
}

/// The description of a component, by the component's digest in hexadecimal, as JSON of a
/// [`Description`](ss_provider::Description). Believed as if the component had said it.
pub type KnownDescriptions = fn(&str) -> Option<&'static [u8]>;

/// Hears [`Notice`]s.
pub type Notices = Arc<dyn Fn(&Notice) + Send + Sync>;

/// Something that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A plugin has been compiling for half a second.
    Compiling {
        /// Its name.
        plugin: String,
    },
    /// Compiled plugins cannot be kept, so the next run compiles them again.
    NotCached {
        /// Why.
        reason: String,
    },
}

/// Runs plugins. Clones share everything.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

/// Plugins that are compiled at the same time. The compiler uses every core for each of them, through one pool:
/// beside a large plugin a small one would use up its own time limit waiting.
const COMPILED_AT_ONCE: usize = 1;

pub(crate) struct Inner {
    pub(crate) limits: Limits,
    pub(crate) http: ss_capability_http::Limits,
    pub(crate) pace: Pace,
    cache_dir: Option<PathBuf>,
    notices: Option<Notices>,
    pub(crate) known: Option<KnownDescriptions>,
    /// Held while the machine is being made.
    starting: Mutex<()>,
    /// Held while the cache is being opened.
    opening: Mutex<()>,
    /// Turns to compile, so that the time limit of one plugin is not used up by the others.
    pub(crate) compiling: Semaphore,
    machine: OnceLock<Machine>,
    cache: OnceLock<Option<Cache>>,
}

impl Runtime {
    /// A runtime. Nothing is started, opened or read before the first plugin is asked for.
    pub fn new(config: RuntimeConfig) -> Self {
        Self(Arc::new(Inner {
            limits: config.limits,
            http: config.http,
            pace: config.pace,
            cache_dir: config.cache_dir,
            notices: config.notices,
            known: config.known,
            starting: Mutex::new(()),
            opening: Mutex::new(()),
            compiling: Semaphore::new(COMPILED_AT_ONCE),
            machine: OnceLock::new(),
            cache: OnceLock::new(),
        }))
    }

    /// Starts what every plugin needs, in a thread of its own: for who knows that one will be called, and has
    /// other work to do before that.
    pub fn start(&self) {
        let inner = self.0.clone();
        // What goes wrong, the first plugin meets again.
        let _ =
            std::thread::Builder::new().name("ss-start".into()).spawn(move || inner.machine().map(|_| ()));
    }

    /// A provider over a component. If the component's description is cached, nothing is compiled or
    /// started before its first operation.
    ///
    /// # Errors
    /// If the component is no plugin that this `ss` can run, or does not describe itself validly.
    pub async fn provider(
        &self,
        source: impl Into<ComponentSource>,
        grant: Grant,
        services: HostServices,
    ) -> Result<Arc<dyn Provider>, RuntimeError> {
        Ok(Arc::new(self.plugin(source, grant, services).await?))
    }

    /// As [`provider`](Self::provider), as the type that can be prepared ahead of its first operation.
    ///
    /// # Errors
    /// As [`provider`](Self::provider).
    pub async fn plugin(
        &self,
        source: impl Into<ComponentSource>,
        grant: Grant,
        services: HostServices,
    ) -> Result<Plugin, RuntimeError> {
        Plugin::open(self.0.clone(), source.into(), grant, services).await
    }
}

impl Inner {
    pub(crate) fn machine(&self) -> Result<&Machine, RuntimeError> {
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(machine) = self.machine.get() {
            return Ok(machine);
        }
        let made = Machine::new(&self.limits)?;
        Ok(self.machine.get_or_init(|| made))
    }

    /// The cache; none if there is no folder for it or it cannot be written.
    ///
    /// # Errors
    /// If it is open to others.
    pub(crate) fn cache(&self) -> Result<Option<&Cache>, CacheError> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = self.cache.get() {
            return Ok(cache.as_ref());
        }
        let Some(folder) = &self.cache_dir else { return Ok(None) };
        let opened = match Cache::open(folder) {
            Ok(cache) => Some(cache),
            Err(error @ CacheError::NotPrivate { .. }) => return Err(error),
            Err(error @ CacheError::Unusable { .. }) => {
                self.notice(&Notice::NotCached { reason: with_causes(&error) });
                None
            }
        };
        Ok(self.cache.get_or_init(|| opened).as_ref())
    }

    pub(crate) fn notice(&self, notice: &Notice) {
        if let Some(notices) = &self.notices {
            notices(notice);
        }
    }
}
