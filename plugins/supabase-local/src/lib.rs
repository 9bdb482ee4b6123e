//! `supabase-local`: a Supabase stack on this machine, by way of the Supabase CLI and Docker.
//!
//! A service is the stack of one folder. The plugin runs four commands of the CLI and no other program; what
//! the stack consists of stands in `supabase/config.toml`, which is the user's.

mod cli;
mod options;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ss_sdk::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider, Service,
    State,
};

use cli::{Cli, Stack};
use options::Options;

/// The provider's name.
const NAME: &str = "supabase-local";

/// What a plan says.
const DETAIL: &str = "Supabase stack on this machine";

/// How long a stack may take to be gone once the CLI has stopped it.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What the CLI calls its values, what they are called here, and whether they are secret.
const VALUES: [(&str, &str, bool); 14] = [
    ("API_URL", "SUPABASE_URL", false),
    ("ANON_KEY", "SUPABASE_ANON_KEY", true),
    ("SERVICE_ROLE_KEY", "SUPABASE_SERVICE_ROLE_KEY", true),
    ("PUBLISHABLE_KEY", "SUPABASE_PUBLISHABLE_KEY", true),
    ("SECRET_KEY", "SUPABASE_SECRET_KEY", true),
    ("JWT_SECRET", "SUPABASE_JWT_SECRET", true),
    ("DB_URL", "DATABASE_URL", true),
    ("GRAPHQL_URL", "SUPABASE_GRAPHQL_URL", false),
    ("STUDIO_URL", "SUPABASE_STUDIO_URL", false),
    ("MAILPIT_URL", "SUPABASE_MAIL_URL", false),
    ("STORAGE_S3_URL", "SUPABASE_S3_URL", false),
    ("S3_PROTOCOL_REGION", "SUPABASE_S3_REGION", false),
    ("S3_PROTOCOL_ACCESS_KEY_ID", "SUPABASE_S3_ACCESS_KEY_ID", true),
    ("S3_PROTOCOL_ACCESS_KEY_SECRET", "SUPABASE_S3_SECRET_ACCESS_KEY", true),
];

/// What state keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Metadata {
    /// Folder of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workdir: Option<String>,
    /// Containers that were not started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<String>,
    /// Address of the API.
    #[serde(default)]
    url: String,
}

/// The provider.
pub struct SupabaseLocal;

ss_sdk::export!(SupabaseLocal);

impl Provider for SupabaseLocal {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Supabase stack on this machine, by the Supabase CLI and Docker".into(),
            requires_api_key: false,
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        refuse_move(context, service)?;
        let recorded = recorded(context);
        Ok(match cli(context, &service.options).status()? {
            Stack::Stopped(_) if recorded.is_none() => Plan::new(Action::Create, DETAIL),
            Stack::Stopped(_) => Plan::converge(DETAIL, vec![stopped()]),
            Stack::Running(_) => Plan::converge(DETAIL, changes(recorded.as_ref(), &service.options)),
        })
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        refuse_move(context, service)?;
        let options = &service.options;
        let cli = cli(context, options);
        let recorded = recorded(context);
        let (values, what) = match cli.status()? {
            Stack::Running(values) if changes(recorded.as_ref(), options).is_empty() => (values, "unchanged"),
            Stack::Running(_) => {
                // Its data stays: only with another word does the CLI delete it.
                cli.stop(false)?;
                context.step("stack stopped");
                (start(context, &cli, options)?, "restarted")
            }
            Stack::Stopped(_) => (start(context, &cli, options)?, "started"),
        };
        let url = text(&values, "API_URL").unwrap_or_default();
        let summary = format!("{what} Supabase stack at {url}");
        let metadata = Metadata {
            workdir: options.workdir.clone(),
            exclude: options.exclude.clone(),
            url: url.to_owned(),
        };
        let mut outcome = Outcome::new(state(context, &metadata), summary);
        outcome.credentials = credentials(&values);
        context.step("DATABASE_URL and the keys of the API written to vault");
        Ok(outcome)
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        Ok(match Cli::new(context, metadata.workdir.as_deref(), None).status()? {
            Stack::Running(_) => Health::healthy(format!("running ({})", metadata.url)),
            Stack::Stopped(said) => Health::unhealthy(format!("not running: {said}")),
        })
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let cli = Cli::new(context, metadata.workdir.as_deref(), service.options.install_hint.as_deref());
        Ok(match cli.status()? {
            Stack::Running(_) => changes(Some(&metadata), &service.options),
            Stack::Stopped(_) => vec![stopped()],
        })
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let options = &service.options;
        let Stack::Running(values) = cli(context, options).status()? else { return Ok(None) };
        let url = text(&values, "API_URL").unwrap_or_default().to_owned();
        // An interrupted start had the options of now.
        let metadata = Metadata { workdir: options.workdir.clone(), exclude: options.exclude.clone(), url };
        Ok(Some(state(context, &metadata)))
    }

    /// Stops the stack and deletes its data; the folder `supabase/` stays.
    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let cli = Cli::new(context, metadata.workdir.as_deref(), None);
        cli.stop(true)?;
        // Each look is a process: few of them, far apart.
        let wait = context.wait("the Supabase stack to be gone", STOP_LIMIT);
        let wait = wait.pausing(Duration::from_secs(3), Duration::from_secs(10));
        wait.until(|| Ok(matches!(cli.status()?, Stack::Stopped(_)).then_some(())))
    }
}

