//! The MCP server: what an agent may see of a system, and do to it, over the Model Context Protocol.
//!
//! A thin face over the engine, as `ss-cli` is the other one. A *tool* turns arguments into calls of the engine and
//! the result into JSON that agrees with its published schema. Tools that only look run freely. Whatever changes
//! a file, a process or a provider goes through [`approval`]: the change is planned, the plan has a digest, and
//! it is made only if the operator's policy allows it or a person has approved that digest. Text that others
//! wrote (providers, plugins, the system's own files) reaches the client in a wrapper that says so ([`marked`]),
//! and everything passes the scrubber.
//!
//! Threat: the client may be steered by whoever wrote a text that it read. So nothing here trusts an argument:
//! no tool names a file, no tool returns a value of the vault, no tool hands out an approval, and the HTTP
//! transport ([`http`]) answers neither foreign web pages nor strangers on the network.
//!
//! What does not belong here: the terminal, WebAssembly, putting the libraries together (the program does that,
//! see [`Composition`]).

mod answer;
pub mod approval;
mod composition;
mod handler;
pub mod http;
pub mod marked;
mod prompts;
mod reference;
mod resources;
mod runs;
mod schema;
mod server;
mod stdio;
mod tools;

pub use composition::{Composition, Opened, Opening, Refusal, Report};
pub use reference::reference;
pub use server::{Config, Server};
pub use stdio::serve_stdio;
