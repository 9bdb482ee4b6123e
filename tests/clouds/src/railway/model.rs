//! What a Railway project consists of, and how it looks to a query.

use serde_json::{Map, Value, json};

use super::{RailwayServiceView, RailwayView};
use crate::clock::{Clock, Moment};

#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Value,
    pub(super) environment: (String, String),
    pub(super) created: Moment,
    pub(super) deleted: Option<Moment>,
    pub(super) services: Vec<Service>,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) created: Moment,
    /// Members of the instance, under their names in the API.
    pub(super) settings: Map<String, Value>,
    pub(super) variables: Map<String, Value>,
    /// Volume id and mount path.
    pub(super) volumes: Vec<(String, String)>,
    pub(super) domains: Vec<Domain>,
    /// Proxy id and application port.
    pub(super) tcp: Vec<(String, i64)>,
    pub(super) deployments: Vec<Deployment>,
}

#[derive(Debug)]
pub(super) struct Domain {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) port: Value,
    /// One's own: since then it is being verified.
    pub(super) own: Option<Moment>,
}

#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) image: String,
    pub(super) begun: Moment,
}

impl Deployment {
    fn status(&self, clock: &Clock, broken: &[String]) -> &'static str {
        match clock.paces_since(self.begun) {
            paces if paces < 0.5 => "INITIALIZING",
            paces if paces < 1.0 => "DEPLOYING",
            _ if broken.contains(&self.image) => "CRASHED",
            _ => "SUCCESS",
        }
    }
}

impl Project {
    pub(super) fn render(&self, clock: &Clock) -> Value {
        let environment = json!({ "id": self.environment.0, "name": self.environment.1, "deletedAt": null });
        let services = self.services.iter().filter(|service| clock.shows(service.created));
        let services =
            services.map(|service| json!({ "id": service.id, "name": service.name, "deletedAt": null }));
        json!({
            "id": self.id, "name": self.name, "description": self.description,
            "deletedAt": self.deleted.map(|_| "2026-11-21T12:00:00.000Z"),
            "environments": connection(vec![environment], false),
            "services": connection(services.collect(), false),
        })
    }

    pub(super) fn render_volumes(&self) -> Value {
        let of = |service: &Service| -> Vec<Value> {
            let volumes = service.volumes.iter();
            volumes
                .map(|(id, path)| {
                    json!({
                        "volumeId": id, "serviceId": service.id, "mountPath": path, "deletedAt": null,
                        "isPendingDeletion": false,
                    })
                })
                .collect()
        };
        json!({ "volumeInstances": connection(self.services.iter().flat_map(of).collect(), false) })
    }

    pub(super) fn view(&self, clock: &Clock, broken: &[String]) -> RailwayView {
        let services = self.services.iter().map(|service| RailwayServiceView {
            id: service.id.clone(),
            name: service.name.clone(),
            source: service.settings.get("source").cloned().unwrap_or_default(),
            variables: service.variables.clone(),
            volumes: service.volumes.iter().map(|(_, path)| path.clone()).collect(),
            domains: service.domains.iter().map(|domain| domain.name.clone()).collect(),
            tcp_ports: service.tcp.iter().map(|(_, port)| *port).collect(),
            deployments: service.deployments.len(),
            status: service.latest(clock, broken)["status"].as_str().unwrap_or_default().to_owned(),
        });
        RailwayView { id: self.id.clone(), name: self.name.clone(), services: services.collect() }
    }
}

impl Service {
    fn latest(&self, clock: &Clock, broken: &[String]) -> Value {
        self.deployments.last().map_or(Value::Null, |deployment| deployment.render(clock, broken))
    }

    pub(super) fn render_instance(&self, clock: &Clock, broken: &[String]) -> Value {
        let mut instance = self.settings.clone();
        instance.insert("latestDeployment".to_owned(), self.latest(clock, broken));
        instance.into()
    }

    pub(super) fn render_domains(&self, clock: &Clock) -> Value {
        let (own, railways): (Vec<_>, Vec<_>) = self.domains.iter().partition(|domain| domain.own.is_some());
        json!({
            "serviceDomains": railways.iter().map(|domain| domain.render(clock)).collect::<Vec<_>>(),
            "customDomains": own.iter().map(|domain| domain.render(clock)).collect::<Vec<_>>(),
        })
    }

    pub(super) fn render_tcp(&self) -> Value {
        let proxies = self.tcp.iter().map(|(id, port)| {
            json!({
                "id": id, "domain": "shuttle.proxy.rlwy.net", "proxyPort": 15140, "applicationPort": port,
                "deletedAt": null,
            })
        });
        proxies.collect()
    }
}

impl Domain {
    pub(super) fn render(&self, clock: &Clock) -> Value {
        let verified = self.own.is_some_and(|since| clock.paces_since(since) >= 8.0);
        let record = json!({
            "recordType": "DNS_RECORD_TYPE_CNAME", "fqdn": self.name, "requiredValue": "k3j4h5g6.up.railway.app",
            "hostlabel": "@", "zone": self.name, "currentValue": "", "purpose": "DNS_RECORD_PURPOSE_TRAFFIC_ROUTE",
            "status": if verified { "DNS_RECORD_STATUS_PROPAGATED" } else { "DNS_RECORD_STATUS_REQUIRES_UPDATE" },
        });
        let certificate = if verified { "VALID" } else { "VALIDATING_OWNERSHIP" };
        json!({
            "id": self.id, "domain": self.name, "targetPort": self.port, "deletedAt": null,
            "status": {
                "verified": verified, "certificateStatus": format!("CERTIFICATE_STATUS_TYPE_{certificate}"),
                "verificationDnsHost": format!("_railway-verify.{}", self.name),
                "verificationToken": format!("railway-verify={}", self.id), "dnsRecords": [record],
            },
        })
    }
}

impl Deployment {
    pub(super) fn render(&self, clock: &Clock, broken: &[String]) -> Value {
        json!({ "id": self.id, "status": self.status(clock, broken) })
    }
}

/// A Relay connection.
pub(super) fn connection(nodes: Vec<Value>, more: bool) -> Value {
    let cursor = nodes.last().map(|node| node["id"].clone());
    let edges: Vec<Value> =
        nodes.into_iter().map(|node| json!({ "cursor": node["id"], "node": node })).collect();
    json!({
        "edges": edges,
        "pageInfo": { "hasNextPage": more, "hasPreviousPage": false, "endCursor": cursor, "startCursor": null },
    })
}
