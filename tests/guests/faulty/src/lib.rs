//! A plugin that keeps every rule of the conformance kit but one: the one that its variant names.
//!
//! It makes a "thing" at a REST API. The variant is written into the component by the tests, over
//! [`VARIANT`]; as built it keeps them all, so that a failure is the variant's and nothing else's.

mod api;

use api::{Api, Thing};
use guest_bindings::types::{
    Action, Change, Context, Credential, Description, Failure, FailureKind, Health, Outcome, Plan, Service,
    State,
};
use guest_bindings::{Guest, failure, journal, progress, state, timer};
use serde_json::{Value, json};

const NAME: &str = "faulty";

/// Which rule is broken; the name ends at the first dot.
static VARIANT: [u8; 40] = *b"faulty-variant:good.....................";

struct Faulty;

guest_bindings::export_plugin!(Faulty with_types_in guest_bindings);

/// Whether this is the variant that breaks this rule.
fn breaks(rule: &str) -> bool {
    let variant = std::hint::black_box(&VARIANT);
    let name = variant.strip_prefix(b"faulty-variant:").unwrap_or_default();
    name.split(|byte| *byte == b'.').next() == Some(rule.as_bytes())
}

struct Site<'c> {
    context: &'c Context,
    api: Api,
    name: String,
    size: String,
}

impl<'c> Site<'c> {
    fn new(context: &'c Context, service: &Service) -> Self {
        let options: Value = serde_json::from_str(&service.options).unwrap_or_default();
        let text = |name: &str| options[name].as_str().unwrap_or_default().to_owned();
        Self { context, api: Api::new(context), name: text("name"), size: text("size") }
    }

    /// The thing that is there, by the state, by what was saved, or by its name.
    fn locate(&self) -> Result<Option<Thing>, Failure> {
        if let Some(existing) = &self.context.existing {
            return self.api.read(&existing.resource_id);
        }
        if let Some(partial) = &self.context.partial {
            if breaks("crash-resume") {
                return Ok(None);
            }
            let partial: Value = serde_json::from_str(partial).unwrap_or_default();
            return self.api.read(partial["id"].as_str().unwrap_or_default());
        }
        self.api.by_name(&self.name)
    }

    /// Whether the existing thing is forgotten: one that `provision` made, not one that `find` found, so that
    /// nothing but idempotence is broken.
    fn forgets(&self) -> bool {
        let existing = self.context.existing.as_ref();
        breaks("idempotent") && existing.is_some_and(|existing| !existing.metadata.contains("found"))
    }

    fn changes(&self, thing: &Thing) -> Vec<Change> {
        if thing.size == self.size {
            return Vec::new();
        }
        vec![Change {
            field: "size".into(),
            before: Some(json!(thing.size).to_string()),
            after: Some(json!(self.size).to_string()),
            sensitive: false,
        }]
    }
}

fn state_of(id: &str, metadata: Value) -> State {
    State { resource_id: id.into(), ..state(NAME, metadata.to_string()) }
}

impl Guest for Faulty {
    fn describe() -> Description {
        let schema = if breaks("schema") {
            r#"{"type": 7}"#
        } else {
            r#"{"type": "object", "additionalProperties": false, "required": ["name"],
                "properties": {"name": {"type": "string"}, "size": {"type": "string"}}}"#
        };
        let option = if breaks("example") { "nmae" } else { "name" };
        let mut described = guest_bindings::description(NAME);
        described.requires_api_key = true;
        described.options_schema = schema.into();
        described.example =
            format!("services:\n  a:\n    type: thing\n    provision: {{ provider: faulty, {option}: a }}\n");
        if breaks("describe") {
            described.vault_keys[0].obtain.clear();
        }
        described
    }

    fn can_provision(_: Service) -> bool {
        true
    }

    fn plan(context: Context, service: Service) -> Result<Plan, Failure> {
        let site = Site::new(&context, &service);
        if breaks("pure") {
            // What is refused is forgotten: only the host knows.
            let _ = site.api.touch();
        }
        let Some(thing) = site.locate()? else {
            let detail = if breaks("deterministic") {
                format!("thing {}", guest_bindings::random::random::get_random_u64())
            } else {
                "thing".into()
            };
            return Ok(Plan { action: Action::Create, detail, changes: vec![] });
        };
        let changes = site.changes(&thing);
        let same = changes.is_empty() && !breaks("settled");
        let action = if same { Action::Nothing } else { Action::Update };
        Ok(Plan { action, detail: "thing".into(), changes })
    }

    fn provision(context: Context, service: Service) -> Result<Outcome, Failure> {
        let site = Site::new(&context, &service);
        if breaks("secrets") {
            progress::log(progress::Level::Info, &format!("key {:?}", context.api_key));
        }
        let located = if site.forgets() { None } else { site.locate()? };
        let thing = match located {
            Some(thing) if thing.size == site.size => thing,
            Some(thing) => site.api.resize(&thing.id, &site.size)?,
            None => {
                let thing = site.api.create(&site.name, &site.size)?;
                journal::save_partial_state(&json!({ "id": thing.id }).to_string()).map_err(failure)?;
                progress::step(&format!("Thing created: {}", thing.id));
                thing
            }
        };
        // Goes on at once, unless the operation should wind up.
        while !timer::sleep(10) {
            if !breaks("limits") {
                return Err(failure("stopped while waiting for the thing"));
            }
        }
        let thing = site.api.read(&thing.id)?.ok_or_else(|| failure("the thing has vanished"))?;
        let credential = Credential { name: "THING_PASSWORD".into(), value: thing.password, sensitive: true };
        Ok(Outcome {
            state: state_of(&thing.id, json!({})),
            credentials: vec![credential],
            summary: "thing ready".into(),
        })
    }

    fn status(context: Context, state: State) -> Result<Health, Failure> {
        let there = Api::new(&context).read(&state.resource_id)?.is_some();
        Ok(Health { healthy: there && !breaks("works"), message: "as it should be".into(), raw: None })
    }

    fn observe(context: Context, service: Service, state: State) -> Result<Vec<Change>, Failure> {
        let site = Site::new(&context, &service);
        let seen = match site.api.read(&state.resource_id)? {
            Some(thing) => site.changes(&thing),
            None => vec![Change {
                field: "thing".into(),
                before: Some("\"gone\"".into()),
                after: Some(json!(state.resource_id).to_string()),
                sensitive: false,
            }],
        };
        Ok(if breaks("drift") { Vec::new() } else { seen })
    }

    fn find(context: Context, service: Service) -> Result<Option<State>, Failure> {
        let site = Site::new(&context, &service);
        let found = site.api.by_name(&site.name)?;
        Ok(found.filter(|_| !breaks("find")).map(|thing| state_of(&thing.id, json!({ "found": true }))))
    }

    fn destroy(context: Context, state: State) -> Result<(), Failure> {
        if breaks("destroy") {
            return Ok(());
        }
        let removed = Api::new(&context).remove(&state.resource_id)?;
        if !removed && breaks("gone") {
            let message = "there is no such thing".into();
            return Err(Failure { kind: FailureKind::NotFound, message, next_step: None });
        }
        Ok(())
    }
}
