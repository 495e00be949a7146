use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

#[test]
fn scores_never_change() {
    let golden: [(&str, u64, u64); 4] = [
        ("a", 0, 0xb495_55ff_8fb6_9aa5),
        ("a", 1, 0x719c_3dbe_227b_53e9),
        ("b", 1, 0x0195_db62_8902_d76d),
        ("shoal-17.shoal.monitoring", u64::MAX, 0xf94d_4745_e195_1c15),
    ];
    let found: Vec<String> = golden
        .iter()
        .map(|(node, key, _)| format!("{:016x}", NodeHash::new(&name(node)).score(Key::from(*key))))
        .collect();
    let expected: Vec<String> = golden.iter().map(|(.., score)| format!("{score:016x}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_crate_ranks_by_our_score() {
    let names: Vec<Name> = (0..20).map(|n| name(&format!("node-{n}"))).collect();
    let ranking: Ranking = names.iter().collect();
    for key in (0..200u64).map(|number| Key::of("c", [number.to_le_bytes()])) {
        let mut expected: Vec<NodeHash> = names.iter().map(NodeHash::new).collect();
        expected.sort_by_key(|node| std::cmp::Reverse((node.score(key), node.name().clone())));
        let expected: Vec<&Name> = expected.iter().map(NodeHash::name).collect();
        assert_eq!(ranking.of(key).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_node_inserted_twice_is_ranked_once() {
    let a = name("a");
    let mut ranking: Ranking = [&a, &a].into_iter().collect();
    assert_eq!(ranking.of(Key::from(1)).count(), 1);
    ranking.remove(&NodeHash::new(&a));
    assert_eq!(ranking.of(Key::from(1)).count(), 0);
}

#[test]
fn keys_are_spread_like_balls_thrown_at_random() {
    const KEYS: u64 = 100_000;
    for nodes in [3u64, 10, 50] {
        let hashes: Vec<NodeHash> =
            (0..nodes).map(|n| NodeHash::new(&name(&format!("shoal-{n}")))).collect();
        let mut owned = vec![0u64; hashes.len()];
        for number in 0..KEYS {
            let key = Key::of("prometheus.scrape.default", [number.to_string()]);
            let best = (0..hashes.len()).max_by_key(|&index| hashes[index].score(key));
            owned[best.expect("there are nodes")] += 1;
        }
        // Five standard deviations: a fair throw leaves them once in a million times.
        let mean = KEYS as f64 / nodes as f64;
        let slack = 5.0 * (mean * (1.0 - 1.0 / nodes as f64)).sqrt();
        for count in &owned {
            assert!((*count as f64 - mean).abs() < slack, "{nodes} nodes: {owned:?}");
        }
    }
}
