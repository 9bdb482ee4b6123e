//! Contract 0.1.0: bindings, and the host's side of each import.
//!
//! Frozen: this module changes only with the host's own types, never in what a plugin sees.

mod host;
mod lower;

use wasmtime::component::{HasSelf, Linker};

use crate::session::Session;

pub(crate) use bindings::starsystem::provisioner::types;
pub(crate) use bindings::{Provisioner, ProvisionerPre};
pub(crate) use lower::{context, service, state};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "provisioner",
        imports: {
            "starsystem:provisioner/progress": trappable,
            default: async | trappable,
        },
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:random": wasmtime_wasi::p2::bindings::random,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
    });
}

/// Links the contract's own interfaces and the WASI that guests' standard libraries import.
pub(crate) fn link(linker: &mut Linker<Session>) -> wasmtime::Result<()> {
    use bindings::starsystem::provisioner::{files, journal, process, progress, secrets, timer, vault};

    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    types::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    vault::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    secrets::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    journal::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    progress::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    timer::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    process::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)?;
    files::add_to_linker::<_, HasSelf<Session>>(linker, |session| session)
}
