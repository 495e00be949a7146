//! Kinds that find targets or texts.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::servers::target_groups;
use super::world::World;
use crate::server::components::{Component, HealthState};

#[tokio::test]
async fn a_file_is_exported_and_followed() {
    let world = World::new();
    world.write("token", "one\n");
    let running = world
        .run(&format!(
            "local.file \"a\" {{\nfilename = {:?}\npoll_frequency = \"20ms\"\n}}",
            world.path("token")
        ))
        .await;
    running.until_export("local.file.a", "one\\n").await;
    world.write("token", "two\n");
    running.until_export("local.file.a", "two\\n").await;
    let page = world.telemetry.text();
    let name = "local_file_timestamp_last_accessed_unix_seconds{component_id=\"local.file.a\"";
    assert!(page.contains(name), "{page}");

    std::fs::remove_file(world.path("token")).expect("remove the file");
    running.until("local.file.a", |detail| detail.health.state == HealthState::Unhealthy).await;
    running.until_export("local.file.a", "two\\n").await;
    running.stop().await;
}

#[tokio::test]
async fn a_secret_file_is_not_shown() {
    let world = World::new();
    world.write("token", "hidden");
    let config =
        format!("local.file \"a\" {{\nfilename = {:?}\nis_secret = true\n}}", world.path("token"));
    let running = world.run(&config).await;
    running.until_export("local.file.a", "(secret)").await;
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_not_there_fails_the_first_load() {
    let world = World::new();
    let config = format!("local.file \"a\" {{ filename = {:?} }}", world.path("missing"));
    let error = world.load(&config).await.err().expect("there is no file");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn it_is_not_known_how_a_discovery_is_before_it_has_found_something_or_failed() {
    let may = Arc::new(Semaphore::new(0));
    let server = target_groups(r#"[{"targets": ["a:1"]}]"#, Arc::clone(&may)).await;
    let world = World::new();
    let config = format!(
        r#"
        discovery.http "held" {{ url = "http://{}/" }}
        discovery.http "refused" {{ url = "http://127.0.0.1:1/" }}
        discovery.file "nothing" {{ files = [{:?}] }}
        "#,
        server.address,
        world.path("no-*.json")
    );
    let running = world.run(&config).await;
    let is = |state| move |detail: &Component| detail.health.state == state;
    running.until("discovery.http.refused", is(HealthState::Unhealthy)).await;
    running.until("discovery.file.nothing", is(HealthState::Healthy)).await;
    running.until("discovery.http.held", is(HealthState::Unknown)).await;
    may.add_permits(1);
    running.until("discovery.http.held", is(HealthState::Healthy)).await;
    let detail = running.graph.detail("discovery.http.held").await.expect("it is there");
    assert!(detail.exports.to_string().contains("a:1"), "{}", detail.exports);
    running.stop().await;
}

#[tokio::test]
async fn targets_of_files_are_relabelled_and_exported() {
    let world = World::new();
    world.write("t.json", r#"[{"targets": ["a:1", "b:2"], "labels": {"env": "prod"}}]"#);
    let config = format!(
        r#"
        discovery.file "f" {{ files = [{:?}] }}
        discovery.relabel "r" {{
            targets = array.concat(discovery.file.f.targets, [{{ __address__ = "c:3" }}])
            rule {{
                source_labels = ["__address__"]
                regex         = "b:.*"
                action        = "drop"
            }}
            rule {{
                source_labels = ["__address__"]
                target_label  = "node"
            }}
        }}
        "#,
        world.path("t.json")
    );
    let running = world.run(&config).await;
    running.until_export("discovery.file.f", "b:2").await;
    let wanted = |detail: &Component| {
        let exports = detail.exports.to_string();
        exports.contains("a:1") && exports.contains("c:3") && !exports.contains("b:2")
    };
    running.until("discovery.relabel.r", wanted).await;
    let page = running.graph.detail("discovery.relabel.r").await;
    assert!(page.is_some_and(|page| page.exports.to_string().contains("RelabelRules")));
    running.stop().await;
}

use crate::server::components::Components;

#[tokio::test]
async fn this_process_is_a_target() {
    let mut world = World::new();
    let (memory, _connections) = client::MemoryDialer::bind("shoal.internal:12345");
    world.memory = Some(memory);
    let running = world.run("prometheus.exporter.self \"me\" { }").await;
    running.until_export("prometheus.exporter.self.me", "shoal.internal:12345").await;
    running.until_export("prometheus.exporter.self.me", "integrations/self").await;
    let request = crate::server::components::ComponentRequest {
        id: "prometheus.exporter.self.me".to_owned(),
        path: "metrics".to_owned(),
        request: Arc::new(http::Request::new(bytes::Bytes::new())),
    };
    let response = running.graph.serve(request).await.expect("it serves its metrics");
    assert_eq!(response.status(), http::StatusCode::OK);
    running.stop().await;
}
