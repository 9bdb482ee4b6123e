//! What others can have injected.

use ss_sdk::{Credential, Failure};

use crate::api::{Key, Project};
use crate::site::{Site, url};

/// Port of direct connections, and of the pooler's sessions.
const SESSION_PORT: u16 = 5432;

/// Port of the pooler's transactions.
const TRANSACTION_PORT: u16 = 6543;

impl Site<'_, '_> {
    /// The project's addresses and keys. The database password in them is a sealed token: `ss` puts the
    /// password in its place in the vault.
    pub fn credentials(&self, project: &Project) -> Result<Vec<Credential>, Failure> {
        let reference = &project.reference;
        let (host, password) = (project.host(), self.password()?);
        let mut credentials = vec![
            Credential::public("SUPABASE_URL", url(reference)),
            Credential::public("SUPABASE_PROJECT_REF", reference),
            Credential::secret(
                "DATABASE_URL",
                format!("postgresql://postgres:{password}@{host}:{SESSION_PORT}/postgres"),
            ),
            Credential::public("PGHOST", host),
            Credential::public("PGPORT", SESSION_PORT.to_string()),
            Credential::public("PGDATABASE", "postgres"),
            Credential::public("PGUSER", "postgres"),
            Credential::secret("PGPASSWORD", &password),
        ];
        if let Some(pooler) = self.api.pooler(reference)? {
            let through = |port: u16| {
                let (user, host, database) = (&pooler.db_user, &pooler.db_host, &pooler.db_name);
                format!("postgresql://{user}:{password}@{host}:{port}/{database}")
            };
            credentials.push(Credential::secret("DATABASE_URL_POOLED", through(TRANSACTION_PORT)));
            credentials.push(Credential::secret("DATABASE_URL_SESSION", through(SESSION_PORT)));
        }
        for key in self.api.keys(reference)? {
            if let (Some(name), Some(value)) = (name_of(&key), &key.api_key)
                && !credentials.iter().any(|known| known.name == name)
            {
                credentials.push(Credential::secret(name, value));
            }
        }
        Ok(credentials)
    }
}

/// The name under which a key is offered; of several of a kind the first.
fn name_of(key: &Key) -> Option<&'static str> {
    match (key.kind.as_deref(), key.name.as_str()) {
        (Some("publishable"), _) => Some("SUPABASE_PUBLISHABLE_KEY"),
        (Some("secret"), _) => Some("SUPABASE_SECRET_KEY"),
        (_, "anon") => Some("SUPABASE_ANON_KEY"),
        (_, "service_role") => Some("SUPABASE_SERVICE_ROLE_KEY"),
        _ => None,
    }
}
