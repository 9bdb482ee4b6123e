//! Which services the length of a run hangs on.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::ServiceReceipt;

/// Marks the critical path: the service that ended last, of those that came before it the one that ended
/// last, and so on. Making any other service faster would not have ended the run earlier.
pub(super) fn mark_critical(services: &mut [ServiceReceipt]) {
    let places: HashMap<String, usize> =
        services.iter().enumerate().map(|(at, service)| (service.report.service.clone(), at)).collect();
    let ends: Vec<Option<Timestamp>> = services.iter().map(ended).collect();
    let last_of = |among: &mut dyn Iterator<Item = usize>| {
        among.filter(|&at| ends[at].is_some()).max_by_key(|&at| ends[at])
    };
    let mut next = last_of(&mut (0..services.len()));
    while let Some(at) = next {
        services[at].critical = true;
        let mut needs = services[at].needs.iter().filter_map(|need| places.get(need).copied());
        // A graph has no circles; a file that was edited may.
        next = last_of(&mut needs).filter(|&need| !services[need].critical);
    }
}

fn ended(service: &ServiceReceipt) -> Option<Timestamp> {
    let took = SignedDuration::from_millis(i64::try_from(service.report.duration_ms).ok()?);
    service.report.started?.checked_add(took).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ServiceOutcome, ServiceReport};

    fn service(id: &str, started: i64, duration_ms: u64, needs: &[&str]) -> ServiceReceipt {
        let report = ServiceReport {
            service: id.into(),
            provider: None,
            outcome: ServiceOutcome::Failed,
            failure: None,
            started: Timestamp::from_millisecond(started).ok(),
            duration_ms,
        };
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        ServiceReceipt { report, declared: None, needs, critical: false }
    }

    #[test]
    fn the_path_runs_through_what_ended_last() {
        let mut services = [
            service("db", 0, 100, &[]),
            service("cache", 0, 300, &[]),
            service("api", 300, 50, &["db", "cache"]),
            service("site", 0, 320, &[]),
        ];
        mark_critical(&mut services);
        let critical: Vec<_> =
            services.iter().filter(|s| s.critical).map(|s| s.report.service.as_str()).collect();
        assert_eq!(critical, ["cache", "api"]);
    }
}
