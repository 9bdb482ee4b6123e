//! Write provisioner plugins for Starsystem (`ss`) in Rust.
//!
//! A plugin is a WebAssembly component that creates, converges, checks and removes one kind of resource.
//! It holds only what it was granted: it has no file system, no environment and no sockets, and the
//! secrets that it handles are [sealed tokens](sealed) which the host replaces on their way out.
//!
//! # A plugin
//!
//! ```
//! use serde::Deserialize;
//! use ss_sdk::{Action, Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, State};
//!
//! #[derive(Deserialize)]
//! struct Options {
//!     region: String,
//! }
//!
//! struct Acme;
//!
//! impl Provider for Acme {
//!     type Options = Options;
//!
//!     fn describe() -> Description {
//!         Description {
//!             provider: "acme".into(),
//!             summary: "Widgets of Acme".into(),
//!             options_schema: r#"{"type": "object"}"#.into(),
//!             ..Description::default()
//!         }
//!     }
//!
//!     fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
//!         let action = if context.existing.is_some() { Action::Nothing } else { Action::Create };
//!         Ok(Plan::new(action, format!("widget in {}", service.options.region)))
//!     }
//!
//!     fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
//!         context.step(format!("Widget created in {}", service.options.region));
//!         Ok(Outcome::new(context.state("acme", "widget-1"), "widget ready"))
//!     }
//!
//!     fn status(_: &Context<'_>, state: &State) -> Result<Health, Failure> {
//!         Ok(Health::healthy(format!("{} ready", state.resource_id)))
//!     }
//!
//!     fn observe(_: &Context<'_>, _: &Service<Options>, _: &State) -> Result<Vec<Change>, Failure> {
//!         Ok(Vec::new())
//!     }
//!
//!     fn find(_: &Context<'_>, _: &Service<Options>) -> Result<Option<State>, Failure> {
//!         Ok(None)
//!     }
//!
//!     fn destroy(_: &Context<'_>, _: &State) -> Result<(), Failure> {
//!         Ok(())
//!     }
//! }
//!
//! ss_sdk::export!(Acme);
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2` as a `cdylib`. Its manifest,
//! `plugin.toml`, says what it asks for.
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
