//! Everything around a plugin in these tests: vault, journal, screen, a server, and the guests themselves.

mod doubles;
mod guests;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ss_authority::{
    Authority, FilesAuthority, HttpRule, ProcessAuthority, SecretsAuthority, VaultAuthority, VaultRead,
};
use ss_capability_http::{Client, Endpoints};
use ss_provider::{Cancel, Context, Failure, Operation, Outcome, Plan, Provider, Service, Variable};
use ss_runtime::{ComponentSource, Grant, HostServices, Limits, Plugin, Runtime, RuntimeConfig};
use ss_secret::{Scrubber, Seals, Secret, Source};

pub use doubles::{Journal, Screen, Vault};
pub use guests::guest;
pub use server::Server;

/// The provider key that must not get out.
pub const KEY: &str = "nk_live_0123456789abcdef";
/// The injected value that must not get out.
pub const INJECTED: &str = "postgres://user:s3cr3t-pass@db/main";
/// The origin that the grant names.
pub const ORIGIN: &str = "https://api.example.com";

/// Stops the calling test, saying so, if the guests cannot be built on this machine.
#[macro_export]
macro_rules! guest_or_return {
    ($name:literal) => {
        match $crate::support::guest($name) {
            Some(bytes) => bytes,
            None => return,
        }
    };
}

/// A machine with one project on it.
pub struct World {
    pub folder: tempfile::TempDir,
    pub runtime: Runtime,
    pub server: Server,
    pub vault: Arc<Vault>,
    pub journal: Arc<Journal>,
    pub screen: Arc<Screen>,
    pub scrubber: Arc<Scrubber>,
    pub cancel: Cancel,
}

impl World {
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        // One cache for all tests: the guests are compiled once.
        let cache_dir = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugin-cache"));
        Self {
            folder: tempfile::tempdir().unwrap(),
            runtime: Runtime::new(RuntimeConfig { cache_dir, limits, ..RuntimeConfig::default() }),
            server: Server::start(),
            vault: Arc::new(Vault::with("providers:hostile/api_key", KEY)),
            journal: Arc::default(),
            screen: Arc::default(),
            scrubber: Arc::default(),
            cancel: Cancel::default(),
        }
    }

    pub fn grant(&self, authority: Authority) -> Grant {
        let endpoints = Endpoints::parse(&self.server.url()).unwrap();
        Grant { authority: Arc::new(authority), endpoints: Arc::new(endpoints) }
    }

    pub fn services(&self) -> HostServices {
        HostServices {
            http: Client::new(),
            keyring: self.vault.clone(),
            generator: self.vault.clone(),
            scrubber: self.scrubber.clone(),
            log_dir: self.folder.path().to_owned(),
            home: None,
            environment: Arc::new(vec![("PATH".into(), "/usr/bin:/bin".into())]),
        }
    }

    pub async fn plugin(&self, name: &str, bytes: &'static [u8], authority: Authority) -> Plugin {
        let source = ComponentSource::unverified_for_development(name, "0.1.0", bytes);
        self.runtime.plugin(source, self.grant(authority), self.services()).await.unwrap()
    }

    /// An operation on a service of these options, with a sealed API key and a sealed injected variable.
    pub fn operation(&self, options: Value) -> Operation {
        let seals = Seals::new();
        self.scrubber.learn(&Secret::new(KEY));
        self.scrubber.learn(&Secret::new(INJECTED));
        let key = seals.seal(Secret::new(KEY), Source::VaultKey("providers:hostile/api_key".into()));
        let injected = seals.seal(Secret::new(INJECTED), Source::Injected("db.DATABASE_URL".into()));
        Operation {
            context: Context {
                project: "shop".into(),
                environment: "test".into(),
                api_key: Some(key),
                existing: None,
                partial: None,
                config_dir: Some(self.folder.path().to_owned()),
                idempotency_key: "0".repeat(32),
                inputs_digest: None,
            },
            service: Arc::new(Service {
                id: "web".into(),
                kind: "process".into(),
                name: None,
                command: options["command"].as_str().map(str::to_owned),
                options,
                options_path: "provision".into(),
                env: vec![Variable { name: "DATABASE_URL".into(), value: injected }],
            }),
            seals: Arc::new(seals),
            effects: self.journal.clone(),
            progress: self.screen.clone(),
            cancel: self.cancel.clone(),
        }
    }

    /// Runs an attack in `provision`.
    pub async fn attack(
        &self,
        bytes: &'static [u8],
        authority: Authority,
        options: Value,
    ) -> Result<Outcome, Failure> {
        let plugin = self.plugin("hostile", bytes, authority).await;
        let outcome = plugin.provision(&self.operation(options)).await;
        self.check_intact(bytes).await;
        outcome
    }

    /// Runs an attack in `plan`.
    pub async fn attack_in_plan(
        &self,
        bytes: &'static [u8],
        authority: Authority,
        mut options: Value,
    ) -> Result<Plan, Failure> {
        options["during"] = json!("plan");
        let plugin = self.plugin("hostile", bytes, authority).await;
        let plan = plugin.plan(&self.operation(options)).await;
        self.check_intact(bytes).await;
        plan
    }

    /// The host works on after whatever happened, and no secret is where anyone could read it.
    async fn check_intact(&self, bytes: &'static [u8]) {
        let plugin = self.plugin("hostile", bytes, local_authority()).await;
        let options = json!({ "attack": "failure", "text": "still here" });
        let failure = plugin.provision(&self.operation(options)).await.unwrap_err();
        assert_eq!(failure.message, "still here");
        let seen = self.screen.text() + &self.journal.text();
        for secret in [KEY, INJECTED] {
            assert!(!seen.contains(secret), "a secret was shown: {seen}");
        }
    }
}

/// Reads and writes below `/v1/` of [`ORIGIN`], with the API key in `Authorization`.
pub fn http_authority() -> Authority {
    Authority {
        http: vec![HttpRule {
            origin: ORIGIN.into(),
            path: "/v1/".into(),
            methods: vec!["GET".into(), "POST".into()],
            reads: None,
            sealed_body: vec![],
        }],
        vault: VaultAuthority {
            read: vec![VaultRead {
                key: "providers:hostile/api_key".into(),
                origins: vec![ORIGIN.into()],
                headers: vec!["authorization".into()],
                body: vec![],
            }],
            write: vec![],
        },
        ..Authority::default()
    }
}

/// What the hostile guest imports, at its least: no command, no file.
pub fn local_authority() -> Authority {
    Authority {
        process: Some(ProcessAuthority::default()),
        files: Some(FilesAuthority::default()),
        ..http_authority()
    }
}

/// As [`local_authority`], with the user's own command and files.
pub fn service_authority() -> Authority {
    Authority {
        process: Some(ProcessAuthority {
            service_command: true,
            commands: vec![],
            reads: vec![],
            probe_options: vec!["health_check".into()],
        }),
        files: Some(FilesAuthority {
            read_options: vec!["input".into()],
            write_options: vec!["output".into()],
        }),
        secrets: SecretsAuthority { hmac: vec![], generate: true, reveal: vec![] },
        ..http_authority()
    }
}

/// Limits that end a test soon.
pub fn short_limits() -> Limits {
    Limits {
        compute: Duration::from_millis(300),
        pure_call: Duration::from_millis(300),
        read_call: Duration::from_millis(600),
        write_call: Duration::from_millis(600),
        cancel_grace: Duration::from_millis(200),
        ..Limits::default()
    }
}
