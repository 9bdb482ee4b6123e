//! What others can have injected.

use ss_sdk::{Credential, Failure};

use crate::api::Place;
use crate::site::Site;

impl Site<'_, '_> {
    /// Where the service answers; the first domain of one's own, or else Railway's.
    pub fn url(&self, place: &Place) -> Result<String, Failure> {
        let domains = self.api.domains(place)?;
        let own = domains.custom_domains.iter().filter(|domain| domain.pending().is_none());
        let domain = own.chain(&domains.service_domains).next();
        Ok(domain.map_or_else(String::new, |domain| format!("https://{}", domain.domain)))
    }

    /// The service's addresses. The password of a database is a sealed token in them: `ss` puts the password
    /// in its place in the vault.
    pub fn credentials(
        &self,
        place: &Place,
        url: &str,
        password: Option<&str>,
    ) -> Result<Vec<Credential>, Failure> {
        let host = format!("{}.railway.internal", self.options.service_name(self.context).to_lowercase());
        let mut credentials = vec![
            Credential::public("RAILWAY_PROJECT_ID", &place.project),
            Credential::public("RAILWAY_ENVIRONMENT_ID", &place.environment),
            Credential::public("RAILWAY_SERVICE_ID", &place.service),
            Credential::public("RAILWAY_PRIVATE_DOMAIN", &host),
        ];
        if let Some(domain) = url.strip_prefix("https://") {
            credentials.push(Credential::public("RAILWAY_PUBLIC_DOMAIN", domain));
            credentials.push(Credential::public("APP_URL", url));
        }
        let (Some(kind), Some(password)) = (self.options.database, password) else {
            return Ok(credentials);
        };
        let facts = kind.facts();
        let private = facts.url(password, &format!("{host}:{}", facts.port));
        let public = self
            .tcp(place)?
            .map(|proxy| facts.url(password, &format!("{}:{}", proxy.domain, proxy.proxy_port)));
        credentials.push(Credential::secret("DATABASE_URL", public.as_ref().unwrap_or(&private)));
        credentials.push(Credential::secret("DATABASE_PRIVATE_URL", private));
        credentials.push(Credential::secret("DATABASE_PASSWORD", password));
        Ok(credentials)
    }
}
