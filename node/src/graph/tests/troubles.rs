//! What breaks while the graph runs is seen where people look.

use super::*;
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
