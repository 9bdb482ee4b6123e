//! Stand-in clouds: stateful local servers that behave like a provider, for tests and rehearsals.
//!
//! ```no_run
//! use ss_clouds::{Cloud, Fault, Habits, Trouble};
//!
//! let neon = Cloud::neon(Habits::default()).start()?;
//! neon.inject(Fault::of(Trouble::Lost { status: None }).on("POST", "projects"));
//! // … run `ss` with STARSYSTEM_ENDPOINT_NEON set to `neon.url()` …
//! assert_eq!(neon.projects().len(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What belongs here: what providers do, seen from outside, and their bad habits. What does not: anything
//! of `ss`; no crate of this workspace is used, so that the stand-ins cannot share its mistakes.
//!
//! Layers, in the order a request meets them: `front` (HTTP), `state` (recording and habits), one module per
//! provider (pure state machines from a call to an answer), [`spec`] (judges the record afterwards).

mod aws;
mod call;
mod client;
mod clock;
mod cloud;
pub mod cloudflare;
mod dice;
mod fault;
mod fly;
mod front;
mod habits;
mod neon;
pub mod porkbun;
mod railway;
mod record;
pub mod spec;
mod state;
mod supabase;

pub use aws::{AccountView, BucketView, DistributionView};
pub use client::{Client, Response};
pub use cloud::{Cloud, Running};
pub use fault::{Fault, Trouble};
pub use fly::{AppView, MachineView};
pub use habits::{Habits, Pace, RateLimit};
pub use neon::ProjectView;
pub use railway::{RailwayServiceView, RailwayView};
pub use record::{Provider, Recorded, Surface};
pub use supabase::SupabaseView;
