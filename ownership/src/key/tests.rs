use super::*;

#[test]
fn keys_never_change() {
    // Whoever changes one of these numbers moves every target of every cluster to another node.
    let golden: [(&str, &[&str], u64); 5] = [
        ("", &[], 0x48b2_c926_16fc_193d),
        ("prometheus.scrape.default", &[], 0x14fc_c9a8_4220_c41c),
        (
            "prometheus.scrape.default",
            &["http", "10.0.0.1:9100", "/metrics"],
            0x9274_5304_74d2_5490,
        ),
        (
            "prometheus.scrape.default",
            &["http", "10.0.0.1:9100/metrics", ""],
            0xa652_84e6_5daf_a1d8,
        ),
        ("loki.source.file.pods", &["/var/log/pods/a/b/0.log"], 0xd52c_8a24_173b_1396),
    ];
    let found: Vec<String> =
        golden.iter().map(|(component, parts, _)| Key::of(component, *parts).to_string()).collect();
    let expected: Vec<String> =
        golden.iter().map(|(.., key)| Key::from(*key).to_string()).collect();
    assert_eq!(found, expected);
}

#[test]
fn parts_do_not_flow_into_each_other() {
    let keys = [
        Key::of("c", ["ab", "c"]),
        Key::of("c", ["a", "bc"]),
        Key::of("c", ["abc"]),
        Key::of("c", ["abc", ""]),
        Key::of("cabc", Vec::<&str>::new()),
        Key::of("d", ["abc"]),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "number {index} is the same as an earlier one");
    }
}

#[test]
fn a_key_is_written_as_sixteen_digits() {
    assert_eq!(Key::from(0xab).to_string(), "00000000000000ab");
}
