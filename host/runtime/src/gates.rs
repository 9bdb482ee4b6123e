//! The gates of one operation, opened from a grant.
//!
//! Here belongs which gate gets what. Here does not belong what a gate lets through: that is decided in the
//! `capability-*` crates, by the granted authority alone.

mod handles;
mod http;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ss_authority::{Authority, InvalidValue};
use ss_capability_files::FilesGate;
use ss_capability_http::{Client, Endpoints, Gate, Policy};
use ss_capability_process::{ProcessConfig, ProcessError, ProcessGate};
use ss_capability_secrets::{Generator, SecretsGate};
use ss_capability_vault::{Keyring, VaultGate};
use ss_provider::{Denial, Effects, Operation, Phase};
use ss_secret::Scrubber;

use crate::text::Cleaner;
use crate::vet::Vetting;

/// Denials that are kept for a failure's report.
const MAX_DENIALS: usize = 20;
/// Longest sentence of a denial.
const MAX_DENIAL: usize = 2 << 10;
/// Largest partial state.
const MAX_PARTIAL: usize = 256 << 10;

/// What a plugin may do, and where its requests really go.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The granted authority: never the requested one.
    pub authority: Arc<Authority>,
    /// Where the operator sends the plugin's requests instead.
    pub endpoints: Arc<Endpoints>,
}

/// A grant, compiled once for all operations of a plugin.
pub(crate) struct Granted {
    pub(crate) authority: Arc<Authority>,
    endpoints: Arc<Endpoints>,
    policy: Arc<Policy>,
}

impl Granted {
    pub(crate) fn compile(plugin: &str, grant: &Grant) -> Result<Self, InvalidValue> {
        Ok(Self {
            authority: grant.authority.clone(),
            endpoints: grant.endpoints.clone(),
            policy: Arc::new(Policy::compile(plugin, &grant.authority)?),
        })
    }
}

/// What the host lends to plugins. Cheap to clone.
#[derive(Clone)]
pub struct HostServices {
    /// Connections that all plugins share.
    pub http: Client,
    /// The vault's provider keys.
    pub keyring: Arc<dyn Keyring>,
    /// The vault's generated secrets.
    pub generator: Arc<dyn Generator>,
    /// Knows every secret of this process.
    pub scrubber: Arc<Scrubber>,
    /// Folder of the services' log files.
    pub log_dir: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// Environment that processes inherit, see [`ss_capability_process::inherited_environment`].
    pub environment: Arc<Vec<(OsString, OsString)>>,
}

impl HostServices {
    /// The log file of a service's processes.
    pub fn service_log(&self, service_id: &str) -> PathBuf {
        log_file(&self.log_dir, service_id)
    }
}

/// The log file of a service's processes in this folder. Ids are letters, digits, `-`, `_`, `.`; whatever
/// else stands in one cannot lead out of the folder.
pub fn log_file(log_dir: &Path, service_id: &str) -> PathBuf {
    let name: String = service_id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .collect();
    log_dir.join(format!("{name}.log"))
}

/// The gates of one operation.
pub(crate) struct Gates {
    http: Gate,
    pub(crate) vault: VaultGate,
    pub(crate) secrets: SecretsGate,
    process: Option<ProcessGate>,
    pub(crate) files: FilesGate,
    plugin: String,
    effects: Arc<dyn Effects>,
    cleaner: Cleaner,
    phase: Phase,
    closed: AtomicBool,
    denials: Mutex<Vec<Denial>>,
}

impl Gates {
    /// Opens the gates for an operation of the plugin.
    pub(crate) fn open(
        grant: &Granted,
        services: &HostServices,
        plugin: &str,
        operation: &Operation,
        phase: Phase,
        deadline: Instant,
        http: ss_capability_http::Limits,
    ) -> Self {
        let authority = &grant.authority;
        let (seals, effects) = (&operation.seals, &operation.effects);
        let config_dir = &operation.context.config_dir;
        Self {
            http: http::open(grant, services, operation, phase, deadline, http),
            vault: VaultGate {
                authority: authority.vault.clone(),
                keyring: services.keyring.clone(),
                seals: seals.clone(),
                scrubber: services.scrubber.clone(),
                effects: effects.clone(),
                phase,
            },
            secrets: SecretsGate {
                authority: authority.secrets.clone(),
                generator: services.generator.clone(),
                service: operation.service.id.clone(),
                seals: seals.clone(),
                scrubber: services.scrubber.clone(),
                effects: effects.clone(),
                phase,
            },
            process: authority.process.as_ref().map(|granted| {
                ProcessGate::new(ProcessConfig {
                    authority: Some(granted.clone()),
                    service: operation.service.clone(),
                    config_dir: config_dir.clone().unwrap_or_default(),
                    home: services.home.clone(),
                    log: services.service_log(&operation.service.id),
                    environment: services.environment.clone(),
                    known: handles::known(&operation.context),
                    phase,
                    seals: seals.clone(),
                    effects: effects.clone(),
                })
            }),
            files: FilesGate::new(
                authority.files.clone(),
                operation.service.clone(),
                config_dir.clone(),
                services.home.clone(),
                phase,
                seals.clone(),
                effects.clone(),
            ),
            plugin: plugin.to_owned(),
            effects: effects.clone(),
            cleaner: Cleaner::new(services.scrubber.clone()),
            phase,
            closed: AtomicBool::new(false),
            denials: Mutex::default(),
        }
    }

    /// Lets nothing through any more: the operation is over.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The process gate, if there is a grant for one.
    pub(crate) fn process(&self) -> Result<&ProcessGate, ProcessError> {
        self.process.as_ref().ok_or_else(|| {
            ProcessError::Denied(Denial {
                capability: "process".to_owned(),
                message: format!("`{}` has no grant for processes", self.plugin),
                allow: Some("[authority.process]".to_owned()),
            })
        })
    }

    /// Keeps a denial for the operation's failure and returns its sentence, for the guest.
    pub(crate) fn deny(&self, denial: Denial) -> String {
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        let denial = Denial {
            message: self.cleaner.line(&denial.message, MAX_DENIAL),
            allow: denial.allow.map(|line| self.cleaner.hide(&line)),
            ..denial
        };
        let message = denial.message.clone();
        if denials.len() < MAX_DENIALS && !denials.contains(&denial) {
            denials.push(denial);
        }
        message
    }

    /// What was refused, oldest first.
    pub(crate) fn denials(&self) -> Vec<Denial> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands the plugin's partial state to the journal.
    pub(crate) fn save_partial(&self, partial: &str) -> Result<(), String> {
        if self.phase == Phase::ReadOnly {
            return Err("only `provision` and `destroy` save partial states".to_owned());
        }
        Vetting { provider: &self.plugin, cleaner: &self.cleaner }
            .partial(partial, MAX_PARTIAL)
            .map_err(|rejected| rejected.to_string())?;
        self.effects.save_partial(partial).map_err(|error| format!("the journal cannot be written: {error}"))
    }
}
