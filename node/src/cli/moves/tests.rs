use super::*;

#[test]
fn a_target_travels_in_a_query_whatever_is_in_it() {
    assert_eq!(encode("http://a:1/m?x=y&z"), "http%3A%2F%2Fa%3A1%2Fm%3Fx%3Dy%26z");
    assert_eq!(encode("ä b"), "%C3%A4%20b");
    assert_eq!(encode("a-b_c.d~9"), "a-b_c.d~9");
}

#[test]
fn a_history_reads_as_sentences() {
    let explanation: Explanation = serde_json::from_value(serde_json::json!({
        "truncated": true, "missing": ["c: no answer in 2s"], "forgotten": ["b"],
        "matches": [{
            "component": "prometheus.scrape.a", "key": "9f", "url": "http://a/metrics",
            "clustered": true,
            "hashed": {"component": "prometheus.scrape.a", "url": "http://a/metrics", "labels": {"job": "x"}},
            "owner": "b", "deputy": "a", "ranking": ["b", "a"], "node": "a", "collected_here": false,
            "moves": [{"at": "T1", "from": "a", "to": "b", "cause": "join"}],
            "history": [
                {"node": "a", "at": "T2", "action": "stop", "from": "a", "to": "b", "cause": "join",
                 "took_seconds": 0.0, "gap_seconds": null, "gap_at_most_seconds": null, "gap_open": false,
                 "overlap": false, "overlap_seconds": null},
                {"node": "b", "at": "T3", "action": "start", "from": "a", "to": "b", "cause": "join",
                 "took_seconds": 0.0042, "gap_seconds": 0.0, "gap_at_most_seconds": null, "gap_open": false,
                 "overlap": false, "overlap_seconds": 0.0},
                {"node": "b", "at": "T4", "action": "start", "from": "a", "to": "b", "cause": "crash",
                 "took_seconds": 0.0042, "gap_seconds": null, "gap_at_most_seconds": 3.0, "gap_open": false,
                 "overlap": true, "overlap_seconds": 2.125},
                {"node": "b", "at": "T5", "action": "start", "from": "a", "to": "b", "cause": "leave",
                 "took_seconds": 0.0042, "gap_seconds": 15.0, "gap_at_most_seconds": null, "gap_open": false,
                 "overlap": true, "overlap_seconds": null},
                {"node": "b", "at": "T6", "action": "start", "from": "a", "to": "b", "cause": "join",
                 "took_seconds": 0.0042, "gap_seconds": null, "gap_at_most_seconds": null, "gap_open": true,
                 "overlap": false, "overlap_seconds": 0.0},
            ],
        }],
    }))
    .expect("an explanation");
    assert_eq!(
        print_explanation(&explanation),
        "http://a/metrics  key 9f\n  job=\"x\"\n  component prometheus.scrape.a\n  ranking b, a\n  \
         a does not collect it\n  T1  its owner changes from a to b: join\n  T2  a stops for b: join\n  \
         T3  b starts from a: join, after 4.2 ms, no gap\n  \
         T4  b starts from a: crash, after 4.2 ms, a gap of at most 3.0 s, beside another node for 2.1 s\n  \
         T5  b starts from a: leave, after 4.2 ms, a gap of 15.0 s, perhaps beside another node\n  \
         T6  b starts from a: join, after 4.2 ms, no tick so far\n\n\
         and more targets: say more of the one you mean\n\
         b has forgotten what it did first\nwithout the history of c: no answer in 2s\n"
    );
}

#[test]
fn what_would_move_is_summed_up_before_it_is_listed() {
    let what_if: WhatIf = serde_json::from_value(serde_json::json!({
        "node": "a", "leave": "b", "join": "", "targets": 4, "moves": 2,
        "components": [{"component": "prometheus.scrape.a", "targets": 4, "moves": 2}],
        "flows": [{"from": "b", "to": "a", "moves": 2}],
        "examples": [{"component": "prometheus.scrape.a", "key": "9f", "url": "http://a/metrics",
                      "from": "b", "to": "a"}],
        "truncated": true,
    }))
    .expect("an answer");
    assert_eq!(
        print_what_if(&what_if),
        "if b left, 2 of 4 targets would move (50.0 %)\n  prometheus.scrape.a: 2 of 4\n\n  b -> a: 2\n\n  \
         http://a/metrics  b -> a\n  and 1 more\n"
    );
}
