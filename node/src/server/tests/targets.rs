//! Listing and explaining the targets of a cluster.

use super::*;

const COMPONENT: &str = "prometheus.scrape.a";

fn targets(count: u64) -> Arc<[Announced]> {
    let target = |n: u64| Announced {
        labels: Labels::from_pairs([("job", "Shop"), ("instance", &format!("host-{n}"))]),
        ..Announced::new(
            Key::of(COMPONENT, [n.to_le_bytes()]),
            format!("http://host-{n:03}/metrics"),
        )
    };
    (0..count).map(target).collect()
}

/// Two nodes that share 100 targets and agree on it.
async fn pair() -> (World, World, [Subscription; 2]) {
    pair_with(None).await
}

/// [`pair`] with these cluster keys.
pub(super) async fn pair_with(keys: Option<String>) -> (World, World, [Subscription; 2]) {
    let setup = || Setup { clustered: true, keys: keys.clone(), ..Setup::default() };
    let a = start(setup()).await;
    let b = Setup { name: "b", join: vec![a.address], ..setup() };
    let b = start(b).await;
    let of_a = a.cluster.handle.subscribe(COMPONENT).await;
    let of_b = b.cluster.handle.subscribe(COMPONENT).await;
    of_a.announce(targets(100));
    of_b.announce(targets(100));
    for (name, world) in [("a", &a), ("b", &b)] {
        let mut state = world.cluster.handle.state();
        // What is owned is collected once it has been claimed, and what is another's no longer.
        let agreed = state.wait_for(|state| {
            let share = state.components.get(COMPONENT);
            state.count("participant") == 2
                && share.is_some_and(|share| {
                    share.announced == 100
                        && share.local < 100
                        && share.owners.get(name) == Some(&share.local)
                })
        });
        tokio::time::timeout(PATIENCE, agreed).await.expect("in time").expect("the loop runs");
    }
    (a, b, [of_a, of_b])
}

#[tokio::test]
async fn any_node_lists_the_targets_of_all() {
    let (a, b, _subscriptions) = pair().await;
    let all = a.json("/api/v1/targets").await;
    assert_eq!((&all["total"], &all["partial"]), (&json!(100), &json!(false)));
    let rows = all["targets"].as_array().expect("rows");
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row["owner"] == row["node"] && row["deputy"] != row["owner"]));
    assert_eq!(rows[7]["url"], "http://host-007/metrics");
    assert_eq!(rows[7]["labels"], json!({"job": "Shop", "instance": "host-7"}));
    assert_eq!(rows[7]["last_scrape"], "2023-11-14T22:13:20.000Z");
    assert_eq!(all["targets"], b.json("/api/v1/targets").await["targets"]);

    let of_b = a.json("/api/v1/targets?owner=b").await;
    let expected = rows.iter().filter(|row| row["owner"] == "b").count();
    assert_eq!(of_b["total"], json!(expected));
    assert!(0 < expected && expected < 100);

    let page = b.json("/api/v1/targets?offset=10&limit=5").await;
    assert_eq!(page["targets"].as_array().expect("rows")[..], rows[10..15]);

    let found = a.json("/api/v1/targets?query=host-042+job%3Dshop").await;
    assert_eq!((&found["total"], &found["targets"][0]["url"]), (&json!(1), &rows[42]["url"]));
    assert_eq!(a.json("/api/v1/targets?component=no.such").await["total"], json!(0));
    assert!(a.get("/targets?query=host-042").await.1.contains("http://host-042/metrics"));
}

#[tokio::test]
async fn the_targets_of_a_silent_node_are_listed_as_unknown() {
    let (a, mut b, _subscriptions) = pair().await;
    // Its gossip goes on, its server is gone.
    b.cancel.cancel();
    while b.tasks.join_next().await.is_some() {}
    let all = a.json("/api/v1/targets").await;
    assert_eq!((&all["total"], &all["partial"]), (&json!(100), &json!(true)));
    assert_eq!(all["missing"][0]["node"], "b");
    let rows = all["targets"].as_array().expect("rows");
    let unknown: Vec<_> = rows.iter().filter(|row| row["health"] == "unknown").collect();
    assert!(!unknown.is_empty());
    assert!(unknown.iter().all(|row| row["owner"] == "b" && row["node"] == ""));
}

