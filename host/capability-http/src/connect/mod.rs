//! Making connections: resolve, check every address, dial exactly the checked ones.
//!
//! Threat: DNS rebinding. A check that resolves once and a client that resolves again can be told two
//! different things, so there is one resolution, its answer is checked, and the socket goes to a checked
//! address. Numeric hosts take the same way: nothing skips the check.

mod dial;
mod resolve;
mod stream;
mod tls;

pub(crate) use dial::{ConnectError, Connector, Reach};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub(crate) use stream::Stream;
pub(crate) use tls::Tls;
