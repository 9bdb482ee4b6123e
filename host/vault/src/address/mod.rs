//! Addresses: many spellings, one place.
//!
//! People write `neon.api_token`, `providers:neon api_key` or `AWS_SECRET_ACCESS_KEY`; templates write
//! `vault('hosting.acme_email')`; plugins ask for `providers:neon/api_key`. All pass through [`resolve`],
//! which knows the rules (R1 to R8 of the contract) and nothing of storage:
//!
//! 1. A single word is split at its first `.` or `/`; without one it is a key of `secrets`.
//! 2. `providers:<p>` is a provider, whatever is known of it.
//! 3. A known provider's credential names, in every alias, are the provider's key, even if a service has
//!    the provider's name. Its other names are the service's, if there is one, else the provider's.
//! 4. A service of the project comes next: its names belong to the project and environment.
//! 5. `api_key` and `api_token` of an unknown namespace are the key of a provider of that name; a bare
//!    name that a provider claims, such as `AWS_SECRET_ACCESS_KEY`, is that provider's key.
//! 6. Anything else is a key of a plain namespace of this machine.

mod catalog;

use std::fmt;

pub use catalog::{Catalog, KeySpec, PRIMARY_ALIASES};

use crate::VaultError;

/// The namespace of keys that were given without one.
pub(crate) const BARE: &str = "secrets";
/// How a provider's namespace begins.
pub(crate) const PROVIDERS: &str = "providers:";
/// Longest namespace or key name, in bytes. Environment variables and service ids stay far below.
const MAX_NAME: usize = 200;

/// An address as a person, a template or a plugin writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words<'a> {
    /// `neon.api_token`, `providers:neon/api_key`, `AWS_SECRET_ACCESS_KEY`.
    One(&'a str),
    /// `providers:cloudflare api_key`, `hosting acme_email`.
    Two(&'a str, &'a str),
    /// The words of `ss vault set-key`: `neon api_key`.
    ProviderKey(&'a str, &'a str),
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(word) => f.write_str(word),
            Self::Two(namespace, key) | Self::ProviderKey(namespace, key) => write!(f, "{namespace} {key}"),
        }
    }
}

/// The one place that a spelling means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A key of a provider, machine-wide.
    Provider {
        /// Provider name.
        provider: String,
        /// The key's canonical name.
        key: String,
    },
    /// A key of a plain namespace, machine-wide.
    Namespace {
        /// Such as `hosting` or `secrets`.
        namespace: String,
        /// Such as `acme_email`.
        key: String,
    },
    /// A credential of a service in the current project and environment.
    Service {
        /// The service's id.
        service: String,
        /// Such as `DATABASE_URL`.
        name: String,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider { provider, key } => write!(f, "{PROVIDERS}{provider}/{key}"),
            Self::Namespace { namespace, key } => write!(f, "{namespace}/{key}"),
            Self::Service { service, name } => write!(f, "{service}.{name}"),
        }
    }
}

impl Address {
    /// The command that stores a value here; it asks for the value.
    pub fn command(&self) -> String {
        match self {
            Self::Provider { provider, key } => format!("ss vault set-key {provider} {key}"),
            Self::Namespace { namespace, key } if namespace == BARE => format!("ss vault set {key}"),
            Self::Namespace { namespace, key } => format!("ss vault set {namespace}.{key}"),
            Self::Service { service, name } => format!("ss vault set {service}.{name}"),
        }
    }
}

/// Finds the one place that the words mean. `has_provider` says whether the vault holds `providers:<name>`.
pub(crate) fn resolve(
    words: Words<'_>,
    catalog: &Catalog,
    has_provider: &dyn Fn(&str) -> bool,
) -> Result<Address, VaultError> {
    let (namespace, key) = match words {
        Words::One(word) => word.split_once(['.', '/']).unwrap_or((BARE, word)),
        Words::Two(namespace, key) => (namespace, key),
        Words::ProviderKey(provider, key) => {
            let provider = provider.strip_prefix(PROVIDERS).unwrap_or(provider);
            return checked(words, provider_address(catalog, provider, key));
        }
    };
    checked(words, place(namespace, key, catalog, has_provider))
}

/// Rules 2 to 6.
fn place(namespace: &str, key: &str, catalog: &Catalog, has_provider: &dyn Fn(&str) -> bool) -> Address {
    if let Some(provider) = namespace.strip_prefix(PROVIDERS) {
        return provider_address(catalog, provider, key);
    }
    let service = || Address::Service { service: namespace.to_owned(), name: key.to_owned() };
    let is_service = namespace != BARE && catalog.services.contains(namespace);
    if catalog.providers.contains_key(namespace) {
        return if is_service && catalog.spec(namespace, key).is_none() {
            service()
        } else {
            provider_address(catalog, namespace, key)
        };
    }
    if is_service {
        return service();
    }
    if namespace == BARE {
        if let Some((provider, spec)) = catalog.claimed(key) {
            return Address::Provider { provider: provider.to_owned(), key: spec.name.clone() };
        }
    } else if matches!(key, "api_key" | "api_token") || has_provider(namespace) {
        return provider_address(catalog, namespace, key);
    }
    Address::Namespace { namespace: namespace.to_owned(), key: key.to_owned() }
}

