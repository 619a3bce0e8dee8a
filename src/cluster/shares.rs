//! Which node takes which queue, when a node is gone or is about to go.
//!
//! Whoever decides it writes it down in the transaction that takes the queues away from their owner, so two nodes that see the
//! cluster differently cannot both be right. All the same it depends on nothing but what it is given, in whatever order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::roll::{Load, NodeId};

/// Gives each of the queues, named by uid, to the node that has the fewest then; of several to the one with the lowest id. By
/// uid; nothing if there is no node.
#[must_use]
pub fn shares(mut queues: Vec<u64>, nodes: &[Load]) -> Vec<(u64, NodeId)> {
    queues.sort_unstable();
    let mut least: BinaryHeap<_> = nodes.iter().map(|node| Reverse((node.queues, node.id))).collect();
    let give = |uid| {
        let mut top = least.peek_mut()?;
        let Reverse((queues, id)) = &mut *top;
        *queues = queues.saturating_add(1);
        Some((uid, *id))
    };
    queues.into_iter().map_while(give).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [Load; 3] =
        [Load { id: NodeId(30), queues: 2 }, Load { id: NodeId(10), queues: 4 }, Load { id: NodeId(20), queues: 2 }];

    #[test]
    fn the_node_with_the_fewest_queues_takes_the_next_one() {
        let (a, b, c) = (NodeId(10), NodeId(20), NodeId(30));
        let expected = vec![(1, b), (2, c), (3, b), (4, c), (5, a), (6, b)];
        assert_eq!(shares(vec![6, 3, 1, 2, 5, 4], &NODES), expected);
        let mut turned = NODES;
        turned.reverse();
        assert_eq!(shares(vec![1, 2, 3, 4, 5, 6], &turned), expected, "in whatever order they are given");
        assert_eq!(shares(vec![1], &[]), vec![]);
        assert_eq!(shares(vec![], &NODES), vec![]);
    }

    #[test]
    fn each_queue_goes_to_one_node_and_no_node_gets_more_than_it_should() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let mut nodes = Vec::new();
            for id in 0..random.i64(1..6) {
                nodes.push(Load { id: NodeId(id), queues: random.u64(0..20) });
            }
            let queues: Vec<u64> = (0..random.u64(0..60)).collect();
            let given = shares(queues.clone(), &nodes);
            assert_eq!(given.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), queues);
            for (_, id) in &given {
                assert!(nodes.iter().any(|node| node.id == *id));
            }
            let after = |load: &Load| load.queues + given.iter().filter(|(_, id)| *id == load.id).count() as u64;
            let fewest = nodes.iter().map(after).min().unwrap();
            for node in &nodes {
                let got = after(node) > node.queues;
                assert!(!got || after(node) <= fewest + 1, "{node:?} got too many of {given:?}");
            }
        }
    }
}
