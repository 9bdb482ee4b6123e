//! How results look: plans, progress, health, findings.

pub mod diagnostics;
pub mod diagram;
pub mod failure;
pub mod live;
pub mod plan;
pub mod preview;
pub mod receipt;
pub mod run;
