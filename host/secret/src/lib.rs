//! Secrets that cannot be printed, sealed tokens that stand for them, and the scrubber that finds them.
//!
//! Threat: a secret reaches a place where people or programs read it (terminal, log, `_state`, receipt,
//! span, error, MCP result). Three walls stand against it: the [`Secret`] type prints nothing, a plugin
//! gets a token from [`Seals`] in a secret's place, and every sink passes the [`Scrubber`].
//!
//! Here does not belong: where secrets are stored (`vault`) and who may have them (`authority`).

mod scrubber;
mod seals;
mod secret;

pub use scrubber::Scrubber;
pub use seals::{Seals, Source, TOKEN_PREFIX, Token, Unresolved};
pub use secret::Secret;
