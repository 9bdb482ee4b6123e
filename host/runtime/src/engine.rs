//! The wasmtime engine: how components are compiled and run, and what is shared by all of them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::contract::Contract;
use crate::error::RuntimeError;
use crate::limits::Limits;
use crate::session::Session;
use crate::ticker::Ticker;

/// Guests that run at the same time; more wait for their turn. Twice what a person would let `ss` work on.
const RUNNING: u32 = 64;

/// Bytes of a stack or memory that are zeroed for the next guest rather than given back to the system: what
/// a plugin's `plan` touches. Page faults, above all in a virtual machine, cost more than the rest together.
const KEEP_RESIDENT: usize = 64 << 10;

/// Most bytes that wasmtime may keep about an instance: what an interpreter with its libraries needs.
const INSTANCE_SIZE: usize = 16 << 20;

/// One engine with what belongs to it. Made when the first component is loaded, not before.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    /// Names the compiled code that this engine can load: its version, settings and processor.
    pub(crate) compatibility: String,
    linker_0_1_0: Linker<Session>,
    turns: Semaphore,
}

/// The right to run a guest.
pub(crate) struct Turn<'a>(
    #[expect(dead_code, reason = "given back when it is dropped")] Option<SemaphorePermit<'a>>,
);

impl Machine {
    pub(crate) fn new(limits: &Limits) -> Result<Self, RuntimeError> {
        let failed = |error: wasmtime::Error| RuntimeError::Engine { reason: format!("{error:#}") };
        let engine = Engine::new(config().allocation_strategy(pool(limits)))
            // A pool reserves a terabyte of addresses, which not every system grants.
            .or_else(|_| Engine::new(&config()))
            .map_err(failed)?;
        let mut linker_0_1_0 = Linker::new(&engine);
        Contract::V0_1_0.link(&mut linker_0_1_0).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            ticker: Ticker::new(engine.clone()),
            compatibility: format!("{:016x}", hasher.finish()),
            engine,
            linker_0_1_0,
            turns: Semaphore::new(RUNNING as usize),
        })
    }

    /// Waits until one guest more may run; it may until this is dropped.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // None if the turns were closed, which nobody does.
        Turn(self.turns.acquire().await.ok())
    }

    pub(crate) fn linker(&self, contract: Contract) -> &Linker<Session> {
        match contract {
            Contract::V0_1_0 => &self.linker_0_1_0,
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // Epochs end loops at a tenth of the cost of fuel.
    config.epoch_interruption(true);
    config.parallel_compilation(true);
    // No plugin sees a backtrace, so the tables for one need not be compiled, hashed and loaded.
    config.generate_address_map(false);
    config.wasm_backtrace_max_frames(None);
    config.native_unwind_info(false);
    config
}

/// Slots for every guest that may run, each as large as the limits let it become.
///
/// Reserving and returning memory for each operation would cost twice as much as all the rest of it. The
/// default pool has room for a thousand guests and costs 2 ms per process; this one is not to be measured.
fn pool(limits: &Limits) -> InstanceAllocationStrategy {
    let per_guest = u32::try_from(limits.instances).unwrap_or(u32::MAX);
    let (memories, tables) = (per_guest.min(4), per_guest.min(16));
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(RUNNING)
        .total_core_instances(RUNNING.saturating_mul(per_guest))
        .max_core_instances_per_component(per_guest)
        .max_component_instance_size(INSTANCE_SIZE)
        .max_core_instance_size(INSTANCE_SIZE)
        .total_memories(RUNNING * memories)
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .max_memory_size(limits.memory)
        .total_tables(RUNNING * tables)
        .max_tables_per_component(tables)
        .max_tables_per_module(tables)
        .table_elements(limits.table_elements)
        .total_stacks(RUNNING)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(RUNNING)
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}
