//! The HTTP gate: the one way by which a plugin's requests leave, and what holds them back.
//!
//! A [`Gate`] belongs to one operation of one plugin. A request passes these stations, in this order:
//!
//! 1. `judge`: is the URL spelled in the one way that everybody reads alike, is it granted, are method,
//!    headers and sizes in order, may the operation change anything at all?
//! 2. `seal`: does every sealed token stand where its secret may go? Only then are the secrets put in.
//! 3. the journal: a request that may change something is on disk before it leaves.
//! 4. `connect`: the name is resolved, every address checked, and exactly those addresses are dialled.
//! 5. `exchange`: the answer is read under caps of size and time. Redirects are answers like any other.
//! 6. `retry`: what provably changed nothing may be sent again.
//!
//! Threat: the plugin is hostile, and so may be the servers it talks to. What is ambiguous is refused,
//! never repaired. Here does not belong: what a grant means (`ss-authority`), and how a guest's request
//! becomes an [`http::Request`] (`ss-runtime`).

mod address;
mod client;
mod connect;
mod denial;
mod direct;
mod endpoint;
mod error;
mod exchange;
mod gate;
mod journal;
mod judge;
mod limits;
mod policy;
mod retry;
mod seal;

pub use address::forbidden;
pub use client::Client;
pub use connect::{Resolve, Resolving, SystemResolver};
pub use direct::ChosenBy;
pub use endpoint::{Endpoint, EndpointError, Endpoints};
pub use error::SendError;
pub use gate::{Gate, GateConfig, Mode};
pub use hyper::body::Bytes;
pub use journal::NOT_SENT;
pub use judge::{Safety, Verdict};
pub use limits::Limits;
pub use policy::Policy;