fn provider_address(catalog: &Catalog, provider: &str, key: &str) -> Address {
    let key = catalog.canonical(provider, key);
    Address::Provider { provider: provider.to_owned(), key: key.to_owned() }
}

/// Refuses names that no spelling could reach again, or that would garble a message.
fn checked(words: Words<'_>, address: Address) -> Result<Address, VaultError> {
    let (first, second) = match &address {
        Address::Provider { provider: first, key: second }
        | Address::Namespace { namespace: first, key: second }
        | Address::Service { service: first, name: second } => (first, second),
    };
    let refused = |reason: &str| VaultError::Address {
        text: words.to_string().chars().filter(|c| !c.is_control()).take(MAX_NAME).collect(),
        reason: reason.to_owned(),
    };
    if first.is_empty() || second.is_empty() {
        return Err(refused("write `<namespace>.<key>`, `<namespace> <key>` or `<KEY>`"));
    }
    if first.len() > MAX_NAME || second.len() > MAX_NAME {
        return Err(refused("a namespace and a key have at most 200 bytes each"));
    }
    if first.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
        return Err(refused("a namespace has no spaces, slashes or control characters"));
    }
    if second.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("a key has no spaces or control characters"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.add_provider("neon", vec![KeySpec::new("api_key").environment("NEON_API_KEY")]);
        catalog.add_provider(
            "aws",
            vec![
                KeySpec::new("access_key_id").environment("AWS_ACCESS_KEY_ID"),
                KeySpec::new("secret_access_key").bare("AWS_SECRET_ACCESS_KEY"),
            ],
        );
        catalog.services.extend(["app-db".to_owned(), "neon".to_owned(), "secrets".to_owned()]);
        catalog
    }

    fn address(words: Words<'_>) -> String {
        resolve(words, &catalog(), &|name| name == "workos").unwrap().to_string()
    }

    #[test]
    fn every_spelling_of_a_provider_key_is_one_address() {
        for words in [
            Words::One("neon.api_key"),
            Words::One("neon.api_token"),
            Words::One("neon.token"),
            Words::One("providers:neon.api_token"),
            Words::One("providers:neon/api_key"),
            Words::Two("neon", "api_key"),
            Words::Two("providers:neon", "token"),
            Words::ProviderKey("neon", "api_token"),
            Words::ProviderKey("providers:neon", "api_key"),
        ] {
            assert_eq!(address(words), "providers:neon/api_key", "{words}");
        }
    }

    #[test]
    fn a_provider_with_two_keys() {
        assert_eq!(address(Words::ProviderKey("aws", "api_key")), "providers:aws/access_key_id");
        assert_eq!(address(Words::One("aws.access_key_id")), "providers:aws/access_key_id");
        for words in [
            Words::One("AWS_SECRET_ACCESS_KEY"),
            Words::One("secrets.AWS_SECRET_ACCESS_KEY"),
            Words::Two("secrets", "AWS_SECRET_ACCESS_KEY"),
            Words::One("aws.secret_access_key"),
            Words::One("aws.AWS_SECRET_ACCESS_KEY"),
        ] {
            assert_eq!(address(words), "providers:aws/secret_access_key", "{words}");
        }
    }

    #[test]
    fn a_service_named_like_a_provider_has_all_names_but_the_credentials() {
        assert_eq!(address(Words::One("neon.api_token")), "providers:neon/api_key");
        assert_eq!(address(Words::One("neon.DATABASE_URL")), "neon.DATABASE_URL");
        assert_eq!(address(Words::One("aws.DATABASE_URL")), "providers:aws/DATABASE_URL");
        assert_eq!(address(Words::One("providers:neon.DATABASE_URL")), "providers:neon/DATABASE_URL");
    }

    #[test]
    fn services_namespaces_and_bare_keys() {
        assert_eq!(address(Words::One("app-db.DATABASE_URL")), "app-db.DATABASE_URL");
        assert_eq!(address(Words::Two("hosting", "acme_email")), "hosting/acme_email");
        assert_eq!(address(Words::One("hosting.acme.email")), "hosting/acme.email", "first dot only");
        assert_eq!(address(Words::One("CF_ZONE_ID")), "secrets/CF_ZONE_ID");
        assert_eq!(address(Words::One("secrets.CF_ZONE_ID")), "secrets/CF_ZONE_ID");
    }

    #[test]
    fn unknown_providers() {
        assert_eq!(address(Words::One("stripe.api_token")), "providers:stripe/api_key");
        assert_eq!(address(Words::One("stripe.token")), "stripe/token");
        assert_eq!(address(Words::One("workos.client_id")), "providers:workos/client_id", "already there");
        assert_eq!(address(Words::Two("providers:stripe", "token")), "providers:stripe/api_key");
    }

    #[test]
    fn words_that_address_nothing_are_refused() {
        for words in [
            Words::One(""),
            Words::One(".key"),
            Words::One("neon."),
            Words::Two("providers:", "api_key"),
            Words::Two("a b", "c"),
            Words::Two("a/b", "c"),
            Words::Two("a", "b\n"),
            Words::One(&"x".repeat(300)),
        ] {
            assert!(resolve(words, &catalog(), &|_| false).is_err(), "{words}");
        }
    }
}
