//! From bytes to a component that can be instantiated: inspected, compiled or loaded, checked.
//!
//! Compiling is work that a stranger's file chooses the amount of, and wasmtime does not count that as an
//! attack; so it has a size cap and a time cap of its own, in a thread that nobody waits for longer.

use std::os::fd::AsRawFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ss_authority::Authority;
use tokio::sync::oneshot::Receiver;
use wasmtime::component::Component;

use crate::contract::{Contract, Prepared};
use crate::engine::Machine;
use crate::error::{RuntimeError, Unfit, with_causes};
use crate::inspect::inspect;
use crate::runtime::{Inner, Notice};
use crate::source::ComponentSource;

/// Time after which a person wants to know what takes so long.
const SLOW: Duration = Duration::from_millis(500);

/// Finds the contract of a component, and refuses one that may not run under this authority. Quick: it is
/// done each time, also where everything else is cached.
pub(crate) fn admit(
    inner: &Inner,
    source: &ComponentSource,
    authority: &Authority,
) -> Result<Contract, RuntimeError> {
    let (size, limit) = (size_of(source), inner.limits.component_size);
    let admitted = if size > limit {
        Err(Unfit::TooLarge { size, limit })
    } else {
        let outside = source.component().outside();
        let outside = outside.map_err(|error| Unfit::Malformed { reason: error.to_string() });
        outside.and_then(|outside| inspect(outside, authority))
    };
    admitted.map_err(|reason| RuntimeError::Unfit { plugin: source.identity().name.clone(), reason })
}

/// Makes an admitted plugin ready to be instantiated.
///
/// Loading and compiling run in threads of their own: any number are loaded at the same time, and a few
/// compiled. The time limit of a plugin counts from its turn.
pub(crate) async fn prepare(
    inner: &Arc<Inner>,
    source: &Arc<ComponentSource>,
    contract: Contract,
) -> Result<Prepared, RuntimeError> {
    let work = || Work { inner: inner.clone(), source: source.clone(), contract };
    let loaded = in_thread(work(), Work::loaded)?;
    if let Some(prepared) = loaded.await.map_err(|_| crashed())?? {
        return Ok(prepared);
    }

    let plugin = &source.identity().name;
    let notice = || inner.notice(&Notice::Compiling { plugin: plugin.clone() });
    let mut turn = pin!(inner.compiling.acquire());
    let (turn, told) = match tokio::time::timeout(SLOW, &mut turn).await {
        Ok(turn) => (turn, false),
        Err(_) => {
            notice();
            (turn.await, true)
        }
    };
    // The semaphore is never closed.
    let _turn = turn.map_err(|error| RuntimeError::Engine { reason: error.to_string() })?;
    let limit = inner.limits.compile_time_of(size_of(source));
    let mut compiled = in_thread(work(), Work::compiled)?;
    let quiet = if told { limit } else { SLOW.min(limit) };
    let outcome = match tokio::time::timeout(quiet, &mut compiled).await {
        Ok(outcome) => outcome,
        Err(_) => {
            if !told {
                notice();
            }
            tokio::time::timeout(limit.saturating_sub(quiet), compiled).await.map_err(|_| {
                RuntimeError::Unfit { plugin: plugin.clone(), reason: Unfit::CompileTime { limit } }
            })?
        }
    };
    outcome.map_err(|_| crashed())?
}

fn size_of(source: &ComponentSource) -> usize {
    usize::try_from(source.component().size()).unwrap_or(usize::MAX)
}

/// Does work in a thread of its own. Nobody has to wait for the result.
fn in_thread<T: Send + 'static>(
    work: Work,
    what: impl FnOnce(&Work) -> T + Send + 'static,
) -> Result<Receiver<T>, RuntimeError> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("ss-compile".into())
        .spawn(move || {
            // Nobody receives it if it took too long.
            let _ = done.send(what(&work));
        })
        .map_err(|error| RuntimeError::Engine { reason: error.to_string() })?;
    Ok(result)
}

fn crashed() -> RuntimeError {
    RuntimeError::Engine { reason: "the compiler crashed".into() }
}

/// What a thread works on.
struct Work {
    inner: Arc<Inner>,
    source: Arc<ComponentSource>,
    contract: Contract,
}

impl Work {
    /// The plugin from the cache; none if it must be compiled.
    fn loaded(&self) -> Result<Option<Prepared>, RuntimeError> {
        let machine = self.inner.machine()?;
        self.load(machine)?.map(|component| self.linked(machine, &component)).transpose()
    }

    /// The plugin, compiled, and kept in the cache.
    fn compiled(&self) -> Result<Prepared, RuntimeError> {
        let machine = self.inner.machine()?;
        let component = self.compile(machine)?;
        self.linked(machine, &component)
    }

    fn linked(&self, machine: &Machine, component: &Component) -> Result<Prepared, RuntimeError> {
        self.contract.prepare(machine.linker(self.contract), component).map_err(|error| {
            self.unfit(Unfit::Mismatch { contract: self.contract.version(), reason: format!("{error:#}") })
        })
    }

    /// Loads the component from the cache. Whatever is wrong with the entry, it is compiled again.
    fn load(&self, machine: &Machine) -> Result<Option<Component>, RuntimeError> {
        let Some(cache) = self.inner.cache()? else { return Ok(None) };
        let Some(code) = cache.open_file(&self.cache_name(machine))? else { return Ok(None) };
        // The file that was checked, whatever its name stands for by now.
        let checked = format!("/dev/fd/{}", code.as_raw_fd());
        #[expect(unsafe_code, reason = "loading compiled code is what the cache is for")]
        // SAFETY: these are bytes that `Component::serialize` returned to `compile` below, on this machine:
        // the cache has checked their keyed hash, which covers the name with the component's digest and the engine's
        // compatibility hash. The file is mapped by the descriptor that was checked; it belongs to this user
        // alone, and `ss` changes no file in place.
        let component = unsafe { Component::deserialize_file(&machine.engine, checked) };
        Ok(component.ok())
    }

    fn compile(&self, machine: &Machine) -> Result<Component, RuntimeError> {
        let bytes = self.source.component().bytes();
        let bytes = bytes.map_err(|error| self.unfit(Unfit::Unreadable { reason: error.to_string() }))?;
        let component = Component::from_binary(&machine.engine, &bytes)
            .map_err(|error| self.unfit(Unfit::Compile { reason: format!("{error:#}") }))?;
        if let Some(cache) = self.inner.cache()? {
            let kept = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
                cache.store(&self.cache_name(machine), &code).map_err(|error| with_causes(&error))
            });
            // It can be used without that, so a full disk is only worth a notice.
            if let Err(reason) = kept {
                self.inner.notice(&Notice::NotCached { reason });
            }
        }
        Ok(component)
    }

    fn cache_name(&self, machine: &Machine) -> String {
        format!("{}-{}.cwasm", self.source.hex_digest(), machine.compatibility)
    }

    fn unfit(&self, reason: Unfit) -> RuntimeError {
        RuntimeError::Unfit { plugin: self.source.identity().name.clone(), reason }
    }
}
