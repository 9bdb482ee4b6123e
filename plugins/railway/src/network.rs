//! How a service is reached: domains of Railway's, domains of one's own, plain TCP.

use ss_sdk::{Change, Failure};

use crate::api::{Domain, Place, TcpProxy};
use crate::site::Site;

/// A certificate that is in place.
const VALID: &str = "CERTIFICATE_STATUS_TYPE_VALID";

/// What differs of the ways to a service.
#[derive(Debug, Default)]
pub struct Ways {
    /// A domain of Railway's is missing.
    create: bool,
    /// One points at another port.
    update: Option<Domain>,
    /// One is there that the options do not want.
    delete: Option<Domain>,
    /// Domains of one's own that are missing.
    add: Vec<String>,
    /// Those that the service added and no longer wants.
    remove: Vec<Domain>,
    /// A port without a way to it over plain TCP.
    tcp: Option<u16>,
    /// For a person.
    pub changes: Vec<Change>,
}

impl Site<'_, '_> {
    /// What differs between the ways there are and the options.
    pub fn ways(&self, place: &Place) -> Result<Ways, Failure> {
        let options = self.options;
        let mut ways = Ways::default();
        let domains = self.api.domains(place)?;
        match domains.service_domains.into_iter().next() {
            None if options.wants_domain() => {
                ways.create = true;
                ways.changes.push(Change::new("domain", false, true));
            }
            Some(domain) if options.domain == Some(false) => {
                ways.changes.push(Change::new("domain", domain.domain.as_str(), false));
                ways.delete = Some(domain);
            }
            Some(domain) if options.port.is_some() && options.port != domain.target_port => {
                ways.changes.push(Change::new("port", domain.target_port, options.port));
                ways.update = Some(domain);
            }
            _ => {}
        }
        for wanted in &options.custom_domains {
            if !domains.custom_domains.iter().any(|domain| domain.domain == *wanted) {
                ways.changes.push(Change::new("custom_domains", (), wanted.as_str()));
                ways.add.push(wanted.clone());
            }
        }
        let added = self.recorded().unwrap_or_default().custom_domains;
        for domain in domains.custom_domains {
            // What somebody else added is left alone.
            if added.contains(&domain.domain) && !options.custom_domains.contains(&domain.domain) {
                ways.changes.push(Change::new("custom_domains", domain.domain.as_str(), ()));
                ways.remove.push(domain);
            }
        }
        if let Some(port) = options.public_port()
            && self.api.tcp_proxy(place, port)?.is_none()
        {
            ways.tcp = Some(port);
            ways.changes.push(Change::new("public", false, true));
        }
        Ok(ways)
    }

    /// Opens and closes ways. Tells whether a deployment is needed for one to work.
    pub fn open(&self, place: &Place, ways: &Ways) -> Result<bool, Failure> {
        let port = self.options.port;
        if ways.create {
            self.make("the domain", &|| self.api.create_domain(place, port), &|| {
                Ok(!self.api.domains(place)?.service_domains.is_empty())
            })?;
            self.context.step("Domain created");
        }
        if let Some(domain) = &ways.update {
            self.api.update_domain(place, domain, port)?;
            self.context.step(format!("Domain {} points at another port", domain.domain));
        }
        if let Some(domain) = &ways.delete {
            self.api.delete_domain(&domain.id)?;
            self.context.step(format!("Domain removed: {}", domain.domain));
        }
        for name in &ways.add {
            self.make("the custom domain", &|| self.api.create_custom_domain(place, name, port), &|| {
                let domains = self.api.domains(place)?.custom_domains;
                Ok(domains.iter().any(|domain| domain.domain == *name))
            })?;
            self.context.step(format!("Custom domain added: {name}"));
        }
        for domain in &ways.remove {
            self.api.delete_custom_domain(&domain.id)?;
            self.context.step(format!("Custom domain removed: {}", domain.domain));
        }
        if let Some(port) = ways.tcp {
            self.make("the TCP proxy", &|| self.api.create_tcp_proxy(place, port), &|| {
                Ok(self.api.tcp_proxy(place, port)?.is_some())
            })?;
            self.context.step(format!("Port {port} opened over TCP"));
        }
        Ok(ways.tcp.is_some())
    }

    /// The way over plain TCP, if the service has one.
    pub fn tcp(&self, place: &Place) -> Result<Option<TcpProxy>, Failure> {
        match self.options.public_port() {
            Some(port) => self.api.tcp_proxy(place, port),
            None => Ok(None),
        }
    }
}

impl Domain {
    /// What a person has to do until a domain of one's own works; none if it does.
    pub fn pending(&self) -> Option<String> {
        let status = self.status.as_ref()?;
        if status.verified && status.certificate_status == VALID {
            return None;
        }
        let mut records: Vec<String> = Vec::new();
        if !status.verified {
            for record in &status.dns_records {
                let kind = record.record_type.trim_start_matches("DNS_RECORD_TYPE_");
                records.push(format!("{kind} {} → {}", record.fqdn, record.required_value));
            }
            if let (Some(host), Some(token)) = (&status.verification_dns_host, &status.verification_token) {
                records.push(format!("TXT {host} → {token}"));
            }
        }
        let to_add = if records.is_empty() {
            "its certificate is on the way".to_owned()
        } else {
            format!("add {}", records.join(", "))
        };
        Some(format!("custom domain {}: pending validation, {to_add}", self.domain))
    }
}
