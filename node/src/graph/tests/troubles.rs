//! What breaks while the graph runs is seen where people look.

use super::*;
use crate::graph::ComponentId;
use crate::graph::live::{Live, Verdict};
use crate::server::components::ConfigNode;

fn config_node(running: &Running, id: &str) -> ConfigNode {
    let mut nodes = running.graph.config_nodes().into_iter();
    nodes.find(|node| node.id == id).expect("the configuration has it")
}

/// How many fare so, as the metric says.
fn measured(world: &World, health: &str) -> f64 {
    let name = "alloy_component_controller_running_components";
    let samples = world.telemetry.exposition().samples(name);
    let wanted = ("health_type".to_owned(), health.to_owned());
    samples.iter().find(|(labels, _)| labels.contains(&wanted)).expect("every state is there").1
}

#[tokio::test]
async fn an_import_that_breaks_is_unhealthy_and_counted() {
    let world = World::new(
        r#"
test.source "text" { value = `declare "a" { export "v" { value = "one" } }` }
import.string "lib" { content = test.source.text.value }
lib.a "x" { }
"#,
    );
    let running = world.run().await;
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (3.0, 0.0));

    world.export("test.source.text", "declare {");
    running.until(|_| !running.graph.troubles().is_empty()).await;
    let import = config_node(&running, "import.string.lib");
    assert_eq!(import.health.state, HealthState::Unhealthy);
    assert!(import.health.message.contains("import.string.lib:1:"), "{import:?}");
    let list = running.graph.list();
    assert_eq!(state(&list, "lib.a.x"), Some(HealthState::Healthy), "it has what it had");
    assert!(!texts(&list).contains(&import.id), "as in Alloy, an import is no component");
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (2.0, 1.0));

    world.export("test.source.text", r#"declare "a" { export "v" { value = "two" } }"#);
    running.until(|_| running.graph.troubles().is_empty()).await;
    assert_eq!(config_node(&running, "import.string.lib").health.state, HealthState::Healthy);
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (3.0, 0.0));
    running.stop().await;
}

#[tokio::test]
async fn what_breaks_inside_a_custom_component_makes_it_unhealthy() {
    let world = World::new(
        r#"
declare "a" {
  argument "text" { }
  export "v" { value = encoding.from_json(argument.text.value) }
}
test.source "text" { value = "\"one\"" }
a "x" { text = test.source.text.value }
test.sink "out" { value = a.x.v }
"#,
    );
    let running = world.run().await;
    world.export("test.source.text", "{");
    let unhealthy = |list: &[Component]| state(list, "a.x") == Some(HealthState::Unhealthy);
    let list = running.until(unhealthy).await;
    let broken = list.iter().find(|component| component.id() == "a.x").expect("it is there");
    assert!(broken.health.message.contains("config.alloy:4:"), "{broken:?}");
    assert_eq!(state(&list, "test.sink.out"), Some(HealthState::Healthy), "it has what it had");
    assert_eq!(running.graph.troubles(), [""; 0], "a component is to blame");

    world.export("test.source.text", "\"two\"");
    running.until_argument("test.sink.out", "two").await;
    assert_eq!(state(&running.graph.list(), "a.x"), Some(HealthState::Healthy));
    running.stop().await;
}

#[test]
fn what_fails_is_told_once_for_each_reason_and_so_is_its_end() {
    let mut live = Live::default();
    assert_eq!(live.untold(), None);
    live.succeeded();
    assert_eq!(live.untold(), None, "that it works is no news");
    live.failed("no such file");
    assert_eq!(live.untold(), Some(Verdict::Broken("no such file")));
    live.failed("no such file");
    assert_eq!(live.untold(), None);
    live.failed("no such block");
    assert_eq!(live.untold(), Some(Verdict::Broken("no such block")));
    live.succeeded();
    assert_eq!(live.untold(), Some(Verdict::Mended));
    assert_eq!(live.untold(), None);
    live.failed("no such block");
    assert_eq!(live.untold(), Some(Verdict::Broken("no such block")), "it is new again");
}

