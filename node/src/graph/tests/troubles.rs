//! What breaks while the graph runs is seen where people look.

use std::io;
use std::sync::Arc;

use super::*;
use crate::server::components::ConfigNode;

/// Lines of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes what this thread logs from now on.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let sink = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn count(&self, text: &str) -> usize {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8_lossy(&written).matches(text).count()
    }
}

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
async fn an_import_that_breaks_is_unhealthy_counted_and_logged_once() {
    let world = World::new(
        r#"
test.source "text" { value = `declare "a" { export "v" { value = "one" } }` }
test.source "other" { }
import.string "lib" { content = test.source.text.value }
lib.a "x" { }
test.sink "other" { value = test.source.other.value }
"#,
    );
    let (log, _guard) = Log::begin();
    let running = world.run().await;
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (5.0, 0.0));

    world.export("test.source.text", "declare {");
    running.until(|_| !running.graph.troubles().is_empty()).await;
    let import = config_node(&running, "import.string.lib");
    assert_eq!(import.health.state, HealthState::Unhealthy);
    assert!(import.health.message.contains("import.string.lib:1:"), "{import:?}");
    let list = running.graph.list();
    assert_eq!(state(&list, "lib.a.x"), Some(HealthState::Healthy), "it has what it had");
    assert!(!texts(&list).contains(&import.id), "as in Alloy, an import is no component");
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (4.0, 1.0));
    // Whatever else happens does not make it news.
    world.export("test.source.other", "new");
    running.until_argument("test.sink.other", "new").await;
    assert_eq!(log.count("failed to evaluate node=import.string.lib"), 1);

    world.export("test.source.text", r#"declare "a" { export "v" { value = "two" } }"#);
    running.until(|_| running.graph.troubles().is_empty()).await;
    assert_eq!(config_node(&running, "import.string.lib").health.state, HealthState::Healthy);
    assert_eq!((measured(&world, "healthy"), measured(&world, "unhealthy")), (5.0, 0.0));
    assert_eq!(log.count("evaluated again node=import.string.lib"), 1);
    assert_eq!(log.count("failed to evaluate"), 1);
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