#[tokio::test]
async fn a_target_is_explained_by_any_of_its_names() {
    let (a, _b, _subscriptions) = pair().await;
    let row = a.json("/api/v1/targets?query=host-042").await["targets"][0].clone();
    let key = row["key"].as_str().expect("a key").to_owned();
    for target in [key.as_str(), "http://host-042/metrics", "host-042"] {
        let explained = a.json(&format!("/api/v1/explain?target={target}")).await;
        let one = &explained["matches"][0];
        assert_eq!(
            (&one["key"], &one["owner"], &one["deputy"]),
            (&row["key"], &row["owner"], &row["deputy"])
        );
        assert_eq!(one["hashed"]["labels"], row["labels"]);
        assert_eq!(one["ranking"].as_array().map(Vec::len), Some(2));
        assert_eq!(one["collected_here"], json!(row["owner"] == "a"));
    }
    let explained = a.json("/api/v1/explain?target=shop").await;
    assert_eq!(explained["truncated"], json!(true));
    assert_eq!(a.get("/api/v1/explain?target=no-such").await.0, StatusCode::NOT_FOUND);
}

/// Asks again until the answer is as wanted.
async fn until(world: &World, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut rhythm = tokio::time::interval(Duration::from_millis(100));
    let asking = async {
        loop {
            rhythm.tick().await;
            let answer = world.json(path).await;
            if wanted(&answer) {
                return answer;
            }
        }
    };
    tokio::time::timeout(2 * PATIENCE, asking).await.expect("in time")
}

