//! Connection strings, and the credentials made of one.

use ss_sdk::http::percent_decode;
use ss_sdk::{Credential, Failure};

/// A connection string in its parts. Holds the password: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    uri: String,
    role: String,
    password: String,
    /// Host, without a port.
    pub host: String,
    /// Database.
    pub database: String,
}

impl Connection {
    /// Takes `postgresql://role:password@host[:port]/database[?parameters]` apart.
    pub fn parse(uri: &str) -> Result<Self, Failure> {
        Self::parts(uri).ok_or_else(|| {
            Failure::internal("Neon's connection string is not of the form this plugin understands")
        })
    }

    fn parts(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        if !matches!(scheme, "postgresql" | "postgres") {
            return None;
        }
        let (user, rest) = rest.rsplit_once('@')?;
        let (role, password) = user.split_once(':')?;
        let (authority, path) = rest.split_once('/')?;
        let host = authority.split(':').next().filter(|host| !host.is_empty())?;
        let database = path.split('?').next().filter(|database| !database.is_empty())?;
        Some(Self {
            uri: uri.to_owned(),
            role: percent_decode(role),
            password: percent_decode(password),
            host: host.to_owned(),
            database: percent_decode(database),
        })
    }

    /// The role.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The address without user and password, safe to keep and show.
    pub fn public_url(&self) -> String {
        format!("postgresql://{}/{}", self.host, self.database)
    }

    /// What others can have injected: `DATABASE_URL`, the same through Neon's connection pooler, and the
    /// parts under the names that libpq reads.
    pub fn credentials(&self) -> Vec<Credential> {
        let pooled_host = pooled(&self.host);
        let pooled_uri = self.uri.replacen(&format!("@{}", self.host), &format!("@{pooled_host}"), 1);
        vec![
            Credential::secret("DATABASE_URL", &self.uri),
            Credential::secret("DATABASE_URL_POOLED", &pooled_uri),
            Credential::public("PGHOST", &self.host),
            Credential::public("PGDATABASE", &self.database),
            Credential::public("PGUSER", &self.role),
            Credential::secret("PGPASSWORD", &self.password),
        ]
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.public_url())
    }
}

/// The pooler's host: `-pooler` after the endpoint's id, which is the first label.
fn pooled(host: &str) -> String {
    match host.split_once('.') {
        Some((endpoint, domain)) if !endpoint.ends_with("-pooler") => format!("{endpoint}-pooler.{domain}"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "postgresql://alex:p%40ss@ep-cool-1.us-east-2.aws.neon.tech/neondb?sslmode=require";

    #[test]
    fn a_connection_string_gives_all_credentials() {
        let connection = Connection::parse(URI).expect("a connection");
        let credentials = connection.credentials();
        let value = |name: &str| {
            credentials
                .iter()
                .find(|credential| credential.name == name)
                .map(|credential| credential.value.as_str())
        };
        assert_eq!(value("DATABASE_URL"), Some(URI));
        assert_eq!(
            value("DATABASE_URL_POOLED"),
            Some("postgresql://alex:p%40ss@ep-cool-1-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require")
        );
        assert_eq!(value("PGHOST"), Some("ep-cool-1.us-east-2.aws.neon.tech"));
        assert_eq!(value("PGDATABASE"), Some("neondb"));
        assert_eq!(value("PGUSER"), Some("alex"));
        assert_eq!(value("PGPASSWORD"), Some("p@ss"));
        assert_eq!(connection.public_url(), "postgresql://ep-cool-1.us-east-2.aws.neon.tech/neondb");
        assert!(!format!("{connection:?}").contains("p%40ss"));
    }

    #[test]
    fn what_is_no_connection_string_is_an_error_that_does_not_quote_it() {
        for uri in [
            "",
            "postgresql://",
            "http://a:b@c/d",
            "postgresql://a@h/d",
            "postgresql://a:secret@/d",
            "postgresql://a:secret@h",
        ] {
            let failure = Connection::parse(uri).expect_err("not a connection string");
            assert!(!failure.message.contains("secret"));
        }
    }
}
