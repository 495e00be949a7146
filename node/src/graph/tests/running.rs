//! What happens to components while the graph runs.

use super::{World, state, texts};
use crate::graph::LoadError;
use crate::server::components::{Components, HealthState};

#[tokio::test]
async fn components_start_after_what_they_read_and_stop_before_it() {
    let world = World::new(
        r#"
            test.sink "c" { value = test.source.b.value }
            test.source "b" { value = test.source.a.value }
            test.source "a" { value = "x" }
        "#,
    );
    let running = world.run().await;
    assert_eq!(
        world.journal(),
        ["start test.source.a", "start test.source.b", "start test.sink.c with x"]
    );
    running.stop().await;
    assert_eq!(world.journal(), ["stop test.sink.c", "stop test.source.b", "stop test.source.a"]);
}

#[tokio::test]
async fn a_change_of_an_export_reaches_only_those_who_read_it() {
    let world = World::new(
        r#"
            test.source "a" { }
            test.source "b" { value = test.source.a.value }
            test.sink "c" { value = test.source.b.value }
            test.sink "d" { value = "fixed" }
        "#,
    );
    let running = world.run().await;
    world.journal();
    world.export("test.source.a", "new");
    running.until_argument("test.sink.c", "new").await;
    assert_eq!(world.journal(), ["update test.source.b", "update test.sink.c with new"]);
    running.stop().await;
}

#[tokio::test]
async fn a_reload_touches_only_what_differs() {
    let world = World::new(
        r#"
            test.source "kept" { value = "same" }
            test.source "changed" { value = "old" }
            test.source "gone" { }
            test.sink "reader" { value = test.source.kept.value }
        "#,
    );
    let running = world.run().await;
    world.journal();
    world.write(
        "config.alloy",
        r#"
            // The order and the spelling of the text mean nothing.
            test.sink "reader" { value = test.source.kept.value }
            test.source "changed" { value = "new" }
            test.source "kept" { value = "sa" + "me" }
            test.source "added" { }
        "#,
    );
    running.graph.reload().await.expect("the new configuration is right");
    running.until(|list| texts(list).len() == 4).await;
    let mut journal = world.journal();
    while !journal.contains(&"stop test.source.gone".to_owned()) {
        tokio::task::yield_now().await;
        journal.extend(world.journal());
    }
    assert_eq!(
        journal,
        ["update test.source.changed", "start test.source.added", "stop test.source.gone"]
    );
    running.stop().await;
}

