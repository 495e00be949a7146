use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn name(number: u8) -> Name {
    Name::new(&format!("node-{number}")).expect("a valid name")
}

fn component(number: u8) -> ComponentId {
    ComponentId::from(format!("prometheus.scrape.c{number}").as_str())
}

/// What the assignment is held to: the crate's full ranking, and plain sets.
#[derive(Default)]
struct Model {
    nodes: BTreeSet<Name>,
    keys: BTreeMap<ComponentId, BTreeSet<Key>>,
}

impl Model {
    fn owners(&self) -> BTreeMap<(ComponentId, Key), Option<Name>> {
        let ranking: Ranking = self.nodes.iter().collect();
        let all = self.keys.iter().flat_map(|(id, keys)| keys.iter().map(move |key| (id, *key)));
        all.map(|(id, key)| ((id.clone(), key), ranking.of(key).next().cloned())).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Change { joined: Vec<u8>, left: Vec<u8> },
    Keys { component: u8, from: u64, count: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let nodes = || prop::collection::vec(0u8..12, 0..4);
    prop_oneof![
        (nodes(), nodes()).prop_map(|(joined, left)| Step::Change { joined, left }),
        (0u8..3, 0u64..50, 0u64..60).prop_map(|(component, from, count)| Step::Keys {
            component,
            from,
            count
        }),
    ]
}

/// Small numbers as keys are a hard case for a hash that expects mixed ones.
fn key(number: u64) -> Key {
    if number.is_multiple_of(2) { Key::from(number) } else { Key::of("c", [number.to_le_bytes()]) }
}

type Moves = BTreeMap<(ComponentId, Key), (Option<Name>, Option<Name>)>;

fn note(moves: &mut Moves, moved: Move<'_>) {
    let change = (moved.from.cloned(), moved.to.cloned());
    let before = moves.insert((moved.component.clone(), moved.key), change);
    assert_eq!(before, None, "a key is reported once");
}

proptest! {
    #[test]
    fn incremental_equals_the_full_ranking(steps in prop::collection::vec(step(), 1..30)) {
        let mut assignment = Assignment::default();
        let mut model = Model::default();
        for step in steps {
            let before = model.owners();
            let mut moves = Moves::new();
            match step {
                Step::Change { joined, left } => {
                    let joined: Vec<Name> = joined.into_iter().map(name).collect();
                    let left: Vec<Name> = left.into_iter().map(name).collect();
                    assignment.change(&joined, &left, |moved| note(&mut moves, moved));
                    for name in left.iter().filter(|name| !joined.contains(name)) {
                        model.nodes.remove(name);
                    }
                    model.nodes.extend(joined);
                    for ((_, key), (from, to)) in &moves {
                        prop_assert_ne!(from, to, "{:?} moved nowhere", key);
                    }
                }
                Step::Keys { component: number, from, count } => {
                    let id = component(number);
                    let keys: Vec<Key> = (from..from + count).rev().map(key).collect();
                    assignment.set_keys(&id, keys.clone(), |moved| note(&mut moves, moved));
                    model.keys.insert(id, keys.into_iter().collect());
                }
            }
            let after = model.owners();
            // The moves reported are exactly the differences.
            for (place, (from, to)) in &moves {
                prop_assert_eq!(before.get(place).cloned().flatten(), from.clone());
                prop_assert_eq!(after.get(place).cloned().flatten(), to.clone());
            }
            for place in before.keys().chain(after.keys()) {
                let owners = |all: &BTreeMap<_, _>| all.get(place).cloned().flatten();
                let changed: bool = owners(&before) != owners(&after);
                prop_assert!(!changed || moves.contains_key(place));
            }
            // Owners, deputies, and what is derived from them.
            let ranking: Ranking = model.nodes.iter().collect();
            for (id, keys) in &model.keys {
                let owners: Vec<(Key, Option<Name>)> =
                    assignment.owners(id).map(|(key, owner)| (key, owner.cloned())).collect();
                let expected: Vec<(Key, Option<Name>)> =
                    keys.iter().map(|key| (*key, ranking.of(*key).next().cloned())).collect();
                prop_assert_eq!(owners, expected);
                for (row, key) in assignment.components.get(id).into_iter().flatten().zip(keys) {
                    let deputy = ranking.of(*key).nth(1);
                    prop_assert_eq!(assignment.nodes.name(row.deputy), deputy);
                }
                for (node, share) in assignment.shares(id) {
                    prop_assert_eq!(assignment.owned(id, &node).count(), share);
                }
            }
        }
    }

    #[test]
    fn what_would_move_is_what_moves(
        nodes in prop::collection::btree_set(0u8..16, 0..10),
        who in 0u8..16,
        counts in prop::collection::vec(0u64..80, 1..4),
    ) {
        let mut assignment = Assignment::default();
        for (number, count) in (0u8..).zip(counts) {
            let first = u64::from(number) * 1000;
            let keys = (first..first + count).map(key).collect();
            assignment.set_keys(&component(number), keys, |_| {});
        }
        assignment.change(&nodes.iter().copied().map(name).collect::<Vec<_>>(), &[], |_| {});
        let known = nodes.contains(&who);
        let who = name(who);
        // Thought through and done, and the other way round.
        for leaves in [known, !known] {
            let (change, other) = match leaves {
                true => (WhatIf::Leave(who.clone()), WhatIf::Join(who.clone())),
                false => (WhatIf::Join(who.clone()), WhatIf::Leave(who.clone())),
            };
            let (mut thought, mut done) = (Moves::new(), Moves::new());
            prop_assert_eq!(assignment.what_if(&change, |moved| note(&mut thought, moved)), Ok(()));
            let refused = if leaves {
                WhatIfError::Present(who.clone())
            } else {
                WhatIfError::Absent(who.clone())
            };
            prop_assert_eq!(assignment.what_if(&other, |_| {}), Err(refused));
            let one = std::slice::from_ref(&who);
            let (joined, left) = if leaves { (&[][..], one) } else { (one, &[][..]) };
            assignment.change(joined, left, |moved| note(&mut done, moved));
            prop_assert_eq!(&thought, &done, "{:?}", change);
        }
    }

    #[test]
    fn a_join_moves_keys_only_to_the_one_who_joins(nodes in 1u8..20, keys in 1u64..500) {
        let (mut assignment, id) = (Assignment::default(), component(0));
        assignment.set_keys(&id, (0..keys).map(key).collect(), |_| {});
        assignment.change(&(0..nodes).map(name).collect::<Vec<_>>(), &[], |_| {});
        assignment.change(&[name(nodes)], &[], |moved| {
            assert_eq!(moved.to, Some(&name(nodes)));
        });
    }

    #[test]
    fn a_leaving_peer_moves_only_its_own_keys(nodes in 1u8..20, leaver in 0u8..20, keys in 1u64..500) {
        let leaver = name(leaver % nodes);
        let (mut assignment, id) = (Assignment::default(), component(0));
        assignment.set_keys(&id, (0..keys).map(key).collect(), |_| {});
        assignment.change(&(0..nodes).map(name).collect::<Vec<_>>(), &[], |_| {});
        let deputies: BTreeMap<Key, Option<Name>> =
            (0..keys).map(|number| (key(number), assignment.placement(key(number)).deputy)).collect();
        assignment.change(&[], std::slice::from_ref(&leaver), |moved| {
            assert_eq!(moved.from, Some(&leaver));
            assert_eq!(moved.to, deputies[&moved.key].as_ref(), "the deputy takes over");
        });
    }
}

#[test]
fn a_join_moves_no_more_than_its_share_and_three_standard_deviations() {
    const KEYS: u64 = 100_000;
    let (mut assignment, id) = (Assignment::default(), component(0));
    assignment.set_keys(&id, (0..KEYS).map(|n| Key::of("c", [n.to_le_bytes()])).collect(), |_| {});
    for nodes in 1..=30u8 {
        let mut moves = 0u64;
        assignment.change(&[name(nodes)], &[], |_| moves += 1);
        let share = 1.0 / f64::from(nodes);
        let mean = KEYS as f64 * share;
        let most = mean + 3.0 * (mean * (1.0 - share)).sqrt();
        assert!(
            moves as f64 <= most,
            "the join of node {nodes} moved {moves} keys, at most {most}"
        );
    }
}

#[test]
fn without_participants_nobody_owns_anything() {
    let (mut assignment, id) = (Assignment::default(), component(0));
    assignment.set_keys(&id, vec![Key::from(1)], |moved| assert_eq!(moved.to, None));
    assert_eq!(assignment.owners(&id).collect::<Vec<_>>(), [(Key::from(1), None)]);
    assert_eq!(assignment.placement(Key::from(1)), Placement { owner: None, deputy: None });
    assert_eq!(assignment.owned(&id, &name(1)).count(), 0);
    assert_eq!(assignment.ranking(Key::from(1)), []);
}

#[test]
fn a_single_participant_has_no_deputy() {
    let mut assignment = Assignment::default();
    assignment.change(&[name(1)], &[], |_| {});
    let placement = assignment.placement(Key::from(1));
    assert_eq!(placement, Placement { owner: Some(name(1)), deputy: None });
}

#[test]
fn a_component_without_keys_is_forgotten() {
    let (mut assignment, id) = (Assignment::default(), component(0));
    assignment.set_keys(&id, vec![Key::from(1), Key::from(1)], |_| {});
    assert_eq!(assignment.components().collect::<Vec<_>>(), [(&id, 1)]);
    assignment.set_keys(&id, vec![], |_| {});
    assert_eq!(assignment.components().count(), 0);
}
