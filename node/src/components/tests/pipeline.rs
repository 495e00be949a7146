//! From a page to a backend, through every kind on the way.

use http::StatusCode;

use super::servers::{Backend, Received, Server};
use super::world::{Running, World};
use crate::server::components::{Components, HealthState};

const PAGE: &str =
    "# HELP jobs Jobs that \\\\ were done.\n# TYPE jobs counter\njobs{queue=\"a\"} 7\nsecret 1\n";

/// A scrape of `targets` that goes through rules to endpoints.
fn config(targets: &str, endpoints: &[String]) -> String {
    let endpoints: String =
        endpoints.iter().map(|url| format!("endpoint {{\nurl = {url:?}\n}}\n")).collect();
    format!(
        r#"
        prometheus.scrape "pages" {{
            targets         = [{targets}]
            forward_to      = [prometheus.relabel.rules.receiver]
            scrape_interval = "100ms"
            scrape_timeout  = "100ms"
            job_name        = "test"
        }}
        prometheus.relabel "rules" {{
            forward_to = [prometheus.remote_write.out.receiver]
            rule {{
                source_labels = ["__name__"]
                regex         = "secret"
                action        = "drop"
            }}
        }}
        prometheus.remote_write "out" {{
            external_labels = {{ cluster = "one" }}
            {endpoints}
        }}
        "#
    )
}

fn target(server: &Server, instance: &str) -> String {
    format!("{{ __address__ = \"{}\", instance = {instance:?} }}", server.address)
}

async fn reload(running: &Running, world: &World, config: &str) {
    world.write("config.alloy", config);
    running.graph.reload().await.expect("the new configuration is right");
}

#[tokio::test]
async fn samples_of_a_page_reach_the_backend() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let running = world.run(&config(&target(&page, "a"), &[backend.url()])).await;
    let up = r#"__name__="up",cluster="one",instance="a",job="test""#;
    let jobs = r#"__name__="jobs",cluster="one",instance="a",job="test",queue="a""#;
    let received =
        backend.until(|received| received.contains_key(up) && received.contains_key(jobs)).await;
    assert_eq!((received[up][0], received[jobs][0]), (1.0, 7.0));
    assert!(!received.keys().any(|series| series.contains("secret")), "{received:?}");

    let detail = running.graph.detail("prometheus.scrape.pages").await.expect("it is there");
    let debug = detail.debug_info.to_string();
    assert!(debug.contains("\"up\"") && debug.contains("http://127.0.0.1"), "{debug}");
    assert_eq!(detail.data_flow_edges_to, ["prometheus.relabel.rules"]);
    let glimpse = running.graph.glimpse("prometheus.scrape.pages", 0).await.expect("it is there");
    let left_out = serde_json::json!([{"name": "target", "type": "left_out", "count": 1}]);
    assert_eq!(glimpse.debug_info, left_out);
    let metrics = world.telemetry.text();
    for line in [
        "prometheus_scrape_targets_gauge{component_id=\"prometheus.scrape.pages\",component_path=\"/\"} 1\n",
        "alloy_prometheus_relabel_cache_size{component_id=\"prometheus.relabel.rules\"",
        "prometheus_remote_storage_samples_total{component_id=\"prometheus.remote_write.out\"",
        "prometheus_remote_storage_sent_batch_duration_seconds_bucket{component_id=",
        "prometheus_remote_write_wal_samples_appended_total{component_id=",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_a_page_says_of_a_family_reaches_the_backend() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let often = "endpoint {\nmetadata_config { send_interval = \"1s\" }";
    let config = config(&target(&page, "a"), &[backend.url()]).replace("endpoint {", often);
    let running = world.run(&config).await;
    let told = backend.until_told("jobs").await;
    let counter = model::MetricKind::Counter as i32;
    assert_eq!(told["jobs"], (counter, "Jobs that \\ were done.".to_owned(), String::new()));
    running.stop().await;
}

