//! The bounded parallel walk: each node after what it needs, never more than so many at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;

use ss_provider::Cancel;
use tokio::task::{JoinError, JoinSet};

use crate::graph::Graph;

/// How a node went, as far as its dependents care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Dependents may start.
    Ready,
    /// Dependents must not start.
    Failed,
}

/// What became of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ran.
    Ran(Verdict),
    /// It did not run because these failed, directly or further down; in file order.
    Blocked(Vec<usize>),
    /// It did not run because a person stopped the run first.
    NotStarted,
}

/// Runs `start(node)` for every node of the graph, dependencies first, at most `limit` at once.
///
/// A node that fails blocks what needs it and nothing else. Once `stop` is set nothing more starts and
/// what runs is waited for. A task that panics counts as failed.
pub(crate) async fn walk<F, Fut>(graph: &Graph, limit: usize, stop: &Cancel, mut start: F) -> Vec<Fate>
where
    F: FnMut(usize) -> Fut,
    Fut: Future<Output = Verdict> + Send + 'static,
{
    let nodes = graph.order().len();
    let mut waiting: Vec<usize> = (0..nodes).map(|node| graph.dependencies(node).len()).collect();
    let mut fates: Vec<Option<Fate>> = vec![None; nodes];
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes).filter(|&n| waiting[n] == 0).map(Reverse).collect();
    let mut running = JoinSet::new();
    let mut node_of = std::collections::HashMap::new();
    loop {
        while running.len() < limit && !stop.is_cancelled() {
            let Some(Reverse(node)) = ready.pop() else { break };
            let blockers = blockers(graph, &fates, node);
            if blockers.is_empty() {
                let handle = running.spawn(start(node));
                node_of.insert(handle.id(), node);
            } else {
                fates[node] = Some(Fate::Blocked(blockers));
                release(graph, node, &mut waiting, &mut ready);
            }
        }
        let Some(joined) = running.join_next_with_id().await else { break };
        let (id, verdict) = joined.unwrap_or_else(|error: JoinError| (error.id(), Verdict::Failed));
        if let Some(node) = node_of.remove(&id) {
            fates[node] = Some(Fate::Ran(verdict));
            release(graph, node, &mut waiting, &mut ready);
        }
    }
    settle_the_rest(graph, fates)
}

/// Counts a finished node off with its dependents.
fn release(graph: &Graph, node: usize, waiting: &mut [usize], ready: &mut BinaryHeap<Reverse<usize>>) {
    for &dependent in graph.dependents(node) {
        waiting[dependent] -= 1;
        if waiting[dependent] == 0 {
            ready.push(Reverse(dependent));
        }
    }
}

/// The failed nodes that keep `node` from starting.
fn blockers(graph: &Graph, fates: &[Option<Fate>], node: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for &dependency in graph.dependencies(node) {
        match &fates[dependency] {
            Some(Fate::Ran(Verdict::Failed)) => found.push(dependency),
            Some(Fate::Blocked(causes)) => found.extend(causes),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Nodes that never became ready after a stop: blocked by a failure if there is one, else not started.
fn settle_the_rest(graph: &Graph, mut fates: Vec<Option<Fate>>) -> Vec<Fate> {
    for &node in graph.order() {
        if fates[node].is_none() {
            let blockers = blockers(graph, &fates, node);
            fates[node] = Some(if blockers.is_empty() { Fate::NotStarted } else { Fate::Blocked(blockers) });
        }
    }
    fates.into_iter().map(|fate| fate.unwrap_or(Fate::NotStarted)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
    }

    #[test]
    fn independent_nodes_run_together_and_no_more_than_allowed() {
        let graph = Graph::new(vec![vec![]; 12]).unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let fates = runtime().block_on(walk(&graph, 4, &Cancel::default(), |_| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Verdict::Ready
            }
        }));
        assert!(fates.iter().all(|fate| *fate == Fate::Ran(Verdict::Ready)));
        assert_eq!(most.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_panic_is_a_failure_of_its_node_alone() {
        let graph = Graph::new(vec![vec![], vec![0], vec![]]).unwrap();
        let fates = runtime().block_on(walk(&graph, 4, &Cancel::default(), |node| async move {
            assert_ne!(node, 0, "a fault of the test's provider");
            Verdict::Ready
        }));
        assert_eq!(fates, [Fate::Ran(Verdict::Failed), Fate::Blocked(vec![0]), Fate::Ran(Verdict::Ready)]);
    }

    #[test]
    fn a_stop_lets_finish_what_runs() {
        let graph = Graph::new(vec![vec![], vec![0], vec![1]]).unwrap();
        let stop = Cancel::default();
        let fates = runtime().block_on(walk(&graph, 1, &stop, |_| {
            let stop = stop.clone();
            async move {
                stop.cancel();
                tokio::time::sleep(Duration::from_millis(5)).await;
                Verdict::Ready
            }
        }));
        assert_eq!(fates, [Fate::Ran(Verdict::Ready), Fate::NotStarted, Fate::NotStarted]);
    }

    /// What must become of each node, computed without any scheduling.
    fn model(graph: &Graph, fails: &[bool]) -> Vec<Fate> {
        let mut causes: Vec<Vec<usize>> = vec![Vec::new(); fails.len()];
        let mut fates = vec![Fate::NotStarted; fails.len()];
        for &node in graph.order() {
            let mut blocked: Vec<usize> =
                graph.dependencies(node).iter().flat_map(|&need| causes[need].iter().copied()).collect();
            blocked.sort_unstable();
            blocked.dedup();
            if !blocked.is_empty() {
                causes[node].clone_from(&blocked);
                fates[node] = Fate::Blocked(blocked);
            } else if fails[node] {
                causes[node] = vec![node];
                fates[node] = Fate::Ran(Verdict::Failed);
            } else {
                fates[node] = Fate::Ran(Verdict::Ready);
            }
        }
        fates
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]
        #[test]
        fn any_graph_with_any_failures_goes_as_the_model_says(
            edges in proptest::collection::vec(proptest::collection::vec(0usize..24, 0..4), 1..24),
            fails in proptest::collection::vec(proptest::bool::weighted(0.2), 24),
            limit in 1usize..6,
        ) {
            let forward: Vec<Vec<usize>> = edges
                .iter()
                .enumerate()
                .map(|(node, needs)| needs.iter().copied().filter(|&need| need < node).collect())
                .collect();
            let graph = Graph::new(forward).unwrap();
            let finished = Arc::new(Mutex::new(vec![false; edges.len()]));
            let wrong_order = Arc::new(AtomicUsize::new(0));
            let fates = runtime().block_on(walk(&graph, limit, &Cancel::default(), |node| {
                let (finished, wrong_order, failed) = (finished.clone(), wrong_order.clone(), fails[node]);
                let needs = graph.dependencies(node).to_vec();
                async move {
                    if needs.iter().any(|&need| !finished.lock().unwrap()[need]) {
                        wrong_order.fetch_add(1, Ordering::SeqCst);
                    }
                    tokio::task::yield_now().await;
                    finished.lock().unwrap()[node] = true;
                    if failed { Verdict::Failed } else { Verdict::Ready }
                }
            }));
            proptest::prop_assert_eq!(wrong_order.load(Ordering::SeqCst), 0);
            proptest::prop_assert_eq!(fates, model(&graph, &fails[..edges.len()]));
        }
    }
}
