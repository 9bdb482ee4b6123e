//! Dependencies: every one exists, and none leads back to where it began.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::service::ServiceConfig;
use crate::diagnostic::{Diagnostic, Findings};
use crate::source::Span;

/// Circles that are reported; one is usually the cause of the others.
const MAX_CYCLES: usize = 20;
/// Members of a circle that are shown.
const MAX_MEMBERS: usize = 20;

/// Reports dependencies on services that do not exist, and circles. A service that is `broken` has been reported.
pub(super) fn check(
    services: &[ServiceConfig],
    index: &HashMap<String, usize>,
    broken: &HashSet<String>,
    findings: &mut Findings,
) {
    let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(services.len());
    for service in services {
        let mut out = Vec::new();
        for dependency in service.dependencies() {
            match index.get(&dependency.value) {
                Some(to) => out.push(Edge { to: *to, span: dependency.span }),
                None if broken.contains(&dependency.value) => {}
                None => unknown(service, &dependency.value, dependency.span, index, findings),
            }
        }
        edges.push(out);
    }
    report_cycles(services, edges, findings);
}

fn unknown(
    service: &ServiceConfig,
    name: &str,
    span: Span,
    index: &HashMap<String, usize>,
    findings: &mut Findings,
) {
    let message = format!("`{}` depends on `{name}`, which is no service", service.id.value);
    let candidates = index.keys().map(String::as_str).filter(|id| *id != service.id.value);
    let help = findings.suggestion(name, candidates);
    let help = help.or_else(|| Some("add the service, or remove the dependency".to_owned()));
    let finding = Diagnostic::error("unknown-dependency", message).label(span, "no such service");
    findings.push(Diagnostic { help, ..finding });
}

/// A dependency and where it is written.
#[derive(Debug, Clone, Copy)]
struct Edge {
    to: usize,
    span: Span,
}

fn report_cycles(services: &[ServiceConfig], mut edges: Vec<Vec<Edge>>, findings: &mut Findings) {
    let mut live = Live::new(&edges);
    let mut first = 0;
    for _ in 0..MAX_CYCLES {
        while first < services.len() && !live.is(first) {
            first += 1;
        }
        if first == services.len() {
            return;
        }
        let cycle = walk(first, &edges, &live);
        findings.push(describe(&cycle, services));
        // Without its last edge this circle is open; what still closes is another one.
        if let Some((from, edge)) = cycle.last() {
            edges[*from].retain(|known| known.to != edge.to);
            live.removed(*from, edge.to, &edges);
        }
    }
}

/// The services that have, among themselves, a dependency each: all circles, and what leads to them.
struct Live {
    /// Dependencies of each service that are live themselves; 0: not live.
    out: Vec<usize>,
    /// Who depends on each.
    back: Vec<Vec<usize>>,
}

impl Live {
    fn new(edges: &[Vec<Edge>]) -> Self {
        let mut back = vec![Vec::new(); edges.len()];
        for (from, out) in edges.iter().enumerate() {
            for edge in out {
                back[edge.to].push(from);
            }
        }
        let mut live = Self { out: edges.iter().map(Vec::len).collect(), back };
        let leaves = (0..edges.len()).filter(|at| live.out[*at] == 0).collect();
        live.cut(leaves);
        live
    }

    fn is(&self, at: usize) -> bool {
        self.out[at] > 0
    }

    /// An edge is gone.
    fn removed(&mut self, from: usize, to: usize, edges: &[Vec<Edge>]) {
        if let Some(at) = self.back[to].iter().position(|known| *known == from) {
            self.back[to].swap_remove(at);
        }
        self.out[from] = edges[from].iter().filter(|edge| self.is(edge.to)).count();
        if self.out[from] == 0 {
            self.cut(vec![from]);
        }
    }

    /// Takes services that have just lost their last live dependency, and everyone who loses theirs by that.
    fn cut(&mut self, mut dead: Vec<usize>) {
        while let Some(at) = dead.pop() {
            for from in std::mem::take(&mut self.back[at]) {
                if self.out[from] > 0 {
                    self.out[from] -= 1;
                    if self.out[from] == 0 {
                        dead.push(from);
                    }
                }
            }
        }
    }
}

/// Follows live dependencies until one was seen before; from there on it is a circle.
fn walk(start: usize, edges: &[Vec<Edge>], live: &Live) -> Vec<(usize, Edge)> {
    let mut seen = HashMap::new();
    let mut path: Vec<(usize, Edge)> = Vec::new();
    let mut at = start;
    loop {
        if let Some(begin) = seen.insert(at, path.len()) {
            return path.split_off(begin);
        }
        let Some(edge) = edges[at].iter().find(|edge| live.is(edge.to)) else { return path };
        path.push((at, *edge));
        at = edge.to;
    }
}

fn describe(cycle: &[(usize, Edge)], services: &[ServiceConfig]) -> Diagnostic {
    let id = |at: usize| services[at].id.value.as_str();
    let shown = &cycle[..cycle.len().min(MAX_MEMBERS)];
    let mut members = String::new();
    for (at, _) in shown {
        let _ = write!(members, "`{}` → ", id(*at));
    }
    if cycle.len() > shown.len() {
        let _ = write!(members, "{} more → ", cycle.len() - shown.len());
    }
    let first = cycle.first().map_or("", |(at, _)| id(*at));
    let message = match cycle {
        [_] => format!("`{first}` depends on itself"),
        _ => format!("services depend on each other in a circle: {members}`{first}`"),
    };
    let mut finding = Diagnostic::error("dependency-cycle", message)
        .help("remove one of these dependencies (`inject_from` is one too)");
    for (from, edge) in shown {
        finding = finding.label(edge.span, format!("`{}` needs `{}`", id(*from), id(edge.to)));
    }
    finding
}
