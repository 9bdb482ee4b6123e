//! The wasmtime engine: how components are compiled and run, and what is shared by all of them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy};

use crate::contract::Contract;
use crate::error::RuntimeError;
use crate::session::Session;
use crate::ticker::Ticker;

/// One engine with what belongs to it. Made when the first component is loaded, not before.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    /// Names the compiled code that this engine can load: its version, settings and processor.
    pub(crate) compatibility: String,
    linker_0_1_0: Linker<Session>,
}

impl Machine {
    pub(crate) fn new() -> Result<Self, RuntimeError> {
        let failed = |error: wasmtime::Error| RuntimeError::Engine { reason: format!("{error:#}") };
        let engine = Engine::new(&config()).map_err(failed)?;
        let mut linker_0_1_0 = Linker::new(&engine);
        Contract::V0_1_0.link(&mut linker_0_1_0).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            ticker: Ticker::new(engine.clone()),
            compatibility: format!("{:016x}", hasher.finish()),
            engine,
            linker_0_1_0,
        })
    }

    pub(crate) fn linker(&self, contract: Contract) -> &Linker<Session> {
        match contract {
            Contract::V0_1_0 => &self.linker_0_1_0,
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // The pooling allocator costs 2 ms per process and saves 4 µs per instance: not for a command line.
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    // Epochs end loops at a tenth of the cost of fuel.
    config.epoch_interruption(true);
    config.parallel_compilation(true);
    // No plugin sees a backtrace, so the tables for one need not be compiled, hashed and loaded.
    config.generate_address_map(false);
    config.wasm_backtrace_max_frames(None);
    config.native_unwind_info(false);
    config
}
