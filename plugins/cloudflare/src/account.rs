//! Buckets, namespaces and databases: things of an account that are made by a name and have an id.

use serde_json::{Value, json};
use ss_sdk::{Action, Change, Context, Credential, Failure, FailureKind, Health, Outcome, Plan, State};

use crate::api::{Api, UNSEEN_LIMIT, segment, text};
use crate::options::{Kind, Metadata, Options};
use crate::site::{Resource, Site};

/// What sets one kind of thing apart.
pub trait Thing {
    /// Its kind.
    fn kind(&self) -> Kind;
    /// What people call it.
    fn noun(&self) -> &'static str;
    /// Where the things of an account are, below the account.
    fn folder(&self) -> &'static str;
    /// The members that hold its id and its name.
    fn members(&self) -> (&'static str, &'static str);
    /// Longest name.
    fn longest_name(&self) -> usize;
    /// The thing of exactly this name.
    fn named(&self, api: &Api<'_, '_>, folder: &str, name: &str) -> Result<Option<Value>, Failure>;
    /// What is sent to make it.
    fn creation(&self, options: &Options, name: &str) -> Value;
    /// Whether it can have another name.
    fn can_be_renamed(&self) -> bool {
        false
    }
    /// What differs apart from the name.
    fn changes(&self, site: &Site<'_, '_>, path: &str, thing: &Value) -> Result<Vec<Change>, Failure>;
    /// Makes one change.
    fn apply(&self, site: &Site<'_, '_>, path: &str, change: &Change) -> Result<(), Failure>;
    /// What it offers.
    fn credentials(&self, site: &Site<'_, '_>, path: &str) -> Result<Vec<Credential>, Failure>;
}

/// A service and its thing.
pub struct Named<'s, 'a, 'h> {
    site: &'s mut Site<'a, 'h>,
    thing: &'static dyn Thing,
    folder: String,
    name: String,
    found: Option<Value>,
}

impl<'s, 'a, 'h> Named<'s, 'a, 'h> {
    /// Looks the thing up.
    pub fn new(site: &'s mut Site<'a, 'h>, thing: &'static dyn Thing) -> Result<Self, Failure> {
        let account = site.account()?;
        let name = site.name(thing.longest_name());
        let folder = folder(&account, thing)?;
        let jurisdiction = site.options.jurisdiction.clone().unwrap_or_default();
        if !site.known.id.is_empty() {
            if !thing.can_be_renamed() {
                site.refuse_other("name", &site.known.name, &name)?;
            }
            let shown = |jurisdiction: &str| {
                if jurisdiction.is_empty() { "none".to_owned() } else { jurisdiction.to_owned() }
            };
            site.refuse_other("jurisdiction", &shown(&site.known.jurisdiction), &shown(&jurisdiction))?;
        }
        let api = Api::new(site.context, site.kind, &site.service.options_path)?;
        site.api = if site.kind == Kind::R2 { api.within(&jurisdiction) } else { api };
        site.known.account_id = account;
        site.known.jurisdiction = jurisdiction;
        let mut named = Self { site, thing, folder, name, found: None };
        named.found = named.locate()?;
        named.refuse_another_place()?;
        Ok(named)
    }

    /// The thing: by its id, or else by its name.
    fn locate(&self) -> Result<Option<Value>, Failure> {
        let (api, known) = (&self.site.api, &self.site.known);
        if !known.id.is_empty()
            && let Some(found) =
                api.find(&format!("{}/{}", self.folder, segment(&known.id)?), "look it up")?
        {
            return Ok(Some(found));
        }
        self.thing.named(api, &self.folder, &self.name)
    }

    fn id_of(&self, thing: &Value) -> Result<String, Failure> {
        Ok(segment(text(thing, self.thing.members().0))?.to_owned())
    }

    fn path_of(&self, thing: &Value) -> Result<String, Failure> {
        Ok(format!("{}/{}", self.folder, self.id_of(thing)?))
    }

    /// The place cannot change. It is a hint: Cloudflare may have chosen another, which is no reason to complain.
    fn refuse_another_place(&self) -> Result<(), Failure> {
        let (Some(wanted), Some(existing)) = (&self.site.options.location, &self.site.context.existing)
        else {
            return Ok(());
        };
        let is = existing
            .region
            .clone()
            .or_else(|| Some(text(self.found.as_ref()?, "location").to_ascii_lowercase()));
        self.site.refuse_other("location", &is.unwrap_or_default(), wanted)
    }

    fn changes(&self, thing: &Value) -> Result<Vec<Change>, Failure> {
        let member = self.thing.members().1;
        let renamed = (text(thing, member) != self.name)
            .then(|| Change::new("name", text(thing, member), self.name.as_str()));
        let others = self.thing.changes(self.site, &self.path_of(thing)?, thing)?;
        Ok(renamed.into_iter().chain(others).collect())
    }

