//! What to do about operations that an earlier run began and did not finish.
//!
//! The journal says what may exist; here is decided whether the next attempt may simply be made, goes on
//! from what the plugin saved, adopts what the provider has, or must not be made. The rule above all:
//! nothing is created twice.

mod search;
mod standing;
mod start;

pub(crate) use search::described;
use search::search;
use standing::{Standing, standing};

pub(crate) use start::Start;