#[tokio::test]
async fn a_malformed_page_is_told_with_its_place_and_disturbs_no_other_target() {
    let broken = Server::page("# TYPE jobs counter\njobs{queue=\"a\"} 7\njobs{queue=\"b\" 8\n");
    let (page, broken) = (Server::page(PAGE).await, broken.await);
    let (backend, world) = (Backend::start().await, World::new());
    let both = format!("{}, {}", target(&page, "good"), target(&broken, "broken"));
    let running = world.run(&config(&both, &[backend.url()])).await;
    let up = |instance| format!(r#"__name__="up",cluster="one",instance="{instance}",job="test""#);
    let twice =
        |received: &Received, series: &str| received.get(series).is_some_and(|v| v.len() > 1);
    let received = backend.until(|r| twice(r, &up("good")) && twice(r, &up("broken"))).await;
    assert!(received[&up("good")].iter().all(|up| *up == 1.0), "{received:?}");
    assert!(received[&up("broken")].iter().all(|up| *up == 0.0), "{received:?}");
    let jobs = |received: &Received, instance: &str| {
        let of = format!("instance=\"{instance}\"");
        received.keys().any(|series| series.contains("\"jobs\"") && series.contains(&of))
    };
    assert!(jobs(&received, "good"));
    assert!(!jobs(&received, "broken"), "a page is stored whole or not at all: {received:?}");

    let detail = running.graph.detail("prometheus.scrape.pages").await.expect("it is there");
    let targets = detail.debug_info.as_array().expect("blocks").iter();
    let targets: Vec<String> = targets.map(ToString::to_string).collect();
    let of = |server: &Server| {
        let address = server.address.to_string();
        targets.iter().find(|target| target.contains(&address)).expect("it is shown")
    };
    assert!(of(&broken).contains("\"down\""), "{targets:?}");
    assert!(of(&broken).contains("line 3, column 16: "), "{targets:?}");
    assert!(of(&page).contains("\"up\"") && !of(&page).contains("column"), "{targets:?}");
    running.stop().await;
}

fn ended(received: &Received, series: &str) -> bool {
    received.get(series).is_some_and(|values| values.iter().any(|value| model::is_stale(*value)))
}

#[tokio::test]
async fn a_target_that_is_gone_ends_and_the_others_go_on() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let urls = [backend.url()];
    let both = format!("{}, {}", target(&page, "a"), target(&page, "b"));
    let running = world.run(&config(&both, &urls)).await;
    let up = |instance| format!(r#"__name__="up",cluster="one",instance="{instance}",job="test""#);
    backend.until(|r| r.contains_key(&up("a")) && r.contains_key(&up("b"))).await;

    reload(&running, &world, &config(&target(&page, "b"), &urls)).await;
    let received = backend.until(|received| ended(received, &up("a"))).await;
    let before = received[&up("b")].len();
    let received = backend.until(|received| received[&up("b")].len() > before).await;
    assert!(!ended(&received, &up("b")));

    // The component goes altogether: what it scraped has ended too.
    reload(&running, &world, &format!(
        "prometheus.remote_write \"out\" {{\nexternal_labels = {{ cluster = \"one\" }}\nendpoint {{\nurl = {:?}\n}}\n}}",
        backend.url()
    ))
    .await;
    backend.until(|received| ended(received, &up("b"))).await;
    running.stop().await;
}

#[tokio::test]
async fn stopping_the_process_ends_no_series() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let running = world.run(&config(&target(&page, "a"), &[backend.url()])).await;
    let up = r#"__name__="up",cluster="one",instance="a",job="test""#;
    backend.until_series(up).await;
    running.stop().await;
    let received = backend.until_series(up).await;
    assert!(!ended(&received, up));
}

#[tokio::test]
async fn an_endpoint_that_is_away_does_not_hold_the_others_up() {
    let (page, world) = (Server::page(PAGE).await, World::new());
    let (here, away) = (Backend::start().await, Backend::start().await);
    away.answer(StatusCode::SERVICE_UNAVAILABLE);
    let running = world.run(&config(&target(&page, "a"), &[away.url(), here.url()])).await;
    let up = r#"__name__="up",cluster="one",instance="a",job="test""#;
    here.until(|received| received.get(up).is_some_and(|values| values.len() > 3)).await;
    away.answer(StatusCode::NO_CONTENT);
    away.until(|received| received.get(up).is_some_and(|values| values.len() > 3)).await;
    running.stop().await;
}

