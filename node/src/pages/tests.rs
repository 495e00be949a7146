use serde_json::json;

use super::*;
use crate::cluster::ClusterState;
use crate::server::components::Health;
use crate::server::{Audit, Move, Moves};

fn frame() -> Frame {
    Frame {
        prefix: "/shoal/".to_owned(),
        node: "node-0".to_owned(),
        cluster: "sea".to_owned(),
        state: "participant".to_owned(),
        version: "1.2.3",
        warning: String::new(),
    }
}

fn a_component(local_id: &str, reads: &[&str], feeds: &[&str]) -> Component {
    let (name, label) = local_id.rsplit_once('.').expect("ids have a label here");
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    Component {
        name: name.to_owned(),
        r#type: "block".to_owned(),
        local_id: local_id.to_owned(),
        module_id: String::new(),
        label: label.to_owned(),
        references_to: owned(reads),
        referenced_by: Vec::new(),
        data_flow_edges_to: owned(feeds),
        health: Health {
            state: HealthState::Healthy,
            message: "started <component>".to_owned(),
            updated_time: "2026-01-02T03:04:05Z".to_owned(),
        },
        original: String::new(),
        arguments: json!([]),
        exports: json!([]),
        debug_info: json!([]),
        created_module_ids: Vec::new(),
        live_debugging_enabled: false,
    }
}

fn pipeline() -> Vec<Component> {
    vec![
        a_component("prometheus.remote_write.w", &[], &[]),
        a_component(
            "prometheus.scrape.s",
            &["discovery.file.d", "prometheus.remote_write.w"],
            &["prometheus.remote_write.w"],
        ),
        a_component("discovery.file.d", &[], &[]),
    ]
}

#[test]
fn the_graph_is_drawn_along_the_flow_of_data() {
    let components = pipeline();
    let diagram = Diagram::of(&components).expect("three components fit a picture");
    let x = |id: &str| diagram.boxes.iter().find(|b| b.id == id).expect("it is drawn").x;
    assert!(x("discovery.file.d") < x("prometheus.scrape.s"));
    assert!(x("prometheus.scrape.s") < x("prometheus.remote_write.w"));
    assert_eq!(diagram.edges.iter().filter(|edge| edge.samples).count(), 1);
    assert_eq!(diagram.edges.len(), 2);
}

#[test]
fn an_edge_that_skips_layers_goes_around_what_stands_between() {
    // Everything of a row is read by all that follows.
    let rows = [
        ["a.x", "a.y", "a.z"],
        ["b.x", "b.y", "b.z"],
        ["c.x", "c.y", "c.z"],
        ["d.x", "d.y", "d.z"],
    ];
    let mut components = Vec::new();
    for (row, ids) in rows.iter().enumerate() {
        let reads: Vec<&str> = rows[..row].iter().flatten().copied().collect();
        components.extend(ids.iter().map(|id| a_component(id, &reads, &[])));
    }
    let diagram = Diagram::of(&components).expect("they fit a picture");
    let mut lanes = 0;
    for edge in &diagram.edges {
        // A line through a column is "... X Y" and then "HX": at the height Y.
        for before in edge.path.split('H').collect::<Vec<_>>().split_last().expect("a path").1 {
            let mut point = before.rsplit(' ').map(|n| n.parse::<usize>().expect("a number"));
            let (y, x) = (point.next().expect("y"), point.next().expect("x"));
            lanes += 1;
            let mut boxes = diagram.boxes.iter().filter(|b| b.x == x);
            assert!(!boxes.any(|b| (b.y..=b.y + b.height()).contains(&y)), "{}", edge.path);
            assert!(y < diagram.height);
        }
    }
    // Nine edges for each pair of rows: two pairs skip one row, one pair skips two.
    assert_eq!(lanes, 9 * (2 + 2));
    assert_eq!(diagram.edges.len(), 9 * 6);
}

#[test]
fn a_cycle_does_not_hang_the_drawing() {
    let components = vec![a_component("a.x", &["b.x"], &[]), a_component("b.x", &["a.x"], &[])];
    assert!(Diagram::of(&components).is_some());
}

