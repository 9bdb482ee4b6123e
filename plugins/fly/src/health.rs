//! Whether the app is healthy: as Fly's checks see it, and as a visitor does.

use std::time::Duration;

use ss_sdk::http::Client;
use ss_sdk::{Context, Failure, Health};

use crate::api::{Api, Machine};
use crate::deployment::{Deployment, Metadata};

/// Longest part of a check's output that a message quotes.
const LONGEST_QUOTE: usize = 200;

/// What keeps a machine from being healthy. None if nothing does.
pub fn trouble(machine: &Machine) -> Option<String> {
    if machine.state != "started" {
        return Some(format!("machine {} is {}", machine.id, machine.state));
    }
    let checks = machine.checks.as_deref().unwrap_or_default();
    if checks.is_empty() {
        return Some("no health check has run yet".into());
    }
    let failing = checks.iter().find(|check| check.status != "passing")?;
    let output = failing.output.as_deref().and_then(|output| output.lines().next()).unwrap_or_default();
    let output: String = output.trim().chars().take(LONGEST_QUOTE).collect();
    let said = if output.is_empty() { String::new() } else { format!(": {output}") };
    Some(format!("check `{}` is {}{said}", failing.name, failing.status))
}

/// The health of a recorded machine.
pub fn status(api: &Api<'_, '_>, app: &str, metadata: &Metadata) -> Result<Health, Failure> {
    if metadata.machine_id.is_empty() {
        return Ok(Health::unhealthy(format!("the app {app} has no machine")));
    }
    let Some(machine) = api.machine(app, &metadata.machine_id)? else {
        return Ok(Health::unhealthy(format!("machine {} no longer exists", metadata.machine_id)));
    };
    let checks: Vec<_> = machine.checks.iter().flatten().map(|check| (&check.name, &check.status)).collect();
    let raw = serde_json::json!({"state": machine.state, "checks": checks});
    let idle = metadata.autostop && matches!(machine.state.as_str(), "stopped" | "suspended");
    let health = match trouble(&machine) {
        _ if idle => Health::healthy(format!("{} until the next request ({})", machine.state, metadata.url)),
        Some(trouble) => Health::unhealthy(trouble),
        None => Health::healthy(format!("started, checks passing ({})", metadata.url)),
    };
    Ok(health.with_raw(raw))
}

impl Deployment<'_, '_> {
    /// Waits until the machine's checks pass, and then until a visitor gets an answer.
    pub fn wait_until_healthy(&self, machine: &Machine) -> Result<(), Failure> {
        let limit = self.options.health_timeout();
        let mut last = String::new();
        let wait = self.context.wait("the checks to pass", limit);
        let passing = wait.within_limit(|| {
            let now = self.api.created_machine(&self.app, &machine.id)?;
            let idle =
                self.options.autostop != "off" && matches!(now.state.as_str(), "stopped" | "suspended");
            Ok(match trouble(&now) {
                Some(trouble) if !idle => {
                    last = trouble;
                    None
                }
                _ => Some(()),
            })
        })?;
        if passing.is_none() {
            return Err(self.unhealthy(limit, &last));
        }
        match &self.options.health_check_path {
            Some(path) => self.wait_for_visitors(&format!("{}{path}", self.url()), limit),
            None => Ok(()),
        }
    }

    fn wait_for_visitors(&self, url: &str, limit: Duration) -> Result<(), Failure> {
        let mut last = String::new();
        let wait = self.context.wait(format!("an answer at {url}"), limit);
        let answered = wait.within_limit(|| {
            let status = visit(self.context, url)?;
            last = format!("{url} answers {status}");
            Ok((200..400).contains(&status).then_some(()))
        })?;
        if answered.is_none() {
            return Err(self.unhealthy(limit, &last));
        }
        self.context.step(format!("Health check passing at {url}"));
        Ok(())
    }

    fn unhealthy(&self, limit: Duration, trouble: &str) -> Failure {
        Failure::unavailable(format!("`{}` is not healthy after {} s: {trouble}", self.app, limit.as_secs()))
            .with_next_step(format!(
                "look at what the app says with `fly logs -a {}`, or allow more time with `health_timeout`",
                self.app
            ))
    }
}

/// Asks as a visitor does, without any key.
fn visit(context: &Context<'_>, url: &str) -> Result<u16, Failure> {
    let client = Client::new(context.host, "The app", url).with_header("accept", "*/*");
    Ok(client.get("").to("check its health").send()?.status)
}
