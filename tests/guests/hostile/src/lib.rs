//! A plugin that attacks its host in the way that its options name.
//!
//! `options.attack` chooses the way, other options are its arguments; `{key}` in them becomes the sealed
//! API key and `{token}` the value of the first environment variable. The attack runs in `provision`, or
//! in `plan` with `"during": "plan"`. What it obtained is the summary of an outcome, `got: …`; being
//! refused is a failure, `denied: …`.

mod flood;
mod reach;
mod sandbox;

use guest_bindings::types::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Service, State,
};
use guest_bindings::{Guest, description, failure, state};
use serde_json::Value;

const NAME: &str = "hostile";

struct Hostile;

guest_bindings::export_plugin!(Hostile with_types_in guest_bindings);

/// The arguments of an attack.
pub(crate) struct Arguments {
    options: Value,
    key: String,
    token: String,
}

impl Arguments {
    fn new(context: &Context, service: &Service) -> Self {
        Self {
            options: serde_json::from_str(&service.options).unwrap_or_default(),
            key: context.api_key.clone().unwrap_or_default(),
            token: service.env.first().map(|variable| variable.value.clone()).unwrap_or_default(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.fill(self.options[name].as_str().unwrap_or_default())
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.options[name].as_u64().unwrap_or_default()
    }

    pub(crate) fn members(&self, name: &str) -> Vec<(String, String)> {
        let members = self.options[name].as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), self.fill(value.as_str().unwrap_or_default()))).collect()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{key}", &self.key).replace("{token}", &self.token)
    }
}

fn attack(arguments: &Arguments) -> Result<String, String> {
    match arguments.text("attack").as_str() {
        "request" => reach::request(arguments),
        "vault" => reach::vault(arguments),
        "vault-write" => reach::vault_write(arguments),
        "reveal" => reach::reveal(arguments),
        "hmac" => reach::hmac(arguments),
        "read-file" => reach::read_file(arguments),
        "write-file" => reach::write_file(arguments),
        "run" => reach::run(arguments),
        "spawn" => reach::spawn(arguments),
        "fork-bomb" => reach::fork_bomb(arguments),
        "terminate" => reach::terminate(arguments),
        "probe" => reach::probe(arguments),
        "partial" => reach::partial(arguments),
        "wasi-files" => sandbox::files(),
        "wasi-environment" => sandbox::environment(),
        "wasi-tcp" => sandbox::tcp(arguments),
        "wasi-udp" => sandbox::udp(),
        "wasi-lookup" => sandbox::lookup(arguments),
        "wasi-stdin" => sandbox::stdin(),
        "print" => sandbox::print(arguments),
        "panic" => panic!("hostile panic {}", arguments.text("text")),
        "exit" => std::process::exit(3),
        "stack" => sandbox::stack(),
        "random" => sandbox::random(arguments),
        "loop" => flood::compute(),
        "memory" => flood::memory(),
        "headers" => flood::headers(),
        "requests" => flood::requests(),
        "big-header" => flood::big_header(),
        "host-calls" => flood::host_calls(),
        "log" => flood::log(arguments),
        "big-text" => flood::big_text(),
        "hang" => flood::hang(),
        "sleep" => flood::sleep(),
        "time-calls" => flood::time_calls(arguments),
        other => Err(format!("no attack `{other}`")),
    }
}

impl Guest for Hostile {
    fn describe() -> Description {
        description(NAME)
    }

    fn can_provision(service: Service) -> bool {
        let options: Value = serde_json::from_str(&service.options).unwrap_or_default();
        if options["during"] == "can-provision" { flood::compute().is_ok() } else { false }
    }

    fn plan(context: Context, service: Service) -> Result<Plan, Failure> {
        let arguments = Arguments::new(&context, &service);
        let detail = if arguments.text("during") == "plan" {
            format!("got: {}", attack(&arguments).map_err(|reason| failure(format!("denied: {reason}")))?)
        } else {
            String::new()
        };
        Ok(Plan { action: Action::Create, detail, changes: vec![] })
    }

    fn provision(context: Context, service: Service) -> Result<Outcome, Failure> {
        let arguments = Arguments::new(&context, &service);
        match arguments.text("attack").as_str() {
            "outcome" => Ok(outcome(&arguments)),
            "failure" => Err(failure(arguments.text("text"))),
            _ => match attack(&arguments) {
                Ok(got) => Ok(Outcome {
                    state: state(NAME, "{}".into()),
                    credentials: vec![],
                    summary: format!("got: {got}"),
                }),
                Err(reason) => Err(failure(format!("denied: {reason}"))),
            },
        }
    }

    fn status(_: Context, _: State) -> Result<Health, Failure> {
        Ok(Health { healthy: true, message: "fine".into(), raw: None })
    }

    fn observe(_: Context, _: Service, _: State) -> Result<Vec<Change>, Failure> {
        Ok(vec![])
    }

    fn find(_: Context, _: Service) -> Result<Option<State>, Failure> {
        Ok(None)
    }

    fn destroy(_: Context, _: State) -> Result<(), Failure> {
        Ok(())
    }
}

/// An outcome whose every part the options choose.
fn outcome(arguments: &Arguments) -> Outcome {
    let provider = match arguments.text("provider") {
        none if none.is_empty() => NAME.to_owned(),
        other => other,
    };
    let metadata = match arguments.number("metadata-bytes") {
        0 => match arguments.text("metadata") {
            none if none.is_empty() => "{}".to_owned(),
            given => given,
        },
        n => format!(r#"{{"huge":"{}"}}"#, "x".repeat(usize::try_from(n).unwrap_or_default())),
    };
    let mut state = state(&provider, metadata);
    let resource_id = arguments.text("resource-id");
    if !resource_id.is_empty() {
        state.resource_id = resource_id;
    }
    let credentials = arguments
        .members("credentials")
        .into_iter()
        .map(|(name, value)| Credential { name, value, sensitive: true })
        .collect();
    Outcome { state, credentials, summary: arguments.text("summary") }
}
