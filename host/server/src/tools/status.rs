//! Asking providers how services are. Under the gates' read-only phase: no request that could change anything
//! leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use ss_engine::{Event, Observer, Scope, Selection, ServiceHealth, Standing, SystemHealth, SystemOverview};
use ss_provider::Cancel;

use super::look::{runtime, runtime_schema};
use super::{Call, Effect, Tool};
use crate::answer::{Answered, answer};
use crate::composition::{Opened, Refusal};
use crate::schema::{self, environment, flag, list, maybe, next, object, service_id, word};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "starsystem_all_statuses",
            title: "Ask how every service is",
            description: "Asks the provider of every provisioned service how it is, and says of each whether it runs. Slower than starsystem_read_system, and certain. Next: starsystem_logs for one that is in error.",
            effect: Effect::Asks,
            documented: true,
            input: || object(&[environment()], &[]),
            output: || {
                object(&[("services", list(status_schema(), "The services.")), next()], &["services", "next"])
            },
            run: |call| Box::pin(all_statuses(call)),
        },
        Tool {
            name: "starsystem_service_status",
            title: "Ask how a service is",
            description: "Asks the provider of one service how it is. Next: starsystem_logs if it is in error, starsystem_provision_service to fix or start it.",
            effect: Effect::Asks,
            documented: true,
            input: || object(&[service_id(), environment()], &["service_id"]),
            output: || {
                let mut schema = status_schema();
                schema["properties"]["next"] = next().1;
                schema
            },
            run: |call| Box::pin(service_status(call)),
        },
        Tool {
            name: "starsystem_provision_status",
            title: "Check the health of what is provisioned",
            description: "Runs the health checks of everything that is provisioned, as `ss provision --status` does. Use it after starsystem_provision or starsystem_provision_service. Next: starsystem_test_connection for a service that you need, starsystem_logs for one that is not healthy.",
            effect: Effect::Asks,
            documented: true,
            input: || object(&[environment()], &[]),
            output: || {
                let service = object(
                    &[
                        ("service", word("The service.")),
                        ("provider", word("Who made it.")),
                        ("healthy", flag("The verdict.")),
                        ("message", schema::untrusted("What the provider says.")),
                    ],
                    &["service", "provider", "healthy", "message"],
                );
                object(
                    &[
                        ("healthy", flag("Whether all of them are.")),
                        ("project", word("The project.")),
                        ("environment", word("The environment.")),
                        ("services", list(service, "What is provisioned.")),
                        ("missing", list(word("A service."), "What is not provisioned yet.")),
                        next(),
                    ],
                    &["healthy", "services", "next"],
                )
            },
            run: |call| Box::pin(provision_status(call)),
        },
        Tool {
            name: "starsystem_test_connection",
            title: "Test whether a service can be reached",
            description: "Confirms that a service is reachable, as its provider or its health check sees it. The last step after starsystem_provision_service. Next: starsystem_logs if it is not.",
            effect: Effect::Asks,
            documented: true,
            input: || object(&[service_id(), environment()], &["service_id"]),
            output: || {
                object(
                    &[
                        ("service", word("The service.")),
                        ("reachable", flag("The verdict.")),
                        ("message", schema::untrusted("What the provider says.")),
                        ("status", word("Whether it runs.")),
                        next(),
                    ],
                    &["service", "reachable", "message", "status", "next"],
                )
            },
            run: |call| Box::pin(test_connection(call)),
        },
    ]
}

fn status_schema() -> Value {
    let mut schema = runtime_schema();
    schema["properties"]["id"] = word("The service.");
    schema["properties"]["healthy"] = maybe(flag("What its provider says; null if it was not asked."));
    schema["properties"]["message"] = maybe(schema::untrusted("What its provider says."));
    schema["required"] = json!(["id", "status"]);
    schema
}

/// Watches nothing.
struct Unwatched;

