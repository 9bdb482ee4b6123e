//! The order of services: a graph of who needs whom, and the bounded parallel walk over it.
//!
//! Works on numbers (a service's place in the file), so that it can be tested against a simple model.
//! Here does not belong: what a service is, or what is done with it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Who needs whom, and an order in which each comes after what it needs.
#[derive(Debug, Clone)]
pub struct Graph {
    dependencies: Vec<Vec<usize>>,
    dependents: Vec<Vec<usize>>,
    order: Vec<usize>,
}

/// Services that need each other: each one the next, the last one the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("services depend on each other in a circle")]
pub struct Cycle {
    /// The circle, beginning with the service that comes first in the file.
    pub nodes: Vec<usize>,
}

impl Graph {
    /// The graph of `edges[n]`: what `n` needs. Equal edges count once.
    ///
    /// The order is stable: of two services that could both come next, the one that is first in the
    /// file does. Takes O(n log n) for n services and edges.
    ///
    /// # Errors
    /// [`Cycle`].
    pub fn new(mut edges: Vec<Vec<usize>>) -> Result<Self, Cycle> {
        let mut dependents = vec![Vec::new(); edges.len()];
        for (node, needs) in edges.iter_mut().enumerate() {
            needs.sort_unstable();
            needs.dedup();
            for &dependency in needs.iter() {
                dependents[dependency].push(node);
            }
        }
        let mut missing: Vec<usize> = edges.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<Reverse<usize>> =
            (0..edges.len()).filter(|&node| missing[node] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(edges.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for &dependent in &dependents[node] {
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    ready.push(Reverse(dependent));
                }
            }
        }
        if order.len() < edges.len() {
            return Err(find_cycle(&edges, &missing));
        }
        Ok(Self { dependencies: edges, dependents, order })
    }

    /// Nodes that do not need each other.
    pub fn unordered(nodes: usize) -> Self {
        let none = vec![Vec::new(); nodes];
        Self { dependencies: none.clone(), dependents: none, order: (0..nodes).collect() }
    }

    /// Every node, each after all that it needs.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// What a node needs, in file order.
    pub fn dependencies(&self, node: usize) -> &[usize] {
        &self.dependencies[node]
    }

    /// What needs a node, in file order.
    pub fn dependents(&self, node: usize) -> &[usize] {
        &self.dependents[node]
    }
}

/// A circle among the nodes that the sort could not place: each of them needs another of them.
fn find_cycle(edges: &[Vec<usize>], missing: &[usize]) -> Cycle {
    let stuck = |node: &usize| missing[*node] > 0;
    let mut position = vec![None; edges.len()];
    let mut path = Vec::new();
    let mut next = (0..edges.len()).find(stuck);
    while let Some(node) = next {
        if let Some(start) = position[node] {
            let mut nodes: Vec<usize> = path.split_off(start);
            let first = nodes.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
            nodes.rotate_left(first);
            return Cycle { nodes };
        }
        position[node] = Some(path.len());
        path.push(node);
        next = edges[node].iter().copied().find(stuck);
    }
    Cycle { nodes: path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_the_file() {
        let graph = Graph::new(vec![vec![3], vec![], vec![0, 0], vec![]]).unwrap();
        assert_eq!(graph.order(), [1, 3, 0, 2]);
        assert_eq!(graph.dependencies(2), [0], "equal edges count once");
        assert_eq!(graph.dependents(0), [2]);
    }

    #[test]
    fn a_circle_is_named_from_its_first_service() {
        let cycle = Graph::new(vec![vec![], vec![3, 0], vec![1], vec![2], vec![1]]).unwrap_err();
        assert_eq!(cycle.nodes, [1, 3, 2]);
        assert_eq!(Graph::new(vec![vec![0]]).unwrap_err().nodes, [0]);
    }

    proptest::proptest! {
        #[test]
        fn every_node_comes_once_and_after_its_needs(
            edges in proptest::collection::vec(proptest::collection::vec(0usize..64, 0..4), 0..64)
        ) {
            let forward: Vec<Vec<usize>> = edges
                .iter()
                .enumerate()
                .map(|(node, needs)| needs.iter().copied().filter(|&need| need < node).collect())
                .collect();
            let graph = Graph::new(forward.clone()).unwrap();
            let mut place = vec![usize::MAX; forward.len()];
            for (at, &node) in graph.order().iter().enumerate() {
                place[node] = at;
            }
            for (node, needs) in forward.iter().enumerate() {
                proptest::prop_assert!(place[node] != usize::MAX);
                for &need in needs {
                    proptest::prop_assert!(place[need] < place[node]);
                }
            }
        }

        #[test]
        fn a_reported_circle_is_one(
            edges in proptest::collection::vec(proptest::collection::vec(0usize..12, 0..3), 12)
        ) {
            if let Err(Cycle { nodes }) = Graph::new(edges.clone()) {
                proptest::prop_assert!(!nodes.is_empty());
                for (at, node) in nodes.iter().enumerate() {
                    let next = nodes[(at + 1) % nodes.len()];
                    proptest::prop_assert!(edges[*node].contains(&next));
                }
            }
        }
    }
}
