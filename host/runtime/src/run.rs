//! One call of a guest, from instantiation to its answer or its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ss_provider::{Cancel, Failure, FailureKind};
use wasmtime::Store;
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use crate::contract::{Guest, Prepared};
use crate::engine::Turn;
use crate::error::{RuntimeError, with_causes};
use crate::gates::Gates;
use crate::limits::Overrun;
use crate::log::Log;
use crate::runtime::Inner;
use crate::session::{End, Session};
use crate::text::Cleaner;

/// Longest part of a crash report.
const MAX_REPORT: usize = 500;

/// What a call of the guest returns, boxed.
pub(crate) type Answering<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

/// A call of a guest that is about to be made.
pub(crate) struct Call<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) plugin: &'a str,
    pub(crate) prepared: &'a Prepared,
    pub(crate) gates: Option<Arc<Gates>>,
    pub(crate) log: Log,
    pub(crate) cleaner: &'a Cleaner,
    pub(crate) cancel: Cancel,
    /// How long it may take altogether, for a person.
    pub(crate) limit: Duration,
    /// When that is over.
    pub(crate) deadline: Instant,
    /// Held while it runs.
    pub(crate) turn: Turn<'a>,
}

/// Waits for a guest's turn. The time is not counted as the guest's own.
///
/// # Errors
/// If there is no engine, or a person cancels meanwhile.
pub(crate) async fn turn<'a>(inner: &'a Inner, cancel: &Cancel) -> Result<Turn<'a>, Failure> {
    let machine =
        inner.machine().map_err(|error| Failure::new(FailureKind::Internal, with_causes(&error)))?;
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            Err(Failure::new(FailureKind::Cancelled, "the operation was cancelled before it began"))
        }
        turn = machine.turn() => Ok(turn),
    }
}

impl<'a> Call<'a> {
    /// A call of a function that may do nothing but compute: it has no gates and no log.
    pub(crate) async fn pure(
        inner: &'a Inner,
        plugin: &'a str,
        prepared: &'a Prepared,
        cleaner: &'a Cleaner,
    ) -> Result<Self, Failure> {
        let limit = inner.limits.pure_call;
        let turn = turn(inner, &Cancel::default()).await?;
        Ok(Self {
            inner,
            plugin,
            prepared,
            gates: None,
            log: Log::new(None, cleaner.clone(), inner.limits.log_bytes),
            cleaner,
            cancel: Cancel::default(),
            limit,
            deadline: Instant::now() + limit,
            turn,
        })
    }

    /// Makes the call in a fresh store.
    pub(crate) async fn make<T>(
        self,
        call: impl for<'s> FnOnce(&'s Guest, &'s mut Store<Session>) -> Answering<'s, T>,
    ) -> Result<T, Failure> {
        let machine = self.inner.machine().map_err(|error| self.unusable(&error))?;
        let _running = machine
            .ticker
            .run()
            .map_err(|error| self.unusable(&RuntimeError::Engine { reason: error.to_string() }))?;
        let limits = &self.inner.limits;
        let end = End { deadline: self.deadline, cancel: self.cancel.clone() };
        let session = Session::new(
            limits,
            machine.ticker.ticks(),
            self.gates.clone(),
            self.log.clone(),
            end,
            self.inner.pace,
        );
        let mut store = session.into_store(&machine.engine, limits);
        let answer = async {
            let guest = self.prepared.instantiate(&mut store).await?;
            call(&guest, &mut store).await
        };
        let outcome = self.within_limits(answer).await;
        // Requests that the guest has not waited for must not leave after its operation is over.
        if let Some(gates) = &self.gates {
            gates.close();
        }
        drop(store);
        let outcome = outcome.map_err(|error| self.ended(&error));
        drop(self.turn);
        outcome
    }

    /// Waits for the answer until the deadline. Epochs do not fire while a guest waits in the host; this
    /// timer does, and dropping the call ends whatever it waits for.
    async fn within_limits<T>(
        &self,
        answer: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        tokio::pin!(answer);
        let grace = self.inner.limits.cancel_grace;
        let mut overrun = Overrun::Deadline { limit: self.limit };
        let timer = tokio::time::sleep_until(self.deadline.into());
        tokio::pin!(timer);
        loop {
            tokio::select! {
                biased;
                () = &mut timer => return Err(overrun.into()),
                () = self.cancel.cancelled(), if !matches!(overrun, Overrun::Cancelled { .. }) => {
                    let latest = tokio::time::Instant::now() + grace;
                    if latest < timer.deadline() {
                        timer.as_mut().reset(latest);
                    }
                    overrun = Overrun::Cancelled { grace };
                }
                answer = &mut answer => return answer,
            }
        }
    }

    fn unusable(&self, error: &RuntimeError) -> Failure {
        Failure::new(FailureKind::Internal, self.cleaner.line(&with_causes(error), MAX_REPORT))
    }

    /// Why the guest ended without an answer, for a person.
    fn ended(&self, error: &wasmtime::Error) -> Failure {
        let kind = match error.downcast_ref() {
            Some(Overrun::Cancelled { .. }) => FailureKind::Cancelled,
            _ => FailureKind::Terminated,
        };
        let reason = self.cleaner.line(&self.reason(error), MAX_REPORT);
        Failure::new(kind, format!("plugin `{}` was ended: {reason}", self.plugin))
    }

    fn reason(&self, error: &wasmtime::Error) -> String {
        if let Some(overrun) = error.downcast_ref::<Overrun>() {
            return overrun.to_string();
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return Overrun::Handles { limit: self.inner.limits.handles }.to_string();
        }
        if let Some(I32Exit(code)) = error.downcast_ref() {
            return format!("it exited with code {code} instead of answering");
        }
        match error.downcast_ref() {
            Some(Trap::StackOverflow) => "it used up its stack".to_owned(),
            Some(Trap::UnreachableCodeReached) => match self.log.last_error() {
                Some(last) => format!("it crashed: {last}"),
                None => "it crashed".to_owned(),
            },
            Some(trap) => format!("it crashed ({})", trap.to_string().trim_start_matches("wasm trap: ")),
            None => format!("it broke a limit ({})", error.root_cause()),
        }
    }
}
