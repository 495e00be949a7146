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
    for (world, subscription) in [(&a, &of_a), (&b, &of_b)] {
        subscription.announce(targets(100));
        let mut state = world.cluster.handle.state();
        let agreed = state.wait_for(|state| {
            let share = state.components.get(COMPONENT);
            state.count("participant") == 2
                && share.is_some_and(|share| share.announced == 100 && share.local < 100)
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
