use serde_json::json;

use super::*;

#[test]
fn what_is_not_as_it_should_be_stands_out() {
    let cluster: Cluster = serde_json::from_value(json!({
        "node": "a", "enabled": true, "name": "sea", "ready": true, "unready": "",
        "notes": ["cluster of 2, expected 3 (missing: c at 10.0.0.3:80)"],
        "joined": true, "converged": false, "digest": "00000000000000aa", "local_health": 3,
        "size": 2, "expected_size": 3,
        "missing": [{"name": "c", "address": "10.0.0.3:80"}],
        "minimum_size": 0, "starts_targets": true, "name_clash": null, "keys": [],
        "peers": [
            {"name": "a", "self": true, "address": "10.0.0.1:80", "state": "participant",
             "generation": 7, "since": "2026-01-01T00:00:00Z", "last_heard": null,
             "round_trip_seconds": null, "suspicion": null, "digest": "00000000000000aa",
             "targets": 5},
            {"name": "b", "self": false, "address": "10.0.0.2:80", "state": "participant",
             "generation": 8, "since": "2026-01-01T00:00:00Z",
             "last_heard": "2026-01-01T00:00:09Z", "round_trip_seconds": 0.0012,
             "suspicion": {"since": "2026-01-01T00:00:08Z", "confirmations": 1,
                           "verdict_in_seconds": 2.5},
             "digest": "00000000000000bb", "targets": 4},
        ],
        "lookups": [{"seed": "dns+shoal", "outcome": "failed", "detail": "failed: no answer"}],
        "seeds": [{"address": "10.0.0.3:80", "result": "unreachable",
                   "detail": "unreachable: refused", "at": null, "remembered": true}],
    }))
    .expect("a cluster");
    expect_test::expect![[r"
        cluster sea as a sees it: 2 of 3 nodes, not converged, view 00000000000000aa
        note: cluster of 2, expected 3 (missing: c at 10.0.0.3:80)
        note: a doubts itself: local health 3 of 8

          a  participant  10.0.0.1:80  generation 7  5 targets  (this node)
          b  participant  10.0.0.2:80  generation 8  4 targets  heard 2026-01-01T00:00:09Z  round trip 1.2 ms  sees view 00000000000000bb  suspected since 2026-01-01T00:00:08Z, dead in 2.5 s

        seeds
          dns+shoal: failed: no answer
          10.0.0.3:80  unreachable: refused  (an earlier peer)
    "]]
    .assert_eq(&print_cluster(&cluster));
}

#[test]
fn a_path_that_fails_is_named_with_what_to_look_at() {
    let check: Check = serde_json::from_value(json!({
        "node": "a", "address": "10.0.0.1:80", "ok": false, "left_out": 2, "lookups": [],
        "problems": ["no other node is found: dns+x does not exist"],
        "paths": [{"address": "10.0.0.2:80", "name": "b", "tcp": "ok", "peer_api": "ok",
                   "udp_out": "ok", "udp_in": "failed", "connect_seconds": 0.001,
                   "problem": "allow UDP to 10.0.0.1:80"}],
    }))
    .expect("a check");
    expect_test::expect![[r"
        paths between a at 10.0.0.1:80 and
          no other node is found: dns+x does not exist
          b at 10.0.0.2:80: TCP ok, peer API ok, UDP out ok, UDP in failed
            allow UDP to 10.0.0.1:80
          and 2 more that were not checked
    "]]
    .assert_eq(&print_check(&check));
}
