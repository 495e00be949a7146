//! Kinds that find targets or texts.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::servers::{Server, target_groups};
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

/// Declares a component that exports one target.
fn declaration(target: &str) -> String {
    format!(
        "declare \"one\" {{\n\texport \"targets\" {{\n\t\t\
         value = [{{ __address__ = \"{target}\" }}]\n\t}}\n}}\n"
    )
}

#[tokio::test]
async fn a_url_is_asked_as_is_written_and_its_answer_is_imported_and_followed() {
    let (text, now) = watch::channel(declaration("a:1"));
    let (note, asked) = watch::channel(None);
    let server = Server::text(now, note).await;
    let world = World::new();
    // A busy machine may take its time to answer itself.
    let config = format!(
        r#"
        remote.http "library" {{
            url            = "http://{}/there"
            poll_frequency = "2100ms"
            poll_timeout   = "2s"
            method         = "POST"
            headers        = {{ "X-Team" = "reef" }}
            body           = "which?"
        }}
        import.string "library" {{ content = remote.http.library.content }}
        library.one "it" {{ }}
        discovery.relabel "r" {{
            targets = library.one.it.targets
            rule {{
                target_label = "seen"
                replacement  = "yes"
            }}
        }}
        "#,
        server.address
    );
    let running = world.run(&config).await;
    running.until_export("discovery.relabel.r", "a:1").await;
    let request = asked.borrow().clone().expect("it was asked");
    assert_eq!((request.method(), request.uri().path()), (&http::Method::POST, "/there"));
    assert_eq!(request.headers()["x-team"], "reef");
    assert_eq!(request.body(), "which?");
    text.send_replace(declaration("b:2"));
    running.until_export("discovery.relabel.r", "b:2").await;
    running.stop().await;
}

#[tokio::test]
async fn a_secret_that_a_url_answers_is_not_shown() {
    let (_text, now) = watch::channel("hidden".to_owned());
    let server = Server::text(now, watch::channel(None).0).await;
    let url = format!("url = \"http://{}/\"\nis_secret = true", server.address);
    let running = World::new().run(&format!("remote.http \"a\" {{\n{url}\n}}")).await;
    running.until_export("remote.http.a", "(secret)").await;
    running.stop().await;
}

#[tokio::test]
async fn targets_are_looked_up_by_the_records_and_with_the_port_that_are_written() {
    let world = World::new();
    // The name of this machine for itself is the one that needs no server.
    let config = ["A", "AAAA"].map(|record| {
        format!(
            "discovery.dns {record:?} {{\nnames = [\"localhost\"]\ntype = {record:?}\n\
             port = 9100\n}}\n"
        )
    });
    let running = world.run(&config.concat()).await;
    running.until_export("discovery.dns.A", "127.0.0.1:9100").await;
    running.until_export("discovery.dns.AAAA", "[::1]:9100").await;
    running.stop().await;
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
