//! A text that must not be shown is not shown, whatever is wrong with it.

use super::*;

/// Imports a secret text out of the file `text`.
const IMPORTING: &str = r#"
local.file "text" {
  filename       = "TEXT"
  is_secret      = true
  detector       = "poll"
  poll_frequency = "1s"
}
import.string "lib" { content = local.file.text.content }
lib.a "x" { }
"#;

/// Texts that are wrong in the line of the secret, each at another stage.
const WRONG: [&str; 15] = [
    // No text of the language.
    "declare \"a\" { test.source \"s\" { value = \"hunter2 } }",
    "declare \"a\" { \"hunter2\" }",
    "declare \"a\" { `hunter2` }",
    "declare \"hunter 2\" { }",
    "hunter2 hunter2",
    "hunter2 {",
    "declare \"hunt\\u0065r 2\" { }",
    "declare \"a\" { export \"v\" { value = \"hunter2\\q\" } }",
    // Nothing that can be imported.
    "test.source \"s\" { value = \"hunter2\" }",
    // Arguments of the wrong type, without a meaning, and that nobody takes.
    "declare \"a\" { test.source \"s\" { value = [\"hunter2\"] } }",
    "declare \"a\" { test.source \"s\" { value = \"hunter2\" + nobody } }",
    "declare \"a\" { test.source \"s\" { other = \"hunter2\" } }",
    "declare \"a\" { test.source \"s\" { hunter2 = 1 } }",
    "declare \"a\" { hunter2.source \"s\" { } }",
    "declare \"a\" { test.source \"s\" { value = {\"hunter2\" = 1}.hunter3 } }",
];

const RIGHT: &str = "declare \"a\" { test.source \"s\" { value = \"hunter2\" } }";

fn world(text: &str) -> World {
    let mut world = World::new("");
    world.registry = Registry::shoal().with::<Source>();
    let path = world.path("text").display().to_string();
    world.write("config.alloy", &IMPORTING.replace("TEXT", &path));
    world.write("text", text);
    world
}

#[tokio::test]
async fn a_secret_text_is_not_shown_by_validating_or_starting() {
    for text in WRONG {
        let world = world(text);
        assert_eq!(world.problems(), "", "nobody knows it yet");
        let error = world.load().await.err().expect("it is wrong").to_string();
        assert!(error.contains("import.string.lib:1:"), "{text}\n{error}");
        assert!(!error.contains("hunter"), "{text}\n{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_text_is_not_shown_by_a_reload_nor_while_it_runs() {
    for text in WRONG {
        let world = world(RIGHT);
        let running = world.run().await;
        let (written, _guard) = captured();
        world.write("text", text);
        // The file is followed: the text changes while everything runs.
        running.until(|_| !running.graph.troubles().is_empty()).await;
        let error = running.graph.reload().await.expect_err("it is wrong").to_string();
        let mut told = vec![error, running.graph.troubles().join("\n")];
        let nodes = running.graph.config_nodes().into_iter();
        told.extend(nodes.map(|node| node.health.message));
        told.extend(running.graph.list().into_iter().map(|component| component.health.message));
        told.extend(written.lines());
        let told = told.join("\n");
        assert!(told.contains("import.string.lib:1:"), "{text}\n{told}");
        assert!(told.contains("failed to evaluate"), "{text}\n{told}");
        assert!(!told.contains("hunter"), "{text}\n{told}");
        running.stop().await;
    }
}
