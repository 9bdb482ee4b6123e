//! Where a service can be reached, as a receipt may tell it: the address without what only its users know.
//!
//! Threat: a connection string in a file that people share. What precedes the `@` is hidden, the query is
//! cut, and the path is kept only where the secret stood before the `@`: elsewhere (a webhook) the path
//! itself may be the secret. What then still holds a secret that this run knows is not told at all.

use ss_provider::{Credential, State};
use ss_secret::Scrubber;

/// What stands where user and password stood.
const HIDDEN: &str = "***";

/// The address of a service: the one its state has, else the one among its credentials.
pub(super) fn address(state: &State, credentials: &[Credential], scrubber: &Scrubber) -> Option<String> {
    let from_state = state.metadata.get("url").and_then(|url| url.as_str());
    let found = match from_state {
        Some(url) => Some(without_secrets(url, false)),
        None => credentials
            .iter()
            .filter(|credential| credential.name == "URL" || credential.name.ends_with("_URL"))
            .find_map(|credential| {
                let url = credential.value.expose_str().filter(|url| url.contains("://"))?;
                Some(without_secrets(url, credential.sensitive))
            }),
    };
    found.flatten().filter(|url| !scrubber.leaks(url))
}

/// The address without user, password and query; none if it is not one.
fn without_secrets(url: &str, sensitive: bool) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?;
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let (user, host) = authority.rsplit_once('@').map_or((false, authority), |(_, host)| (true, host));
    if host.is_empty() {
        return None;
    }
    let user = if user { format!("{HIDDEN}@") } else { String::new() };
    let path = match path {
        "" => String::new(),
        path if !sensitive || !user.is_empty() => format!("/{path}"),
        _ => "/…".to_owned(),
    };
    Some(format!("{scheme}://{user}{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anyone_may_know_is_told() {
        for (url, sensitive, told) in [
            (
                "postgresql://u:p@ep-x.neon.tech/neondb?sslmode=require",
                true,
                "postgresql://***@ep-x.neon.tech/neondb",
            ),
            ("postgresql://u:p@ss@h:5432/db", true, "postgresql://***@h:5432/db"),
            ("https://hooks.example/services/T0/secret", true, "https://hooks.example/…"),
            ("https://app.fly.dev", false, "https://app.fly.dev"),
            ("https://app.example/base?token=1", false, "https://app.example/base"),
        ] {
            assert_eq!(without_secrets(url, sensitive).as_deref(), Some(told), "{url}");
        }
        assert_eq!(without_secrets("not an address", true), None);
        assert_eq!(without_secrets("postgresql://u:p@/db", true), None);
    }
}