    /// Makes the thing. True if it was not there before.
    fn create(&mut self) -> Result<bool, Failure> {
        self.site.known.name.clone_from(&self.name);
        self.site.known.ours = true;
        self.site.keep()?;
        let body = self.thing.creation(self.site.options, &self.name);
        let (thing, made) = self.site.api.create(&self.folder, &body, "create it", &|| {
            self.thing.named(&self.site.api, &self.folder, &self.name)
        })?;
        self.site.known.id = self.id_of(&thing)?;
        self.site.keep()?;
        if made {
            self.site.context.step(format!("{} created: {}", self.thing.noun(), self.name));
        }
        self.found = Some(thing);
        Ok(made)
    }

    fn state(&self) -> State {
        let state = self.site.state(&self.site.known.id);
        match &self.site.options.location {
            Some(location) => state.with_region(location.clone()),
            None => state,
        }
    }

    fn detail(&self) -> String {
        format!("{} {}", self.thing.noun(), self.name)
    }
}

impl Resource for Named<'_, '_, '_> {
    fn plan(&self) -> Result<Plan, Failure> {
        match &self.found {
            None => Ok(Plan::new(Action::Create, self.detail())),
            Some(thing) => Ok(Plan::converge(self.detail(), self.changes(thing)?)),
        }
    }

    fn provision(&mut self) -> Result<Outcome, Failure> {
        if self.found.is_none() && !self.site.known.id.is_empty() {
            // It was made: it may not be shown yet, and a second one would be worse than a wait.
            let wait = self.site.context.wait("it to appear", UNSEEN_LIMIT);
            self.found = wait.within_limit(|| self.locate())?;
        }
        let created = self.found.is_none() && self.create()?;
        let thing = self.found.clone().unwrap_or_default();
        let path = self.path_of(&thing)?;
        self.site.known.id = self.id_of(&thing)?;
        let changes = self.changes(&thing)?;
        for change in &changes {
            if change.field == "name" {
                let body = json!({ self.thing.members().1: self.name });
                self.site.api.put(&path, &body, "rename it")?;
            } else {
                self.thing.apply(self.site, &path, change)?;
            }
            self.site.context.step(format!("{} changed: {}", self.thing.noun(), change.field));
        }
        self.site.known.name.clone_from(&self.name);
        let what = match (created, changes.is_empty()) {
            (true, _) => "created",
            (false, true) => "unchanged",
            (false, false) => "updated",
        };
        let mut outcome = Outcome::new(self.state(), format!("{} {what}", self.detail()));
        outcome.credentials = self.thing.credentials(self.site, &path)?;
        Ok(outcome)
    }

    fn observe(&self) -> Result<Vec<Change>, Failure> {
        match &self.found {
            Some(thing) => self.changes(thing),
            None => Ok(vec![Change::new(self.thing.noun(), "gone", self.name.as_str())]),
        }
    }

    fn find(&self) -> Result<Option<State>, Failure> {
        let Some(thing) = self.found.as_ref().filter(|_| self.site.known.ours) else { return Ok(None) };
        let known = Metadata { id: self.id_of(thing)?, name: self.name.clone(), ..self.site.known.clone() };
        let state = self.site.context.state(crate::NAME, &known.id).with_metadata(&known);
        Ok(Some(match &self.site.options.location {
            Some(location) => state.with_region(location.clone()),
            None => state,
        }))
    }
}

fn folder(account: &str, thing: &dyn Thing) -> Result<String, Failure> {
    Ok(format!("/accounts/{}/{}", segment(account)?, thing.folder()))
}

/// Whether the thing is there.
pub fn status(context: &Context<'_>, known: &Metadata, thing: &dyn Thing) -> Result<Health, Failure> {
    let api = Api::new(context, thing.kind(), "")?.within(&known.jurisdiction);
    let path = format!("{}/{}", folder(&known.account_id, thing)?, segment(&known.id)?);
    let noun = thing.noun();
    Ok(match api.find(&path, "look it up")? {
        Some(_) => Health::healthy(format!("{noun} {}", known.name)),
        None => Health::unhealthy(format!("{noun} {} no longer exists", known.name)),
    })
}

/// Deletes the thing and waits until it is gone.
pub fn destroy(context: &Context<'_>, known: &Metadata, thing: &dyn Thing) -> Result<(), Failure> {
    let api = Api::new(context, thing.kind(), "")?.within(&known.jurisdiction);
    let path = format!("{}/{}", folder(&known.account_id, thing)?, segment(&known.id)?);
    let what = format!("{} {}", thing.noun(), known.name);
    if !known.ours {
        context.warn(format!("{what} was there before this service and stays"));
        return Ok(());
    }
    api.delete_and_wait(&path, "delete it", &what).map_err(|failure| match failure.kind {
        FailureKind::Conflict => {
            failure.with_next_step(format!("empty {what} first; `ss` deletes no data in it"))
        }
        _ => failure,
    })
}
