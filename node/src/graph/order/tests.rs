use super::{Knotted, evaluation_order};
use proptest::prelude::*;

#[test]
fn dependencies_come_first() {
    let order = evaluation_order(&[vec![1, 2], vec![2], vec![], vec![0]]);
    assert_eq!(order, Ok(vec![2, 1, 0, 3]));
}

#[test]
fn independent_nodes_keep_their_order() {
    assert_eq!(evaluation_order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
}

#[test]
fn a_node_that_reads_itself_is_a_cycle() {
    let knotted = evaluation_order(&[vec![], vec![1]]);
    assert_eq!(knotted, Err(Knotted { cycles: vec![vec![1]], order: vec![0, 1] }));
}

#[test]
fn every_knot_is_reported_with_its_cycle() {
    let knotted = evaluation_order(&[vec![1], vec![0], vec![3], vec![4], vec![2], vec![0, 2]])
        .expect_err("there are two cycles");
    assert_eq!(knotted.cycles, vec![vec![0, 1], vec![2, 3, 4]]);
}

#[test]
fn what_leads_into_a_cycle_is_not_part_of_it() {
    let knotted =
        evaluation_order(&[vec![1], vec![2], vec![3], vec![1]]).expect_err("1, 2, 3 is a cycle");
    assert_eq!(knotted.cycles, vec![vec![1, 2, 3]]);
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_does_not_need_the_threads_stack() {
    let length = 100_000;
    let chain: Vec<Vec<usize>> =
        (0..length).map(|node| if node + 1 < length { vec![node + 1] } else { vec![] }).collect();
    let order = evaluation_order(&chain).expect("a chain has no cycle");
    assert_eq!(order.first(), Some(&(length - 1)));
    assert_eq!(order.last(), Some(&0));
}

proptest! {
    #[test]
    fn an_order_holds_every_node_once_after_what_it_reads_and_a_cycle_is_one(
        edges in proptest::collection::vec((0..12usize, 0..12usize), 0..24),
    ) {
        let mut dependencies = vec![Vec::new(); 12];
        for (from, to) in edges {
            dependencies[from].push(to);
        }
        match evaluation_order(&dependencies) {
            Ok(order) => {
                prop_assert_eq!(order.len(), dependencies.len());
                let place = |node| order.iter().position(|&n| n == node);
                for (node, reads) in dependencies.iter().enumerate() {
                    for &read in reads {
                        prop_assert!(place(read) < place(node));
                    }
                }
            }
            Err(Knotted { cycles, mut order }) => {
                order.sort_unstable();
                prop_assert_eq!(order, (0..dependencies.len()).collect::<Vec<_>>());
                prop_assert!(!cycles.is_empty());
                for cycle in cycles {
                    for (at, node) in cycle.iter().enumerate() {
                        let next = cycle[(at + 1) % cycle.len()];
                        prop_assert!(dependencies[*node].contains(&next));
                    }
                }
            }
        }
    }
}
