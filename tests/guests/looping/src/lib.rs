//! A plugin that never finishes describing itself.

use guest_bindings::types::{Change, Context, Description, Failure, Health, Outcome, Plan, Service, State};
use guest_bindings::{Guest, failure};

struct Looping;

guest_bindings::export_plugin!(Looping with_types_in guest_bindings);

impl Guest for Looping {
    fn describe() -> Description {
        let mut n: u64 = 0;
        loop {
            n = std::hint::black_box(n.wrapping_add(1));
        }
    }

    fn can_provision(_: Service) -> bool {
        false
    }

    fn plan(_: Context, _: Service) -> Result<Plan, Failure> {
        Err(failure("never"))
    }

    fn provision(_: Context, _: Service) -> Result<Outcome, Failure> {
        Err(failure("never"))
    }

    fn status(_: Context, _: State) -> Result<Health, Failure> {
        Err(failure("never"))
    }

    fn observe(_: Context, _: Service, _: State) -> Result<Vec<Change>, Failure> {
        Err(failure("never"))
    }

    fn find(_: Context, _: Service) -> Result<Option<State>, Failure> {
        Err(failure("never"))
    }

    fn destroy(_: Context, _: State) -> Result<(), Failure> {
        Err(failure("never"))
    }
}
