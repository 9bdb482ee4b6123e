//! Which provider takes a service, or why none does.
//!
//! In this order (contract row R14): the overlay's `target.type`, then `provision.provider`, then the
//! shapes that plugins claim, then none. Being skipped is never an error. Routing calls no plugin: it goes
//! by descriptions, which are cached; a shape's last word, `can-provision`, is asked for by the plan.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ss_provider::{Provider, Providers};

use crate::core::Scope;

/// What a service says about who should take it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// Its `type`.
    pub kind: &'a str,
    /// `target.type`.
    pub target: Option<&'a str>,
    /// `provision.provider`.
    pub provider: Option<&'a str>,
    /// It asks for the local flavour of its provider: `mode: local` or `provision.local: true`.
    pub local: bool,
}

/// Where a service goes.
pub(crate) enum Route {
    /// To these, in order; more than one only if a shape is claimed by several.
    To(Vec<Candidate>),
    /// Nowhere.
    Skip(SkipReason),
}

/// A provider that may take a service.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub provider: Arc<dyn Provider>,
    /// The block that its options come from.
    pub block: Block,
}

/// The block of the service that holds the provider's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// `target`.
    Target,
    /// `provision`.
    Provision,
    /// The key that the claimed shape requires, if that is a map; `provision` if it is not.
    Shape(String),
}

/// Why a service is left out. Never an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum SkipReason {
    /// Nobody provisions services like this.
    NoProvisioner,
    /// It names a provider that there is no plugin for.
    UnknownProvider {
        /// The name.
        name: String,
        /// A provider of a similar name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        did_you_mean: Option<String>,
    },
    /// Terraform's, which another command applies.
    Terraform,
    /// It runs on this machine, or is found by its shape: another command handles it.
    LeftToProvision,
}

impl SkipReason {
    /// Why, in a few words.
    pub fn message(&self) -> String {
        match self {
            Self::NoProvisioner => "no provisioner".to_owned(),
            Self::UnknownProvider { name, .. } => format!("no provisioner `{name}`"),
            Self::Terraform => "Terraform target".to_owned(),
            Self::LeftToProvision => "handled by `ss provision`".to_owned(),
        }
    }

    /// What a person may want to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProvisioner | Self::LeftToProvision => None,
            Self::UnknownProvider { did_you_mean, .. } => {
                did_you_mean.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            Self::Terraform => Some("use `ss deploy`".to_owned()),
        }
    }
}

/// The target type whose services `ss deploy` hands to Terraform.
const TERRAFORM: &str = "terraform";
/// The target type of services that run elsewhere and are nobody's to provision.
const EXTERNAL: &str = "external";

/// Routes services to providers.
pub(crate) struct Router {
    providers: Arc<dyn Providers>,
    names: Vec<String>,
    /// By service type.
    claims: HashMap<String, Vec<Claim>>,
}

struct Claim {
    requires: String,
    provider: Arc<dyn Provider>,
}

impl Router {
    /// A router over these providers.
    pub(crate) fn new(providers: Arc<dyn Providers>) -> Self {
        let names = providers.names();
        let mut claims: HashMap<String, Vec<Claim>> = HashMap::new();
        for provider in names.iter().filter_map(|name| providers.get(name)) {
            for shape in &provider.description().shapes {
                let claim = Claim { requires: shape.requires.clone(), provider: provider.clone() };
                claims.entry(shape.kind.clone()).or_default().push(claim);
            }
        }
        Self { providers, names, claims }
    }

    /// The provider of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        self.providers.get(name)
    }

    /// Whether the provider of this name acts on this machine.
    pub(crate) fn acts_here(&self, name: &str) -> bool {
        self.providers.acts_here(name)
    }

    /// Where a service goes. `has` says whether the service has a key.
    pub(crate) fn route(&self, wanted: Wanted<'_>, has: impl Fn(&str) -> bool) -> Route {
        match (wanted.target, wanted.provider) {
            (Some(TERRAFORM), _) => self.terraform(Block::Target),
            (Some(EXTERNAL), _) => Route::Skip(SkipReason::NoProvisioner),
            (Some(name), _) => self.named(name, wanted.local, Block::Target),
            (None, Some(TERRAFORM)) => self.terraform(Block::Provision),
            (None, Some(name)) => self.named(name, wanted.local, Block::Provision),
            (None, None) => self.shaped(wanted.kind, has),
        }
    }

    /// Terraform, if whoever composed the engine gave it an executor under that name.
    fn terraform(&self, block: Block) -> Route {
        match self.providers.get(TERRAFORM) {
            Some(provider) => Route::To(vec![Candidate { provider, block }]),
            None => Route::Skip(SkipReason::Terraform),
        }
    }

    /// What is left of a route within a command's scope.
    pub(crate) fn within(&self, scope: Scope, wanted: Wanted<'_>, route: Route) -> Route {
        let Route::To(candidates) = &route else { return route };
        let by_shape = wanted.target.is_none() && wanted.provider.is_none();
        let is = |name: &str| candidates.iter().any(|c| c.provider.description().provider == name);
        let here = candidates.iter().any(|c| self.providers.acts_here(&c.provider.description().provider));
        match scope {
            Scope::Provision if is(TERRAFORM) => Route::Skip(SkipReason::Terraform),
            Scope::Deploy if by_shape || here => Route::Skip(SkipReason::LeftToProvision),
            _ => route,
        }
    }

    /// A provider that is named. Where it has a local flavour, `<name>-local`, a service may ask for that.
    fn named(&self, name: &str, local: bool, block: Block) -> Route {
        let flavour = local.then(|| self.providers.get(&format!("{name}-local"))).flatten();
        match flavour.or_else(|| self.providers.get(name)) {
            Some(provider) => Route::To(vec![Candidate { provider, block }]),
            None => {
                let close = ss_config::closest(name, self.names.iter().map(String::as_str));
                let did_you_mean = close.map(str::to_owned);
                Route::Skip(SkipReason::UnknownProvider { name: name.to_owned(), did_you_mean })
            }
        }
    }

    fn shaped(&self, kind: &str, has: impl Fn(&str) -> bool) -> Route {
        let claims = self.claims.get(kind).into_iter().flatten().filter(|claim| has(&claim.requires));
        let candidates: Vec<Candidate> = claims
            .map(|claim| Candidate {
                provider: claim.provider.clone(),
                block: Block::Shape(claim.requires.clone()),
            })
            .collect();
        if candidates.is_empty() { Route::Skip(SkipReason::NoProvisioner) } else { Route::To(candidates) }
    }
}
