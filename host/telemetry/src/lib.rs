//! Traces of runs, for a collector that speaks OTLP.
//!
//! A trace is made of a run's receipt once the run has ended, and sent in one request. So telemetry cannot
//! slow a run down or change what it does, and it says nothing that the receipt does not say. A collector that
//! is dead costs half a second at most.
//!
//! The id of a run is the id of its trace, and the ids of spans follow from it and their names: whoever has a
//! receipt finds the trace, and a program that a run starts can be told what its parent will be.
//!
//! Here belong the variables of OpenTelemetry, the tree of spans and its encoding. How a receipt comes about
//! does not, and nothing of the run but the receipt may be read.

mod encode;
mod export;
mod settings;
mod trace;

pub use encode::encode;
pub use export::{ExportError, export};
pub use settings::{Settings, SettingsError};
pub use trace::{Span, SpanKind, Trace, Value, traceparent};
