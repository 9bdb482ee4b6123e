//! The versions of the contract that this `ss` can run, one arm each.
//!
//! Everything outside the `since_*` modules speaks the newest version's types ([`wit`]); an older module
//! converts its own to them.

use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use crate::session::Session;
use crate::since_v0_1_0;
pub(crate) use crate::since_v0_1_0::types as wit;

/// A released version of `starsystem:provisioner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    V0_1_0,
}

impl Contract {
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        match version {
            "0.1.0" => Some(Self::V0_1_0),
            _ => None,
        }
    }

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
        }
    }

    /// Adds what the contract imports.
    pub(crate) fn link(self, linker: &mut Linker<Session>) -> wasmtime::Result<()> {
        match self {
            Self::V0_1_0 => since_v0_1_0::link(linker),
        }
    }

    /// Checks the component's types against the contract's.
    pub(crate) fn prepare(
        self,
        linker: &Linker<Session>,
        component: &Component,
    ) -> wasmtime::Result<Prepared> {
        let instance = linker.instantiate_pre(component)?;
        match self {
            Self::V0_1_0 => Ok(Prepared::V0_1_0(since_v0_1_0::ProvisionerPre::new(instance)?)),
        }
    }
}

/// A compiled and checked plugin, ready to be instantiated.
#[derive(Clone)]
pub(crate) enum Prepared {
    V0_1_0(since_v0_1_0::ProvisionerPre<Session>),
}

impl Prepared {
    pub(crate) async fn instantiate(&self, store: &mut Store<Session>) -> wasmtime::Result<Guest> {
        match self {
            Self::V0_1_0(plugin) => Ok(Guest::V0_1_0(plugin.instantiate_async(store).await?)),
        }
    }
}

/// A running plugin. Its functions are those of `adapter.wit`.
pub(crate) enum Guest {
    V0_1_0(since_v0_1_0::Provisioner),
}

/// What a function that may fail returns: a trap outside, the plugin's own failure inside.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, wit::Failure>>;

macro_rules! forward {
    ($($(#[$doc:meta])* $name:ident = $call:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Guest {
            $(
                pub(crate) async fn $name(
                    &self,
                    store: &mut Store<Session>,
                    $($argument: &$type),*
                ) -> $answer {
                    match self {
                        Self::V0_1_0(guest) => {
                            guest.starsystem_provisioner_adapter().$call(store, $($argument),*).await
                        }
                    }
                }
            )*
        }
    };
}

forward! {
    describe = call_describe() -> wasmtime::Result<wit::Description>;
    can_provision = call_can_provision(service: wit::Service) -> wasmtime::Result<bool>;
    plan = call_plan(context: wit::Context, service: wit::Service) -> Answer<wit::Plan>;
    provision = call_provision(context: wit::Context, service: wit::Service) -> Answer<wit::Outcome>;
    status = call_status(context: wit::Context, state: wit::State) -> Answer<wit::Health>;
    observe = call_observe(context: wit::Context, service: wit::Service, state: wit::State)
        -> Answer<Vec<wit::Change>>;
    find = call_find(context: wit::Context, service: wit::Service) -> Answer<Option<wit::State>>;
    destroy = call_destroy(context: wit::Context, state: wit::State) -> Answer<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_registry_accepts_can_be_run() {
        for version in ss_registry::known_contracts().split(", ") {
            let contract = Contract::of_version(version);
            assert_eq!(contract.map(Contract::version), Some(version));
        }
    }
}
