//! One service and what is known of its resource; what all kinds of resources share.

use serde_json::Value;
use ss_sdk::{Change, Context, Failure, Outcome, Plan, Service, State};

use crate::api::{Api, segment, text};
use crate::options::{Kind, Metadata, Options};

/// What a kind of resource can do for its service.
pub trait Resource {
    /// What `provision` would do.
    fn plan(&self) -> Result<Plan, Failure>;
    /// Creates or converges.
    fn provision(&mut self) -> Result<Outcome, Failure>;
    /// What differs from what the service says.
    fn observe(&self) -> Result<Vec<Change>, Failure>;
    /// What an interrupted attempt may have left.
    fn find(&self) -> Result<Option<State>, Failure>;
}

/// One service and its resource.
pub struct Site<'a, 'h> {
    pub context: &'a Context<'h>,
    pub service: &'a Service<Options>,
    pub options: &'a Options,
    pub api: Api<'a, 'h>,
    pub kind: Kind,
    /// Of an attempt that was cut short, or as recorded, or nothing.
    pub known: Metadata,
}

impl<'a, 'h> Site<'a, 'h> {
    /// The site of a service.
    ///
    /// # Errors
    ///
    /// The service was provisioned as another kind of resource, which would be left behind.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        let options = &service.options;
        let kind = options.kind().ok_or_else(|| {
            Failure::invalid_configuration(
                service.option_path("resource"),
                "name what to make: custom-hostnames, dns-zone, pages-project, r2-bucket, workers-kv or d1-database",
            )
        })?;
        let partial: Option<Value> = context.partial();
        let recorded = context.existing.as_ref().map(|state| &state.metadata);
        let kept = partial.as_ref().and_then(Value::as_object).or(recorded);
        let known = kept.map(Metadata::read).unwrap_or_default();
        let site = Self {
            context,
            service,
            options,
            api: Api::new(context, kind, &service.options_path)?,
            kind,
            known: Metadata { resource: kind.name().to_owned(), ..known.clone() },
        };
        if known.resource.is_empty() {
            return Ok(site);
        }
        site.refuse_other("resource", &known.resource, kind.name())?;
        Ok(site)
    }

    /// Refuses a change of something that cannot change.
    pub fn refuse_other(&self, option: &str, is: &str, wanted: &str) -> Result<(), Failure> {
        if is.is_empty() || is == wanted {
            return Ok(());
        }
        Err(Failure::invalid_configuration(
            self.service.option_path(option),
            format!("`{}` was made with `{option}: {is}`, which cannot become `{wanted}`", self.service.id),
        )
        .with_next_step("destroy the service first, or set the option back"))
    }

    /// Keeps what is known for the next attempt.
    pub fn keep(&self) -> Result<(), Failure> {
        self.context.save_partial(&self.known)
    }

    /// The state of the service under this id.
    pub fn state(&self, id: &str) -> State {
        self.context.state(crate::NAME, id).with_metadata(&self.known)
    }

    /// The configured name, or the same for every run.
    pub fn name(&self, longest: usize) -> String {
        self.options.name.clone().unwrap_or_else(|| self.context.default_name(longest))
    }

    /// The account: as configured, as known, or the only one of the token.
    pub fn account(&self) -> Result<String, Failure> {
        if let Some(id) = &self.options.account_id {
            self.refuse_other("account_id", &self.known.account_id, id)?;
            return Ok(id.clone());
        }
        if !self.known.account_id.is_empty() {
            return Ok(self.known.account_id.clone());
        }
        let accounts = self.api.list("/accounts", &[], 50, "list the accounts of the token")?;
        match accounts.as_slice() {
            [only] => Ok(text(only, "id").to_owned()),
            [] => Err(Failure::invalid_configuration(
                self.service.option_path("account_id"),
                "the token sees no account, so that the account must be named",
            )
            .with_next_step("add `account_id`; the dashboard shows it in the address of every page")),
            several => {
                let known: Vec<String> = several
                    .iter()
                    .map(|account| format!("{} ({})", text(account, "id"), text(account, "name")))
                    .collect();
                Err(Failure::invalid_configuration(
                    self.service.option_path("account_id"),
                    format!("the token sees several accounts: {}", known.join(", ")),
                )
                .with_next_step("name one of them with `account_id`"))
            }
        }
    }

    /// The id of the zone, and its name if it had to be read.
    pub fn zone(&self) -> Result<(String, Option<String>), Failure> {
        let (id, name) = match (&self.options.zone, &self.options.domain) {
            (Some(zone), _) if is_zone_id(zone) => (zone.clone(), None),
            (Some(zone), _) => self.zone_named(zone, "zone")?,
            (None, Some(domain)) => self.zone_named(domain, "domain")?,
            (None, None) => {
                return Err(Failure::invalid_configuration(
                    self.service.option_path("zone"),
                    "name the zone by its id or its name",
                ));
            }
        };
        self.refuse_other("zone", &self.known.zone_id, &id)?;
        segment(&id)?;
        Ok((id, name))
    }

    /// The zone of this name, or of the nearest domain above it.
    fn zone_named(&self, name: &str, option: &str) -> Result<(String, Option<String>), Failure> {
        let name = crate::options::host_name(name);
        let mut candidate = name.as_str();
        while candidate.contains('.') {
            let zones = self.api.list("/zones", &[("name", candidate)], 50, "find the zone")?;
            let mut named = zones.iter().filter(|zone| text(zone, "name") == candidate);
            match (named.next(), named.next()) {
                (Some(zone), None) => return Ok((text(zone, "id").to_owned(), Some(candidate.to_owned()))),
                (Some(_), Some(_)) => {
                    return Err(Failure::conflict(format!("the token sees several zones `{candidate}`"))
                        .with_next_step("name the zone by its id with `zone`"));
                }
                (None, _) if option == "zone" => break,
                (None, _) => candidate = candidate.split_once('.').map_or("", |(_, rest)| rest),
            }
        }
        Err(Failure::invalid_configuration(
            self.service.option_path(option),
            format!("the token sees no zone for `{name}`"),
        )
        .with_next_step("check the name, and that the token may read the zone (Zone / Zone / Read)"))
    }
}

fn is_zone_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A change of an option, if it is given and differs.
pub fn changed(field: &str, is: &Value, wanted: Option<impl Into<Value>>) -> Option<Change> {
    let wanted = wanted?.into();
    (*is != wanted).then(|| Change::new(field, is.clone(), wanted))
}
