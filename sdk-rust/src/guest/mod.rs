//! The component side: bindings, the real host, and the adapter that the component exports.
//!
//! Compiled for `wasm32` only. Nothing here is called by plugins; [`crate::export`] uses it.

mod adapter;
mod convert;
mod imports;
mod outgoing;

pub use adapter::Component;
pub use imports::Imports;

/// What `wit-bindgen` makes of the contract.
#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated from the contract")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "provisioner",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_adapter",
    });
}