#[test]
fn the_overview_links_every_component_below_the_prefix_and_escapes_what_it_says() {
    let page = overview(&frame(), &[], &[], &pipeline()).expect("the page renders");
    assert!(page.contains(r#"href="/shoal/component/prometheus.scrape.s""#));
    assert!(page.contains("/shoal/assets/shoal.css"));
    assert!(!page.contains("<component>"), "a message must not become markup");
}

#[test]
fn the_overview_says_what_is_wrong_with_the_configuration() {
    let troubles = ["import.file.lib: cannot read <lib>".to_owned()];
    let page = overview(&frame(), &[], &troubles, &[]).expect("the page renders");
    assert!(page.contains("import.file.lib: cannot read &#60;lib&#62;"), "{page}");
    let page = overview(&frame(), &[], &[], &[]).expect("the page renders");
    assert!(!page.contains("<h1>Configuration</h1>"), "{page}");
}

#[test]
fn arguments_read_like_the_configuration() {
    let arguments = json!([
        {"name": "job_name", "type": "attr", "value": {"type": "string", "value": "a\"b"}},
        {"name": "targets", "type": "attr", "value": {"type": "array", "value": [
            {"type": "object", "value": [{"key": "__address__", "value": {"type": "string", "value": "h:1"}}]},
        ]}},
        {"name": "clustering", "type": "block", "body": [
            {"name": "enabled", "type": "attr", "value": {"type": "bool", "value": true}},
        ]},
    ]);
    let expected = "job_name = \"a\\\"b\"\ntargets = [\n  {\n    __address__ = \"h:1\",\n  },\n]\nclustering {\n  enabled = true\n}\n";
    assert_eq!(render(&arguments), expected);
}

#[test]
fn what_was_left_out_of_a_list_is_counted_with_what_the_page_leaves_out() {
    let element = |n: usize| json!({"type": "number", "value": n});
    let elements: Vec<_> = (0..60).map(element).collect();
    let arguments = json!([{"name": "targets", "type": "attr",
        "value": {"type": "array", "value": elements, "left_out": 99_940}}]);
    let text = render(&arguments);
    assert!(text.contains("  49,\n  // and 99950 more\n]"), "{text}");

    let target = json!({"name": "target", "type": "block", "body": []});
    let left_out = json!({"name": "target", "type": "left_out", "count": 99_998});
    let body = json!([target, target, left_out]);
    let (lines, left_out) = statements::targets(&body);
    assert_eq!((lines.len(), left_out), (2, 99_998));
    assert_eq!(blocks(&body), "");
}

#[test]
fn targets_of_a_scrape_get_a_table_of_their_own() {
    let mut component = a_component("prometheus.scrape.s", &[], &[]);
    component.debug_info = json!([
        {"name": "target", "type": "block", "body": [
            {"name": "url", "type": "attr", "value": {"type": "string", "value": "http://h:1/metrics"}},
            {"name": "health", "type": "attr", "value": {"type": "string", "value": "down"}},
            {"name": "last_error", "type": "attr", "value": {"type": "string", "value": "refused"}},
            {"name": "last_scrape_duration", "type": "attr", "value": {"type": "string", "value": "1.357399ms"}},
        ]},
        {"name": "owned", "type": "attr", "value": {"type": "number", "value": 1}},
    ]);
    let page = super::component(&frame(), &component).expect("the page renders");
    assert!(page.contains("http://h:1/metrics") && page.contains("refused"));
    assert!(page.contains(">1.4 ms<"), "{page}");
    assert!(page.contains("owned = 1"));
}

#[test]
fn the_cluster_page_shows_what_each_peer_collects() {
    use crate::cluster::{Detail, PeerStatus};
    let peer = |name: &str, targets| PeerStatus {
        name: name.to_owned(),
        address: "127.0.0.1:1".parse().expect("an address"),
        state: "participant",
        generation: 1,
        is_self: name == "node-0",
        suspected: false,
        since: 0,
        targets,
    };
    let cluster = ClusterState {
        enabled: true,
        ready: true,
        peers: vec![peer("node-0", 3), peer("node-1", 1)],
        ..ClusterState::default()
    };
    let detail = Detail::default();
    let (audit, moves) = (Audit::default(), Moves::default());
    let shown = Shown {
        cluster: &cluster,
        detail: &detail,
        audit: &audit,
        moves: &moves,
        check: None,
        check_refused: false,
        now: 5_000,
    };
    let page = clustering(&frame(), shown).expect("the page renders");
    assert!(page.contains("node-1 collects 1 targets"));
    assert!(page.contains("25.0 %"));
    assert!(page.contains("by hearsay"), "node-1 was never heard");
    let health =
        "<span class=\"value\">0</span><span class=\"note\">of 8, where 0 is healthy</span>";
    assert!(page.contains(health), "it is told when all is well, too");
}

#[test]
fn the_cluster_page_says_what_keeps_nodes_apart() {
    use crate::cluster::{
        Detail, Missing, PeerDetail, PeerStatus, SeedLookup, SeedStatus, Suspicion,
    };
    use crate::server::{Check, Path, Paths};
    let address: std::net::SocketAddr = "10.0.0.9:1".parse().expect("an address");
    let peer = |name: &str, is_self| PeerStatus {
        name: name.to_owned(),
        address,
        state: "participant",
        generation: if is_self { 41 } else { 17 },
        is_self,
        suspected: !is_self,
        since: 0,
        targets: 0,
    };
    let cluster = ClusterState {
        enabled: true,
        expected_size: 3,
        digest: 7,
        peers: vec![peer("node-0", true), peer("node-1", false)],
        missing: vec![Missing { name: Some("node-2".to_owned()), address }],
        lookups: vec![SeedLookup {
            seed: "dns+shoal".to_owned(),
            outcome: "failed".to_owned(),
            detail: "failed: <no answer>".to_owned(),
        }],
        seeds: vec![SeedStatus {
            address,
            result: "refused: it is of cluster \"x\"".to_owned(),
            outcome: "refused",
            at: Some(3_000),
            remembered: true,
        }],
        ..ClusterState::default()
    };
    let heard = PeerDetail {
        last_heard: Some(2_000),
        round_trip_seconds: Some(0.0012),
        suspicion: Some(Suspicion { since: 4_000, confirmations: 2, left: 1_500 }),
        digest: Some(8),
        clock_skew_seconds: None,
    };
    let detail = Detail {
        local_health: 3,
        peers: [("node-1".to_owned(), heard)].into(),
        ..Detail::default()
    };
    let paths = Paths {
        address: address.to_string(),
        name: "node-1".to_owned(),
        tcp: Path::Ok,
        peer_api: Path::Ok,
        udp_out: Path::Ok,
        udp_in: Path::Failed,
        connect_seconds: None,
        problem: "allow UDP".to_owned(),
    };
    let check = Check {
        node: "node-0".to_owned(),
        address: address.to_string(),
        ok: false,
        problems: vec!["<nobody> is found".to_owned()],
        paths: vec![paths],
        left_out: 0,
        lookups: Vec::new(),
    };
    let check = Some(&check);
    let audit: Audit = serde_json::from_value(serde_json::json!({
        "node": "node-0", "unowned": 1, "double_owned": 1, "covered": 0, "config_drift": 1,
        "partial": true, "clock_limit_seconds": 0.1,
        "missing": [{"node": "node-5", "address": "10.0.0.5:1", "error": "<silence>"}],
        "divergences": [{"node": "node-3", "peer": "node-4", "divergence": {
            "component": "prometheus.scrape.b", "only_here": 2, "lost_there": 0, "only_there": 0,
            "truncated": false, "meaning": "node-4's discovery is behind", "examples": []}}],
        "targets": [{"state": "unowned", "node": "node-7", "component": "prometheus.scrape.a", "key": "9f",
            "url": "http://a/<m>", "labels": {}, "peer": "node-1", "why": "it is lost",
            "for_seconds": 3.0},
            {"state": "double", "node": "node-0", "component": "prometheus.scrape.c", "key": "a0",
            "url": "http://twice/", "labels": {}, "peer": "node-1",
            "why": "node-0 and node-1 collect it", "for_seconds": 4.0}],
        "peers": [{"name": "node-1", "answered_seconds_ago": 1.0, "config_sha256": "ab",
            "config_differs": true, "clock_skew_seconds": -0.25, "clock_error_seconds": 0.001,
            "clock_differs": true,
            "divergences": [{"component": "prometheus.scrape.a", "only_here": 1, "lost_there": 0,
                "only_there": 1, "truncated": false, "meaning": "the configurations differ",
                "examples": [{"url": "http://b", "known": "both", "labels": [
                    {"label": "env", "here": "x-here", "there": null}]}]}]}],
    }))
    .expect("an audit");
    let moved = |at_ms, action, targets| Move {
        node: "node-0".to_owned(),
        at: String::new(),
        at_ms,
        action,
        cause: "crash",
        from: "node-1".to_owned(),
        to: "node-0".to_owned(),
        targets,
        took_seconds: 0.0042,
        gaps_measured: 1,
        gap_seconds: Some(0.0),
        gaps_bounded: 1,
        gap_at_most_seconds: Some(4.0),
        gaps_open: 1,
        overlaps: 1,
    };
    let silent = serde_json::from_value(serde_json::json!([
        {"node": "node-6", "address": "10.0.0.6:1", "error": "<gone>"}
    ]));
    let moves = Moves {
        partial: true,
        missing: silent.expect("nodes"),
        // Clocks of other nodes may be ahead.
        moves: vec![moved(6_000, "stop", 1), moved(1_000, "start", 3)],
        ..Moves::default()
    };
    let shown = Shown {
        cluster: &cluster,
        detail: &detail,
        audit: &audit,
        moves: &moves,
        check,
        check_refused: false,
        now: 5_000,
    };
    let page = clustering(&frame(), shown).expect("the page renders");
    for text in [
        "&#60;nobody&#62; is found",
        "of 3 expected",
        "differ",
        "This node doubts itself",
        "<span class=\"value\">3</span><span class=\"note\">of 8, where 0 is healthy</span>",
        "<td data-name=\"Generation\">41</td>",
        "<td data-name=\"Generation\">17</td>",
        "<td data-name=\"View\">its own <code>0000000000000007</code></td>",
        "<td data-name=\"View\">another <code>0000000000000008</code></td>",
        "3 s ago",
        "1.2 ms",
        "another",
        "for 1 s, confirmed by 2; dead in 1.50 s",
        "<b>node-2</b>",
        "an earlier peer",
        "refused: it is of cluster",
        "2 s ago",
        "allow UDP",
        "path failed",
        "1 targets are collected by nobody",
        "http://a/&#60;m&#62;",
        "it is lost",
        "1 targets are collected twice",
        "<code>http://twice/</code>",
        "<span class=\"pill double\">double</span>",
        "<td data-name=\"Why\">node-0 and node-1 collect it</td>",
        "<span class=\"error\">250.0 ms behind</span>",
        "1 peers have clocks that differ by more than a tenth of the shortest interval",
        "No answer from node-5 (&#60;silence&#62;)",
        "prometheus.scrape.b: node-4 and node-3 know different targets",
        "<td data-name=\"Told by\">node-7</td>",
        "<span class=\"error\">another</span>",
        "knows other targets",
        "env: <code>x-here</code> here, none there",
        "started 3 targets",
        "<td data-name=\"Node\">node-0</td>",
        "no gap for 1 of 3, a gap of at most 4.00 s for 1 of 3, no tick so far for 1 of 3, \
         1 perhaps collected twice, within 4.2 ms",
        "No answer from node-6 (&#60;gone&#62;): what it moved is not here.",
        "<rect class=\"crash\" x=\"0.0\"",
    ] {
        assert!(page.contains(text), "{text:?} is not on the page:\n{page}");
    }
    assert!(!page.contains("<no answer>"), "an error must not become markup");
}

#[test]
fn a_search_says_which_peers_did_not_answer() {
    let search = TargetSearch {
        query: "x\"><script>".to_owned(),
        missing: vec!["node-2 (timed out)".to_owned()],
        ..TargetSearch::default()
    };
    let page = targets(&frame(), &search).expect("the page renders");
    assert!(page.contains("No answer from node-2 (timed out)"));
    assert!(!page.contains("<script>"), "a query must not become markup");
}

#[test]
fn numbers_and_times_read_well() {
    assert_eq!(count(1_234_567), "1\u{202F}234\u{202F}567");
    assert_eq!(age(3_725_000), "1 h 2 min");
    assert_eq!(moment(0, 5), "never");
    assert_eq!(duration(0.0123), "12.3 ms");
}