impl Observer for Unwatched {
    fn event(&self, _event: Event<'_>) {}
}

/// The system with the answers of its providers.
struct Asked {
    environment: String,
    opened: Opened,
    overview: SystemOverview,
    health: SystemHealth,
}

async fn ask(call: &Call, selection: &Selection) -> Result<Asked, Refusal> {
    let environment = call.environment()?;
    let opened = call.server.shared.open(&environment, call.tool.name, Scope::Everything).await?;
    let cancel = Cancel::default();
    let asking = opened.engine.status(selection, Arc::new(Unwatched), cancel.clone());
    let health = tokio::select! {
        health = asking => health?,
        () = call.context.ct.cancelled() => {
            cancel.cancel();
            return Err(Refusal::new("cancelled"));
        }
    };
    let overview = opened.engine.overview()?;
    Ok(Asked { environment, opened, overview, health })
}

impl Asked {
    /// Every service that was asked about, or could not be.
    fn statuses(&self, call: &Call, only: Option<&str>) -> Vec<Value> {
        let health: BTreeMap<&str, &ServiceHealth> =
            self.health.services.iter().map(|health| (health.service.as_str(), health)).collect();
        let services = self.overview.services.iter();
        services
            .filter(|service| only.is_none_or(|only| only == service.id))
            .map(|service| {
                let shared = &call.server.shared;
                let (recorded, pid, url) = runtime(shared, &self.opened, &self.environment, service);
                let health = health.get(service.id.as_str());
                let status = match health {
                    Some(health)
                        if !health.health.healthy && recorded != "stopped" && recorded != "starting" =>
                    {
                        "error"
                    }
                    Some(_) | None if service.standing == Standing::Unfinished => "error",
                    _ => recorded,
                };
                json!({
                    "id": service.id,
                    "status": status,
                    "pid": pid,
                    "url": url,
                    "healthy": health.map(|health| health.health.healthy),
                    "message": health.map(|health| &health.health.message),
                })
            })
            .collect()
    }
}

async fn all_statuses(call: Call) -> Answered {
    let asked = ask(&call, &Selection::All).await?;
    let services = asked.statuses(&call, None);
    Ok(answer(
        json!({ "services": services }),
        json!({
            "next": "starsystem_logs shows why a service is in error; starsystem_provision_service starts one that is stopped.",
        }),
    ))
}

async fn service_status(call: Call) -> Answered {
    let id = call.text("service_id")?.to_owned();
    let asked = ask(&call, &Selection::Service(id.clone())).await?;
    let status = asked.statuses(&call, Some(&id)).pop().unwrap_or_default();
    Ok(answer(
        status,
        json!({
            "next": "starsystem_provision_service starts or fixes it; starsystem_logs shows what it prints.",
        }),
    ))
}

async fn provision_status(call: Call) -> Answered {
    let asked = ask(&call, &Selection::All).await?;
    let healthy = asked.health.is_healthy();
    Ok(answer(
        json!(asked.health),
        json!({
            "healthy": healthy,
            "next": if healthy {
                "starsystem_test_connection confirms that a service is reachable; starsystem_provision makes what is missing."
            } else {
                "starsystem_logs shows why; starsystem_provision attempts a fix."
            },
        }),
    ))
}

async fn test_connection(call: Call) -> Answered {
    let id = call.text("service_id")?.to_owned();
    let asked = ask(&call, &Selection::Service(id.clone())).await?;
    let status = asked.statuses(&call, Some(&id)).pop().unwrap_or_default();
    let reachable = status["healthy"] == true;
    let message = match &status["message"] {
        Value::String(message) => message.clone(),
        _ => "it is not provisioned".to_owned(),
    };
    Ok(answer(
        json!({ "service": id, "status": status["status"], "message": message }),
        json!({
            "reachable": reachable,
            "next": if reachable {
                "It works; starsystem_read_system shows the whole system."
            } else {
                "starsystem_logs shows what it printed; starsystem_provision_service starts or fixes it."
            },
        }),
    ))
}
