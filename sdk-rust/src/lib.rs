//! Write provisioner plugins for Starsystem (`ss`) in Rust.
//!
//! A plugin is a WebAssembly component that creates, converges, checks and removes one kind of resource.
//! It holds only what it was granted: it has no file system, no environment and no sockets, and the
//! secrets that it handles are [sealed tokens](sealed) which the host replaces on their way out.
//!
//! # A plugin
//!
//! Databases of an API that makes them in its own time: typed options, requests with typed failures, a list in
//! pages, polling with back-off, partial state, a sealed password, and a test against a pretend cloud.
//!
//! ```
//! use std::time::Duration;
//!
//! use serde::{Deserialize, Serialize};
//! use ss_sdk::http::{Client, Page, pages, percent_encode};
//! use ss_sdk::{
//!     Action, Alphabet, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider,
//!     Service, State, VaultKey,
//! };
//!
//! #[derive(Deserialize)]
//! struct Options {
//!     region: String,
//! }
//!
//! #[derive(Clone, Deserialize)]
//! struct Database {
//!     id: String,
//!     name: String,
//!     status: String,
//!     host: Option<String>,
//! }
//!
//! #[derive(Deserialize)]
//! struct Listed {
//!     databases: Vec<Database>,
//!     next: Option<String>,
//! }
//!
//! #[derive(Serialize)]
//! struct NewDatabase<'a> {
//!     name: &'a str,
//!     region: &'a str,
//!     password: &'a str, // sealed; the manifest names this field
//! }
//!
//! struct Acme;
//!
//! fn client<'h>(context: &Context<'h>) -> Result<Client<'h>, Failure> {
//!     // The key is a sealed token: the host puts the key itself into the header.
//!     let authorization = format!("Bearer {}", context.api_key()?);
//!     Ok(Client::new(context.host, "Acme", "https://api.acme.example/v1").with_header("authorization", authorization))
//! }
//!
//! fn name(context: &Context<'_>) -> String {
//!     format!("{}-{}-{}", context.project, context.environment, context.service_id)
//! }
//!
//! fn read(client: &Client<'_>, id: &str) -> Result<Option<Database>, Failure> {
//!     client.get(&format!("/databases/{}", percent_encode(id))).to("read the database").fetch_optional()
//! }
//!
//! /// By the recorded id, or else by the deterministic name: an answer may have been lost.
//! fn locate(context: &Context<'_>, client: &Client<'_>) -> Result<Option<Database>, Failure> {
//!     let recorded = context.existing.as_ref().map(|state| state.resource_id.clone());
//!     if let Some(id) = recorded.or_else(|| context.partial()) {
//!         return read(client, &id);
//!     }
//!     let all = pages(|cursor| {
//!         let call = client.get("/databases").query_opt("after", cursor).to("list the databases");
//!         let listed: Listed = call.fetch()?;
//!         Ok(Page { items: listed.databases, cursor: listed.next })
//!     })?;
//!     Ok(all.into_iter().find(|database| database.name == name(context)))
//! }
//!
//! impl Provider for Acme {
//!     type Options = Options;
//!
//!     fn describe() -> Description {
//!         Description {
//!             provider: "acme".into(),
//!             summary: "Databases of Acme".into(),
//!             requires_api_key: true,
//!             vault_keys: vec![VaultKey::api_key("ACME_API_KEY", "the settings page of Acme")],
//!             // In a plugin: `include_str!("../options.schema.json")`, which a test derives from `Options`.
//!             options_schema: r#"{"type": "object", "required": ["region"]}"#.into(),
//!             ..Description::default()
//!         }
//!     }
//!
//!     fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
//!         let found = locate(context, &client(context)?)?;
//!         let action = if found.is_some() { Action::Nothing } else { Action::Create };
//!         Ok(Plan::new(action, format!("database in {}", service.options.region)))
//!     }
//!
//!     fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
//!         let client = client(context)?;
//!         // The same one for every attempt; it is in the vault before it is sent.
//!         let password = context.secrets().generate("password", 32, Alphabet::Alphanumeric)?;
//!         let database = match locate(context, &client)? {
//!             Some(database) => database,
//!             None => {
//!                 let (name, region) = (&name(context), &service.options.region);
//!                 let call = client.post("/databases").body(&NewDatabase { name, region, password: &password });
//!                 let database: Database = call.to("create the database").fetch()?;
//!                 context.save_partial(&database.id)?;
//!                 context.step(format!("Database created: {name}"));
//!                 database
//!             }
//!         };
//!         let wait = context.wait("the database to be ready", Duration::from_secs(300));
//!         let host = wait.until(|| {
//!             let now = read(&client, &database.id)?.filter(|database| database.status == "ready");
//!             Ok(now.and_then(|database| database.host))
//!         })?;
//!         let state = context.state("acme", &database.id).with_region(&service.options.region);
//!         let url = format!("postgresql://app:{password}@{host}/app");
//!         Ok(Outcome::new(state, format!("database at {host}"))
//!             .with_credential(Credential::secret("DATABASE_URL", url)))
//!     }
//!
//!     fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
//!         Ok(match read(&client(context)?, &state.resource_id)? {
//!             Some(database) if database.status == "ready" => Health::healthy("ready"),
//!             Some(database) => Health::unhealthy(format!("in state `{}`", database.status)),
//!             None => Health::unhealthy("it no longer exists"),
//!         })
//!     }
//!
//!     fn observe(context: &Context<'_>, _: &Service<Options>, state: &State) -> Result<Vec<Change>, Failure> {
//!         Ok(match read(&client(context)?, &state.resource_id)? {
//!             Some(_) => Vec::new(),
//!             None => vec![Change::new("database", "gone", state.resource_id.as_str())],
//!         })
//!     }
//!
//!     fn find(context: &Context<'_>, _: &Service<Options>) -> Result<Option<State>, Failure> {
//!         Ok(locate(context, &client(context)?)?.map(|database| context.state("acme", database.id)))
//!     }
//!
//!     fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
//!         let (client, path) = (client(context)?, format!("/databases/{}", percent_encode(&state.resource_id)));
//!         let call = client.delete(&path).to("delete the database");
//!         let response = call.send()?;
//!         if response.is_success() || response.status == 404 { Ok(()) } else { Err(call.refusal(&response)) }
//!     }
//! }
//!
//! ss_sdk::export!(Acme);
//!
//! // A test: the cloud is a closure, the database is ready when it is looked at the third time.
//! use serde_json::json;
//! use ss_sdk::testing::{FakeHost, json as answer};
//!
//! let mut looks = 0;
//! let host = FakeHost::with_cloud(move |request| {
//!     let mut database = json!({"id": "db-1", "name": "my-app-prod-store", "status": "starting"});
//!     Ok(match request.path() {
//!         "/v1/databases" if request.method.is_safe() => answer(200, &json!({"databases": []})),
//!         "/v1/databases" => answer(201, &database),
//!         _ => {
//!             looks += 1;
//!             if looks == 3 {
//!                 database["status"] = "ready".into();
//!                 database["host"] = "db-1.acme.example".into();
//!             }
//!             answer(200, &database)
//!         }
//!     })
//! });
//! let service = Service {
//!     id: "store".into(),
//!     kind: "database".into(),
//!     name: None,
//!     command: None,
//!     options: Options { region: "eu".into() },
//!     options_path: "provision".into(),
//!     env: Vec::new(),
//! };
//! let outcome = Acme::provision(&host.context("store"), &service)?;
//! assert_eq!(outcome.summary, "database at db-1.acme.example");
//! assert_eq!(host.unsafe_requests(), ["POST /v1/databases"]);
//! assert_eq!(host.partial().as_deref(), Some("\"db-1\""));
//! assert!(ss_sdk::sealed::contains(&outcome.credentials[0].value));
//! # Ok::<(), Failure>(())
//! ```
//!
//! `ss plugin new` makes such a plugin with its manifest, schema, tests and an example; `ss plugin build` makes the
//! component. By hand that is `cargo build --release --target wasm32-wasip2` of a `cdylib`.
//!
//! # Rules of the contract
//!
//! - Only [`Provider::provision`] and [`Provider::destroy`] may send requests that change something. The
//!   host refuses them anywhere else.
//! - Call [`Context::save_partial`] right after each request that created something. After a crash the
//!   next run finds it in [`Context::partial`].
//! - Look a resource up by its deterministic name before creating it: the request that created it may have
//!   been sent although its answer never came.
//! - A resource already gone is success for [`Provider::destroy`].
//!
//! # Tests
//!
//! Provider logic takes every effect through [`Host`], so it runs natively against
//! `testing::FakeHost`, which plays the provider, keeps what was sent, and can
//! crash at any host call.

mod capability;
mod context;
mod digest;
mod failure;
mod host;
mod json;
mod model;
mod provider;
mod timestamp;
mod wait;

pub mod dns;
pub mod http;
pub mod sealed;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(all(feature = "schema", not(target_arch = "wasm32")))]
pub mod schema;

pub use capability::{Files, Processes, Secrets, Vault};
pub use context::{Context, label};
pub use digest::digest;
pub use failure::{Failure, FailureKind};
pub use host::{
    Alphabet, Command, Completed, Denial, FileError, Host, HostRef, Level, ProcessHandle, SpawnError,
};
pub use model::{
    Action, Change, Credential, Description, Health, Metadata, Outcome, Plan, Service, Shape, State,
    Variable, VaultKey,
};
pub use provider::Provider;
pub use timestamp::rfc3339;
pub use wait::Wait;

#[doc(hidden)]
pub use serde_json;

/// Exports a [`Provider`] as the component's adapter. Once per plugin, in its root module.
///
/// Does nothing on other targets than `wasm32`, so that the plugin's tests run natively.
#[macro_export]
macro_rules! export {
    ($provider:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::guest::Component<$provider>;
    $crate::guest::bindings::export_adapter!(Component with_types_in $crate::guest::bindings);
        };
    };
}
