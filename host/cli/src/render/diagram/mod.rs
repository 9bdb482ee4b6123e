//! Diagrams of a system's services: one drawing, in the notation that a person asks for.
//!
//! Names come from the file and are hostile to each notation: every one of them is escaped where it is
//! written, and nodes are numbered rather than named.

mod dot;
mod mermaid;
mod svg;

use std::collections::BTreeMap;

use ss_engine::{ServiceOverview, Standing, SystemOverview};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// What is drawn: nodes are services, edges lead from what is needed to what needs it.
pub struct Diagram {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Nodes by provider, if they are drawn in groups.
    groups: Vec<(String, Vec<usize>)>,
}

struct Node {
    /// Lines of text.
    lines: Vec<String>,
    standing: Standing,
}

struct Edge {
    from: usize,
    to: usize,
    /// Names of credentials that are handed over.
    label: String,
}

impl Diagram {
    /// A drawing of the system; services only, or grouped by who provisions them.
    pub fn new(system: &SystemOverview, services_only: bool) -> Self {
        let index: BTreeMap<&str, usize> =
            system.services.iter().enumerate().map(|(at, service)| (service.id.as_str(), at)).collect();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        if !services_only {
            for (at, service) in system.services.iter().enumerate() {
                let Some(provider) = &service.provider else { continue };
                match groups.iter_mut().find(|(name, _)| name == provider) {
                    Some((_, nodes)) => nodes.push(at),
                    None => groups.push((provider.clone(), vec![at])),
                }
            }
        }
        Self {
            title: format!("{} ({})", system.project, system.environment),
            nodes: system.services.iter().map(node).collect(),
            edges: edges(system, &index),
            groups,
        }
    }
}

fn node(service: &ServiceOverview) -> Node {
    let mut lines = vec![service.name.clone().unwrap_or_else(|| service.id.clone())];
    let provider = service.provider.as_deref();
    lines.extend(provider.or((!service.kind.is_empty()).then_some(service.kind.as_str())).map(str::to_owned));
    Node { lines, standing: service.standing }
}

fn edges(system: &SystemOverview, index: &BTreeMap<&str, usize>) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, service) in system.services.iter().enumerate() {
        for needed in &service.depends_on {
            let Some(&from) = index.get(needed.as_str()) else { continue };
            let injection = service.inject_from.iter().find(|injection| injection.service == *needed);
            let label = injection.map(|injection| injection.names.join(", ")).unwrap_or_default();
            edges.push(Edge { from, to, label });
        }
    }
    edges
}

/// How a standing looks: its word, and the colours of border and ground.
fn look(standing: Standing) -> (&'static str, &'static str, &'static str) {
    match standing {
        Standing::Provisioned => ("provisioned", "#1a7f37", "#dafbe1"),
        Standing::Unfinished => ("unfinished", "#9a6700", "#fff8c5"),
        Standing::Pending => ("pending", "#0969da", "#ddf4ff"),
        Standing::Unmanaged => ("unmanaged", "#57606a", "#f6f8fa"),
    }
}

/// All standings, in the order of a legend.
const STANDINGS: [Standing; 4] =
    [Standing::Provisioned, Standing::Unfinished, Standing::Pending, Standing::Unmanaged];