fn cli<'a, 'h>(context: &'a Context<'h>, options: &'a Options) -> Cli<'a, 'h> {
    Cli::new(context, options.workdir.as_deref(), options.install_hint.as_deref())
}

fn recorded(context: &Context<'_>) -> Option<Metadata> {
    context.existing.as_ref()?.parse_metadata().ok()
}

/// Refuses to leave a stack behind in another folder.
fn refuse_move(context: &Context<'_>, service: &Service<Options>) -> Result<(), Failure> {
    let Some(recorded) = recorded(context).filter(|known| known.workdir != service.options.workdir) else {
        return Ok(());
    };
    let was = recorded.workdir.unwrap_or_else(|| ".".into());
    let message = format!("the stack of `{}` is in `{was}` and cannot be moved", service.id);
    Err(Failure::invalid_configuration(service.option_path("workdir"), message)
        .with_next_step("destroy the service first, or set `workdir` back"))
}

fn changes(recorded: Option<&Metadata>, options: &Options) -> Vec<Change> {
    let Some(recorded) = recorded.filter(|known| known.exclude != options.exclude) else { return Vec::new() };
    vec![Change::new("exclude", recorded.exclude.clone(), options.exclude.clone())]
}

/// The stack does not run, and should.
fn stopped() -> Change {
    Change::new("stack", "not running", "running")
}

fn start(
    context: &Context<'_>,
    cli: &Cli<'_, '_>,
    options: &Options,
) -> Result<BTreeMap<String, Value>, Failure> {
    cli.start(&options.exclude)?;
    context.step("stack started");
    match cli.status()? {
        Stack::Running(values) => Ok(values),
        Stack::Stopped(said) => Err(Failure::conflict(format!("the stack has ended again: {said}"))
            .with_next_step("run `supabase status` and `docker ps` to see what ended")),
    }
}

fn state(context: &Context<'_>, metadata: &Metadata) -> State {
    let folder = metadata.workdir.clone().unwrap_or_else(|| ".".into());
    context.state(NAME, folder).with_metadata(metadata)
}

fn credentials(values: &BTreeMap<String, Value>) -> Vec<Credential> {
    let mail = [("INBUCKET_URL", "SUPABASE_MAIL_URL", false)];
    let mut credentials: Vec<Credential> = Vec::new();
    // Older versions of the CLI name the address of its mail by another program.
    for (theirs, ours, secret) in VALUES.into_iter().chain(mail) {
        let Some(value) = text(values, theirs) else { continue };
        if credentials.iter().any(|known| known.name == ours) {
            continue;
        }
        credentials.push(if secret {
            Credential::secret(ours, value)
        } else {
            Credential::public(ours, value)
        });
    }
    credentials
}

fn text<'v>(values: &'v BTreeMap<String, Value>, name: &str) -> Option<&'v str> {
    values.get(name).and_then(Value::as_str).filter(|value| !value.is_empty())
}
