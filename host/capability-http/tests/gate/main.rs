//! The gate from outside: what it allows, what it denies, every known way around it, and what it does with
//! servers that misbehave. All traffic stays on this machine.

mod allow;
mod answers;
mod bypass;
mod connections;
mod journal;
mod oracle;
mod retries;
mod sealed;
mod speed;
mod support;