#[tokio::test]
async fn endpoints_without_names_may_have_one_url() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let twice = [backend.url(), backend.url()];
    let running = world.run(&config(&target(&page, "a"), &twice)).await;
    let up = r#"__name__="up",cluster="one",instance="a",job="test""#;
    backend.until(|received| received.get(up).is_some_and(|values| values.len() > 3)).await;
    // Each has a log of its own, which takes samples.
    let takes =
        |line: &&str| line.starts_with("shoal_delivery_samples_in_total{") && !line.ends_with(" 0");
    while world.telemetry.text().lines().filter(takes).count() < 2 {
        tokio::task::yield_now().await;
    }
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_delivered_is_delivered_after_the_next_start() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let everything = config(&target(&page, "a"), &[backend.url()]);
    backend.answer(StatusCode::SERVICE_UNAVAILABLE);
    let running = world.run(&everything).await;
    let mut metrics = world.telemetry.text();
    // Some samples have been taken by the log.
    while !metrics
        .lines()
        .any(|line| line.starts_with("shoal_delivery_samples_in_total") && !line.ends_with(" 0"))
    {
        tokio::task::yield_now().await;
        metrics = world.telemetry.text();
    }
    running.stop().await;

    backend.answer(StatusCode::NO_CONTENT);
    let running = world.run(&config("", &[backend.url()])).await;
    backend.until_series(r#"__name__="up",cluster="one",instance="a",job="test""#).await;
    running.stop().await;
}

#[tokio::test]
async fn a_changed_endpoint_goes_on_with_its_log() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let before = config(&target(&page, "a"), &[backend.url()]);
    let running = world.run(&before).await;
    backend.until_series(r#"__name__="up",cluster="one",instance="a",job="test""#).await;
    reload(&running, &world, &before.replace("\"one\"", "\"two\"")).await;
    backend.until_series(r#"__name__="up",cluster="two",instance="a",job="test""#).await;
    let list = running.graph.list();
    let health = list.iter().map(|component| (component.id(), component.health.state));
    for (id, state) in health {
        assert_eq!(state, HealthState::Healthy, "{id}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_wanted_again_goes_on_with_its_log_at_once() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    backend.answer(StatusCode::SERVICE_UNAVAILABLE);
    let first = config(&target(&page, "a"), &[backend.url()]);
    let running = world.run(&first).await;
    let taken = |url: &str| {
        let text = world.telemetry.text();
        let mut lines = text.lines().filter(|line| {
            line.starts_with("shoal_delivery_samples_in_total") && line.contains(url)
        });
        lines.any(|line| !line.ends_with(" 0"))
    };
    let until_taken = async |url: &str| {
        while !taken(url) {
            tokio::task::yield_now().await;
        }
    };
    let own = format!("url={:?}", backend.url());
    until_taken(&own).await;
    // The backend is away, so that what was removed is still sending.
    let other = format!("{}/other", backend.url());
    reload(&running, &world, &config(&target(&page, "a"), std::slice::from_ref(&other))).await;
    until_taken(&format!("url={other:?}")).await;
    reload(&running, &world, &first).await;
    until_taken(&own).await;
    backend.answer(StatusCode::NO_CONTENT);
    backend.until_series(r#"__name__="up",cluster="one",instance="a",job="test""#).await;
    let nothing = "shoal_remote_write_samples_not_taken_total{component_id=\"prometheus.remote_write.out\",component_path=\"/\"} 0\n";
    let metrics = world.telemetry.text();
    assert!(metrics.contains(nothing), "{metrics}");
    running.stop().await;
}

#[tokio::test]
async fn targets_that_are_the_same_are_scraped_once_and_named() {
    let (page, backend, world) = (Server::page(PAGE).await, Backend::start().await, World::new());
    let same = format!("{}, {}, {{ no = \"address\" }}", target(&page, "a"), target(&page, "a"));
    let running = world.run(&config(&same, &[backend.url()])).await;
    backend.until_series(r#"__name__="up",cluster="one",instance="a",job="test""#).await;
    let detail = running.graph.detail("prometheus.scrape.pages").await.expect("it is there");
    let debug = detail.debug_info.to_string();
    assert!(debug.contains("duplicate_target") && debug.contains("dropped_target"), "{debug}");
    let metrics = world.telemetry.text();
    assert!(metrics.contains("shoal_scrape_targets_duplicate{component_id=\"prometheus.scrape.pages\",component_path=\"/\"} 1\n"));
    running.stop().await;
}
