//! What belongs to one store, that is to one operation: everything a guest can reach from inside.

use std::sync::Arc;
use std::time::Instant;

use ss_provider::Cancel;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::gates::Gates;
use crate::limits::{Limiter, Limits};
use crate::log::Log;
use crate::meter::Meter;
use crate::outbound::Outbound;
use crate::runtime::Pace;
use crate::ticker::Ticks;

/// State of one store.
pub(crate) struct Session {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    limiter: Limiter,
    meter: Meter,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    /// What the guest was granted; none while it may do nothing but compute.
    pub(crate) gates: Option<Arc<Gates>>,
    pub(crate) end: End,
}

/// When an operation has to end.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) deadline: Instant,
    pub(crate) cancel: Cancel,
}

impl Session {
    pub(crate) fn new(
        limits: &Limits,
        ticks: Arc<Ticks>,
        gates: Option<Arc<Gates>>,
        log: Log,
        end: End,
        pace: Pace,
    ) -> Self {
        let clock = Clock::new(pace);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes);
        // Nothing is added: no folders, variables, arguments or input. Sockets exist and reach nothing.
        let wasi = WasiCtx::builder()
            .monotonic_clock(clock.clone())
            .stdout(log.stream("info"))
            .stderr(log.stream("error"))
            .max_random_size(limits.random_bytes)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            table,
            wasi,
            http,
            outbound: Outbound::new(limits, gates.clone()),
            limiter: Limiter::new(limits),
            meter: Meter::new(ticks, limits),
            log,
            clock,
            gates,
            end,
        }
    }

    /// A store around this session, with every limit on.
    pub(crate) fn into_store(self, engine: &Engine, limits: &Limits) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|session| &mut session.limiter);
        store.set_hostcall_fuel(limits.host_call_bytes);
        // Twice: a call lends handles too. What a guest keeps is counted in the table, which says so.
        store.set_max_component_handles(limits.handles * 2);
        store.call_hook(|mut store, hook| store.data_mut().meter.cross(hook));
        store.set_epoch_deadline(1);
        // Yielding at each epoch lets the timer around the call, and other plugins, have their turn.
        store.epoch_deadline_callback(|store| {
            store.data().meter.check_compute()?;
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

impl WasiView for Session {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Session {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