#[test]
fn what_waits_is_told_once_for_each_that_it_waits_for() {
    let (a, b) = (ComponentId::new("", "test.source.a"), ComponentId::new("", "test.source.b"));
    let mut live = Live::default();
    live.waits(&a);
    assert_eq!(live.untold(), Some(Verdict::Waits));
    live.waits(&a);
    assert_eq!(live.untold(), None);
    live.waits(&b);
    assert_eq!(live.untold(), Some(Verdict::Waits));
    live.failed("no such file");
    assert_eq!(live.untold(), Some(Verdict::Broken("no such file")), "now it fails itself");
    live.waits(&a);
    assert_eq!(live.untold(), Some(Verdict::Waits));
    live.succeeded();
    assert_eq!(live.untold(), Some(Verdict::Resumed));
    assert_eq!(live.untold(), None);
}

/// One that fails, and a dozen that wait for it, one behind the other or all for itself.
fn waiting() -> String {
    let sinks = (10..20).map(|n| format!("test.sink \"s{n}\" {{ value = test.source.x.value }}\n"));
    let behind = "test.source \"y\" { value = test.source.x.value }
                  test.sink \"z\" { value = test.source.y.value }\n";
    format!("test.source \"x\" {{ broken = true }}\n{}{behind}", sinks.collect::<String>())
}

const ALL_BUT_TWO: &str = "s10, test.sink.s11, test.sink.s12, test.sink.s13, test.sink.s14, \
                           test.sink.s15, test.sink.s16, test.sink.s17, test.sink.s18, \
                           test.sink.s19 and 2 more";

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_one_that_failed_are_told_together() {
    let world = World::new(
        "test.source \"text\" { value = `declare \"a\" { }` }
         import.string \"lib\" { content = test.source.text.value }
         lib.a \"m\" { }",
    );
    let running = world.run().await;
    let (written, _guard) = captured();
    world.export("test.source.text", &format!("declare \"a\" {{\n{}}}", waiting()));
    let broken = |list: &[Component]| state(list, "lib.a.m/test.sink.z").is_some();
    let list = running.until(broken).await;
    for (id, message) in [
        ("lib.a.m/test.sink.s10", "waits for lib.a.m/test.source.x"),
        ("lib.a.m/test.sink.z", "waits for lib.a.m/test.source.y"),
    ] {
        let waiting = list.iter().find(|component| component.id() == id).expect("it is there");
        assert_eq!(waiting.health.message, message);
        assert_eq!(waiting.health.state, HealthState::Unhealthy);
    }
    let names = ALL_BUT_TWO.replace("test.sink.", "lib.a.m/test.sink.");
    assert_eq!(
        written.lines(),
        [
            "level=error msg=\"failed to evaluate\" node=lib.a.m/test.source.x error=\"it is broken\"",
            &format!(
                "level=warn msg=\"cannot be evaluated yet\" nodes=\"lib.a.m/test.sink.{names}\" \
                 waiting_for=lib.a.m/test.source.x"
            ),
        ]
    );

    world.write("mended", "");
    let well = |list: &[Component]| {
        list.iter().all(|component| component.health.state == HealthState::Healthy)
    };
    running.until(well).await;
    assert_eq!(
        written.lines()[2..],
        [
            "level=info msg=\"evaluated again\" node=lib.a.m/test.source.x".to_owned(),
            format!("level=info msg=\"no longer wait\" nodes=\"lib.a.m/test.sink.{names}\""),
        ]
    );
    running.stop().await;
}

#[tokio::test]
async fn a_reload_says_once_what_all_the_others_wait_for() {
    let world = World::new("");
    let running = world.run().await;
    let (written, _guard) = captured();
    world.write("config.alloy", &waiting());
    let error = running.graph.reload().await.expect_err("one is broken").to_string();
    let text = world.without_directory(&error);
    assert!(text.starts_with("config.alloy:1:1: error: test.source.x: it is broken\n"), "{text}");
    let rest = format!("\n\nwaiting for test.source.x: test.sink.{ALL_BUT_TWO}");
    assert!(text.ends_with(&rest), "{text}");
    assert_eq!(text.matches("wait").count(), 1, "{text}");
    assert_eq!(written.lines().len(), 1, "{:?}", written.lines());
    running.stop().await;
}
