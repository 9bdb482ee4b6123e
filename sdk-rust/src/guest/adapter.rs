//! The exported adapter: converts the arguments, calls the provider, converts the answer.

use std::marker::PhantomData;

use serde_json::Value;

use super::bindings::exports::starsystem::provisioner::adapter::Guest;
use super::bindings::starsystem::provisioner::types as wit;
use super::convert;
use super::imports::Imports;
use crate::{Context, Failure, Provider, Service};

/// The component of a provider.
pub struct Component<P>(PhantomData<P>);

impl<P: Provider> Guest for Component<P> {
    fn describe() -> wit::Description {
        convert::description(P::describe())
    }

    fn can_provision(service: wit::Service) -> bool {
        // Options that cannot be read are the plugin's to report, in `plan`.
        typed::<P>(service).map_or(true, |service| P::can_provision(&service))
    }

    fn plan(context: wit::Context, service: wit::Service) -> Result<wit::Plan, wit::Failure> {
        answer(with::<P, _>(context, service, P::plan), convert::plan)
    }

    fn provision(context: wit::Context, service: wit::Service) -> Result<wit::Outcome, wit::Failure> {
        answer(with::<P, _>(context, service, P::provision), convert::outcome)
    }

    fn status(context: wit::Context, state: wit::State) -> Result<wit::Health, wit::Failure> {
        answer(P::status(&received(context), &convert::state_in(state)), convert::health)
    }

    fn observe(
        context: wit::Context,
        service: wit::Service,
        state: wit::State,
    ) -> Result<Vec<wit::Change>, wit::Failure> {
        let state = convert::state_in(state);
        let changes = with::<P, _>(context, service, |context, service| P::observe(context, service, &state));
        answer(changes, convert::changes)
    }

    fn find(context: wit::Context, service: wit::Service) -> Result<Option<wit::State>, wit::Failure> {
        answer(with::<P, _>(context, service, P::find), |state| state.map(convert::state_out))
    }

    fn destroy(context: wit::Context, state: wit::State) -> Result<(), wit::Failure> {
        answer(P::destroy(&received(context), &convert::state_in(state)), |()| ())
    }
}

fn with<P: Provider, T>(
    context: wit::Context,
    service: wit::Service,
    operation: impl FnOnce(&Context<'_>, &Service<P::Options>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    operation(&received(context), &typed::<P>(service)?)
}

fn typed<P: Provider>(service: wit::Service) -> Result<Service<P::Options>, Failure> {
    let service: Service<Value> = convert::service(service)?;
    service.parse()
}

fn received(context: wit::Context) -> Context<'static> {
    convert::context(&Imports, context)
}

fn answer<T, W>(result: Result<T, Failure>, convert: impl FnOnce(T) -> W) -> Result<W, wit::Failure> {
    result.map(convert).map_err(convert::failure)
}