#[tokio::test]
async fn the_audit_names_what_an_owner_does_not_know_and_the_label_that_differs() {
    let (a, b, [of_a, of_b]) = pair().await;
    // b has another label on one target of a's; both targets are its own, or a's, as it comes.
    let labelled = |env: &str, n: u64| Announced {
        labels: Labels::from_pairs([("env", env)]),
        ..Announced::new(
            Key::of(COMPONENT, [env.as_bytes(), &n.to_le_bytes()]),
            "http://odd/metrics",
        )
    };
    let mut odd = None;
    for n in 0..64 {
        let placed = b.cluster.handle.place(vec![labelled("blue", n).key]).await.expect("it runs");
        if placed[0].owner == "a" {
            odd = Some(n);
            break;
        }
    }
    let odd = odd.expect("one of 64 is a's");
    let with = |extra: Announced| -> Arc<[Announced]> {
        targets(100).iter().cloned().chain([extra]).collect()
    };
    of_a.announce(with(labelled("green", odd)));
    of_b.announce(with(labelled("blue", odd)));
    let audit = until(&b, "/api/v1/audit", |audit| audit["covered"] == json!(1)).await;
    assert_eq!((&audit["node"], &audit["unowned"]), (&json!("b"), &json!(0)));
    let covered = &audit["targets"][0];
    assert_eq!(
        (&covered["state"], &covered["url"], &covered["peer"], &covered["node"]),
        (&json!("covered"), &json!("http://odd/metrics"), &json!("a"), &json!("b"))
    );
    let divergence = &audit["peers"][0]["divergences"][0];
    assert_eq!((&divergence["only_here"], &divergence["only_there"]), (&json!(1), &json!(1)));
    let example = &divergence["examples"][0];
    assert_eq!(
        (&example["url"], &example["labels"]),
        (
            &json!("http://odd/metrics"),
            &json!([{"label": "env", "here": "blue", "there": "green"}])
        )
    );
    assert!(divergence["meaning"].as_str().is_some_and(|text| text.contains("in label env")));
    // The other node says the same of the cluster: it asks this one.
    let from_a = until(&a, "/api/v1/audit", |audit| audit["covered"] == json!(1)).await;
    let told = |audit: &Value| {
        let target = &audit["targets"][0];
        (target["key"].clone(), target["node"].clone(), target["why"].clone())
    };
    assert_eq!((&from_a["node"], told(&from_a)), (&json!("a"), told(&audit)));
    assert_eq!((&from_a["partial"], &from_a["missing"]), (&json!(false), &json!([])));
    // One host has one clock.
    let skew = audit["peers"][0]["clock_skew_seconds"].as_f64().expect("it was measured");
    let error = audit["peers"][0]["clock_error_seconds"].as_f64().expect("it was measured");
    assert!(skew.abs() <= error + 0.005, "{skew} with an error of {error}");
    let page = b.get("/clustering").await.1;
    assert!(page.contains("http://odd/metrics") && page.contains("What moved"), "{page}");
    let lines = [
        "shoal_targets_unowned 0\n",
        "shoal_targets_covered 1\n",
        "shoal_config_drift 0\n",
        "shoal_peer_clock_skew_seconds{peer=\"a\"}",
        "shoal_peer_clock_differs{peer=\"a\"} 0\n",
    ];
    // Figures are looked at once a second.
    let mut rhythm = tokio::time::interval(Duration::from_millis(100));
    let measured = async {
        loop {
            rhythm.tick().await;
            let metrics = b.get("/metrics").await.1;
            if lines.iter().all(|line| metrics.contains(line)) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, measured).await.expect("the figures are on the page in time");

    // Once a knows it too, it has it, and everybody knows how it came there.
    of_a.announce(with(labelled("blue", odd)));
    of_b.announce(with(labelled("blue", odd)));
    let key = labelled("blue", odd).key;
    let path = format!("/api/v1/explain?target={key}");
    // Their collectors take what they are told, and have no seals to give.
    let mut collectors = JoinSet::new();
    for mut of in [of_a, of_b] {
        collectors.spawn(async move { while of.next().await.is_some() {} });
    }
    let explained = until(&b, &path, |e| {
        let history = e["matches"][0]["history"].as_array();
        history.is_some_and(|history| history.iter().any(|h| h["node"] == "a"))
    })
    .await;
    let history = explained["matches"][0]["history"].as_array().expect("a list").clone();
    assert_eq!((&history[0]["node"], &history[0]["cause"]), (&json!("b"), &json!("cover")));
    let last = history.last().expect("it has entries");
    assert_eq!((&last["cause"], &last["action"]), (&json!("discovery"), &json!("start")));
}

#[tokio::test]
async fn what_moved_is_told_by_any_node() {
    let (a, mut b, _subscriptions) = pair().await;
    // Whatever was started first, in the end each has what it owns, and both tell of both.
    for (asked, node) in [(&a, "a"), (&a, "b"), (&b, "a"), (&b, "b")] {
        let told = asked.json("/api/v1/moves").await;
        assert_eq!((&told["partial"], &told["missing"]), (&json!(false), &json!([])));
        let moves = told["moves"].as_array().expect("a list").iter();
        let of_node = moves.filter(|moved| moved["node"] == node);
        let balance = of_node.map(|moved| {
            let targets = moved["targets"].as_i64().expect("a number");
            if moved["action"] == "start" { targets } else { -targets }
        });
        let share = b.json(&format!("/api/v1/targets?owner={node}")).await["total"].clone();
        assert_eq!(json!(balance.sum::<i64>()), share, "{told}");
    }
    let newest = a.json("/api/v1/moves?limit=1").await;
    assert_eq!(newest["truncated"], json!(true));
    assert_eq!(newest["moves"].as_array().map(Vec::len), Some(1));
    assert_eq!(a.get("/api/v1/moves?limit=x").await.0, StatusCode::BAD_REQUEST);
    let page = b.get("/clustering").await.1;
    for node in ["a", "b"] {
        assert!(page.contains(&format!("<td data-name=\"Node\">{node}</td>")), "{page}");
    }
    // The gossip of b goes on, its server is gone.
    b.cancel.cancel();
    while b.tasks.join_next().await.is_some() {}
    let without_b = a.json("/api/v1/moves").await;
    assert_eq!(without_b["partial"], json!(true));
    assert_eq!(without_b["missing"][0]["node"], "b");
    let moves = without_b["moves"].as_array().expect("a list");
    assert!(!moves.is_empty() && moves.iter().all(|moved| moved["node"] == "a"), "{without_b}");
}

#[tokio::test]
async fn what_would_move_is_said_before_it_does() {
    let (a, b, _subscriptions) = pair().await;
    let of_b = b.json("/api/v1/targets?owner=b").await["total"].clone();
    let leave = a.json("/api/v1/what-if?leave=b&limit=3").await;
    assert_eq!((&leave["targets"], &leave["moves"]), (&json!(100), &of_b));
    assert_eq!(leave["flows"], json!([{"from": "b", "to": "a", "moves": of_b}]));
    let component = json!([{"component": COMPONENT, "targets": 100, "moves": of_b}]);
    assert_eq!(leave["components"], component);
    assert_eq!(
        (leave["examples"].as_array().map(Vec::len), &leave["truncated"]),
        (Some(3), &json!(true))
    );
    let url = leave["examples"][0]["url"].as_str().expect("a text");
    assert!(url.starts_with("http://host-"), "{url}");
    // It is what the targets say.
    let one = a.json(&format!("/api/v1/targets?query={url}")).await["targets"][0].clone();
    assert_eq!((&one["owner"], &one["deputy"]), (&json!("b"), &json!("a")));

    let join = b.json("/api/v1/what-if?join=c").await;
    let moves = join["moves"].as_u64().expect("a number");
    assert!((10..60).contains(&moves), "{moves}");
    for flow in join["flows"].as_array().expect("flows") {
        assert_eq!(flow["to"], "c");
    }
    for wrong in ["", "?leave=c", "?join=a", "?leave=a&join=c", "?join=%0A"] {
        let (status, text) = a.get(&format!("/api/v1/what-if{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {text}");
    }
}