#[tokio::test]
async fn the_hash_of_a_configuration_is_the_sha256_of_its_file() {
    let world = World::new("test.source \"a\" { }\n");
    let running = world.run().await;
    let expected = "91d051ac44378f93333dfb702306dec3429f9b371745029ff787119aff9787a4";
    assert_eq!(running.graph.load_status().sha256, expected);
    running.stop().await;
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing() {
    let world = World::new(r#"test.source "a" { value = "old" }"#);
    let running = world.run().await;
    world.journal();
    for bad in [
        r#"test.source "a" { value = "new" "#,
        r#"test.source "a" { value = "new" } test.nothing "b" { }"#,
        "test.source \"a\" { value = \"new\" }\ntest.sink \"b\" { valve = 1 }",
        "test.source \"a\" { value = \"new\" }\ntest.sink \"b\" { value = test.source.c.value }",
    ] {
        world.write("config.alloy", bad);
        let error = running.graph.reload().await.expect_err("it is wrong");
        assert!(matches!(error, LoadError::Rejected(_)), "{error:?}");
    }
    assert_eq!(world.journal(), [""; 0]);
    assert_eq!(running.graph.load_status().failures, 4);
    assert!(!running.graph.load_status().successful);
    assert_eq!(texts(&running.graph.list()), ["test.source.a"]);

    world.write("config.alloy", r#"test.source "a" { value = "old" }"#);
    running.graph.reload().await.expect("the old configuration is still right");
    assert_eq!(world.journal(), [""; 0]);
    assert!(running.graph.load_status().successful);
    running.stop().await;
}

#[tokio::test]
async fn nothing_runs_when_a_component_of_the_first_configuration_cannot_be_made() {
    let world = World::new(
        r#"
            test.source "a" { }
            test.source "b" { broken = true }
        "#,
    );
    let error = world.load().await.err().expect("one is broken");
    assert!(error.to_string().contains("it is broken"), "{error}");
    assert_eq!(world.journal(), ["start test.source.a"]);
}

#[tokio::test]
async fn a_component_that_cannot_be_changed_keeps_what_it_had_and_is_unhealthy() {
    let world = World::new(
        r#"
            test.source "a" { value = "old" }
            test.sink "b" { value = test.source.a.value }
        "#,
    );
    let running = world.run().await;
    world.journal();
    world.write(
        "config.alloy",
        r#"
            test.source "a" { broken = true }
            test.sink "b" { value = test.source.a.value + "!" }
        "#,
    );
    let error = running.graph.reload().await.expect_err("one is broken");
    assert!(matches!(error, LoadError::Partial(_)), "{error:?}");
    assert_eq!(world.journal(), ["update test.sink.b with old!"]);
    let list = running.graph.list();
    assert_eq!(state(&list, "test.source.a"), Some(HealthState::Unhealthy));
    assert_eq!(state(&list, "test.sink.b"), Some(HealthState::Healthy));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again() {
    let world = World::new(r#"test.source "a" { }"#);
    let running = world.run().await;
    world.write(
        "config.alloy",
        r#"
            test.source "a" { }
            test.sink "b" { value = test.source.c.value }
            test.source "c" {
              broken = true
              value  = "mended"
            }
        "#,
    );
    running.graph.reload().await.expect_err("one is broken");
    let list = running.graph.list();
    assert_eq!(state(&list, "test.source.c"), Some(HealthState::Unhealthy));
    let waiting = running.graph.detail("test.sink.b").await.expect("it is there");
    assert_eq!(waiting.health.message, "waits for test.source.c");

    world.write("mended", "");
    running.until(|list| state(list, "test.sink.b") == Some(HealthState::Healthy)).await;
    assert!(world.journal().contains(&"start test.sink.b with mended".to_owned()));
    running.stop().await;
}

#[tokio::test]
async fn a_component_that_cannot_change_while_it_runs_is_made_anew() {
    let world = World::new(
        r#"
            test.source "a" { value = "1" }
            test.sink "b" {
              value = test.source.a.value
              stiff = true
            }
        "#,
    );
    let running = world.run().await;
    world.journal();
    world.export("test.source.a", "2");
    running.until_argument("test.sink.b", "\"2\"").await;
    assert_eq!(world.journal(), ["stop test.sink.b", "start test.sink.b with 2"]);
    running.stop().await;
}

#[tokio::test]
async fn a_component_whose_work_ends_has_exited() {
    let world = World::new(
        r#"
            test.sink "a" {
              value = "x"
              short = true
            }
        "#,
    );
    let running = world.run().await;
    let list = running.until(|list| state(list, "test.sink.a") == Some(HealthState::Exited)).await;
    assert!(list[0].health.message.contains("it had enough"), "{:?}", list[0].health);
    running.stop().await;
}

#[tokio::test]
async fn a_component_says_how_it_is() {
    let world = World::new(r#"test.source "a" { }"#);
    let running = world.run().await;
    let report = world.report("test.source.a");
    report.unhealthy("the disk is full");
    let list = running.graph.list();
    assert_eq!(list[0].health.message, "the disk is full");
    assert_eq!(list[0].health.state, HealthState::Unhealthy);
    report.healthy("there is room again");
    assert_eq!(running.graph.list()[0].health.state, HealthState::Healthy);
    running.stop().await;
}

#[tokio::test]
async fn the_blocks_of_the_process_are_published_and_fall_back_when_removed() {
    let world = World::new(
        r#"
            logging {
              level  = "debug"
              format = "json"
            }
            http {
              auth {
                basic {
                  username = "a"
                  password = "b"
                }
              }
            }
        "#,
    );
    let running = world.run().await;
    let config = running.graph.config();
    assert_eq!(config.logging.level, crate::telemetry::logging::Level::Debug);
    assert_eq!(config.http.auth.map(|auth| auth.username), Some("a".to_owned()));

    world.write("config.alloy", "");
    running.graph.reload().await.expect("nothing is right");
    assert_eq!(running.graph.config(), crate::config::Config::default());
    running.stop().await;
}

const FIRST: (&str, &str) = (
    include_str!("../../server/tests/tls/first.pem"),
    include_str!("../../server/tests/tls/first.key"),
);
const SECOND: &str = include_str!("../../server/tests/tls/second.pem");

/// A block that serves TLS with these files of the test.
fn tls(world: &World, certificate: &str, key: &str) -> String {
    let (certificate, key) = (world.path(certificate), world.path(key));
    format!(
        "http {{\n  tls {{\n    cert_file = {certificate:?}\n    key_file = {key:?}\n  }}\n}}\n"
    )
}

#[tokio::test]
async fn a_reload_that_could_not_be_secured_is_refused() {
    let world = World::new("");
    world.write("first.pem", FIRST.0);
    world.write("first.key", FIRST.1);
    world.write("second.pem", SECOND);
    world.write("config.alloy", &tls(&world, "first.pem", "first.key"));
    let running = world.run().await;
    let before = running.graph.config();
    for (certificate, key, why) in [
        ("first.pem", "no.key", "cannot read no.key: No such file"),
        ("second.pem", "first.key", "the key in first.key cannot be used together"),
        ("first.key", "first.key", "the certificate in first.key holds no certificate"),
    ] {
        let block = tls(&world, certificate, key);
        world.write("config.alloy", &format!("{block}test.source \"new\" {{ }}\n"));
        let error = running.graph.reload().await.expect_err("it cannot be served");
        assert!(matches!(error, LoadError::Rejected(_)), "{error:?}");
        let text = world.without_directory(&error.to_string());
        assert!(text.contains(why) && text.contains("config.alloy:1:1"), "{text}");
        assert_eq!(running.graph.config(), before);
        assert_eq!(texts(&running.graph.list()), [""; 0]);
    }
    let status = running.graph.load_status();
    assert_eq!((status.failures, status.successful), (3, false));
    running.stop().await;
}

#[tokio::test]
async fn a_start_that_could_not_be_secured_is_refused() {
    let world = World::new("");
    world.write("first.pem", FIRST.0);
    world.write("config.alloy", &tls(&world, "first.pem", "no.key"));
    let error = world.load().await.err().expect("it cannot be served");
    assert!(error.to_string().contains("no.key: No such file"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_component_exports_is_in_force_only_if_it_can_be_used() {
    let config = |key: &str| {
        format!(
            "test.source \"key\" {{ value = {key:?} }}
            http {{
              tls {{
                cert_pem = {:?}
                key_pem  = test.source.key.value
              }}
            }}",
            FIRST.0
        )
    };
    let world = World::new(&config("no key"));
    let error = world.load().await.err().expect("it cannot be served");
    assert!(error.to_string().contains("the key's PEM holds no private key"), "{error}");

    world.write("config.alloy", &config(FIRST.1));
    let running = world.run().await;
    let before = running.graph.config();
    world.write("config.alloy", &config("no key"));
    let error = running.graph.reload().await.expect_err("it cannot be served");
    assert!(error.to_string().contains("the key's PEM holds no private key"), "{error}");
    assert_eq!(running.graph.config(), before);
    world.export("test.source.key", FIRST.1);
    running.until(|_| running.graph.troubles().is_empty()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_was_refused_is_said_not_to_be_taken_over() {
    let world = World::new(r#"test.source "a" { }"#);
    let running = world.run().await;
    world.write("config.alloy", r#"test.source "a" { broken = true }"#);
    running.graph.reload().await.expect_err("one is broken");
    let list = running.graph.list();
    assert_eq!(state(&list, "test.source.a"), Some(HealthState::Unhealthy));
    assert_eq!(running.graph.troubles(), [""; 0]);
    assert_eq!(running.graph.load_status().failures, 1);

    world.write("config.alloy", "no");
    running.graph.reload().await.expect_err("it is wrong");
    let troubles = running.graph.troubles().join("\n");
    assert!(troubles.starts_with("the configuration was not taken over:\n"), "{troubles}");

    world.write("mended", "");
    world.write("config.alloy", r#"test.source "a" { broken = true }"#);
    running.graph.reload().await.expect("it is mended");
    assert_eq!(running.graph.troubles(), [""; 0]);
    running.stop().await;
}
