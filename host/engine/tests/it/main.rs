//! The engine against providers and a cloud made of plain Rust.

mod apply;
mod cloud;
mod plan;
mod recovery;
mod routing;
mod scale;
mod secrets;
mod world;
