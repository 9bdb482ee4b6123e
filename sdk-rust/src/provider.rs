//! The trait that a plugin implements.

use serde::de::DeserializeOwned;

use crate::{Change, Context, Description, Failure, Health, Outcome, Plan, Service, State};

/// A provider of one kind of resource.
///
/// Every call is a fresh instance: nothing is kept between two of them. Only
/// [`provision`](Provider::provision) and [`destroy`](Provider::destroy) may change anything outside.
pub trait Provider {
    /// The service's options, read after the host validated them against
    /// [`Description::options_schema`].
    type Options: DeserializeOwned;

    /// What the plugin says about itself. Pure, and called once per component.
    fn describe() -> Description;

    /// Whether the plugin takes a service whose shape it claimed.
    fn can_provision(_service: &Service<Self::Options>) -> bool {
        true
    }

    /// What [`provision`](Provider::provision) would do now.
    ///
    /// # Errors
    ///
    /// What is known to be wrong before anything changes.
    fn plan(context: &Context<'_>, service: &Service<Self::Options>) -> Result<Plan, Failure>;

    /// Creates or converges. With [`Context::existing`] it refreshes and never creates again.
    ///
    /// # Errors
    ///
    /// Any kind; partial work must have been saved before.
    fn provision(context: &Context<'_>, service: &Service<Self::Options>) -> Result<Outcome, Failure>;

    /// Whether the resource works now.
    ///
    /// # Errors
    ///
    /// Only if that cannot be found out.
    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure>;

    /// What differs at the provider from what was provisioned. Empty if nothing does.
    ///
    /// # Errors
    ///
    /// Only if that cannot be found out.
    fn observe(
        context: &Context<'_>,
        service: &Service<Self::Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure>;

    /// A resource that an interrupted [`provision`](Provider::provision) may have left.
    ///
    /// # Errors
    ///
    /// A conflict, if more than one matches.
    fn find(context: &Context<'_>, service: &Service<Self::Options>) -> Result<Option<State>, Failure>;

    /// Tears the resource down and waits until it is gone. A resource already gone is success.
    ///
    /// # Errors
    ///
    /// Any kind; the resource, or a part of it, may still exist.
    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure>;
}
