//! Texts that components export change along with the configuration that uses them.

use std::path::{Path, PathBuf};

use syntax::Arguments;

use super::{Running, SourceExports, World, texts};
use crate::components::{Context, Exporter, Kind, Refusal, Started, Updated};
use crate::graph::LoadError;
use crate::server::components::Components;

/// Exports what is in a file of the test.
struct Text {
    directory: PathBuf,
    exports: Exporter<SourceExports>,
}

#[derive(Debug, Arguments)]
struct TextArguments {
    /// The name of the file.
    name: String,
}

impl Text {
    fn read(directory: &Path, arguments: &TextArguments) -> Result<SourceExports, Refusal> {
        let value = std::fs::read_to_string(directory.join(&arguments.name));
        let value = value.map_err(|error| Refusal::new(format!("{}: {error}", arguments.name)))?;
        Ok(SourceExports { value })
    }
}

impl Kind for Text {
    const NAME: &'static str = "test.text";
    const SUMMARY: &'static str = "Exports what is in a file.";
    const ONLY_READS: bool = true;
    type Arguments = TextArguments;
    type Exports = SourceExports;

    async fn start(
        context: Context<SourceExports>,
        arguments: TextArguments,
    ) -> Result<Started<Self>, Refusal> {
        let directory = context.services.storage_path.clone();
        context.exports.set(&Self::read(&directory, &arguments)?);
        let component = Self { directory, exports: context.exports.clone() };
        Ok(Started::new(component, async move {
            context.cancel.cancelled().await;
            Ok(())
        }))
    }

    async fn update(&self, arguments: TextArguments) -> Result<Updated, Refusal> {
        self.exports.set(&Self::read(&self.directory, &arguments)?);
        Ok(Updated::InPlace)
    }
}

/// A world that has that kind, too.
fn world(config: &str) -> World {
    let mut world = World::new(config);
    world.registry = world.registry.with::<Text>();
    world
}

/// A text that declares these, each with one component inside.
fn text(names: &[&str]) -> String {
    let declare =
        |name| format!("declare \"{name}\" {{\n  test.sink \"s\" {{ value = \"{name}\" }}\n}}\n");
    names.iter().map(declare).collect()
}

/// A configuration that takes what it uses from a file.
fn config(file: &str, used: &str) -> String {
    format!(
        "test.text \"m\" {{ name = \"{file}\" }}
         import.string \"mod\" {{ content = test.text.m.value }}
         mod.both \"b\" {{ }}
         mod.{used} \"x\" {{ }}"
    )
}

/// Two texts, and a graph that runs the first.
async fn first_of_two() -> (World, Running) {
    let world = world(&config("v1", "old"));
    world.write("v1", &text(&["both", "old"]));
    world.write("v2", &text(&["both", "fresh"]));
    let running = world.run().await;
    world.journal();
    (world, running)
}

#[tokio::test]
async fn a_text_and_what_uses_it_change_in_one_reload() {
    let (world, running) = first_of_two().await;
    world.write("config.alloy", &config("v2", "fresh"));
    running.graph.reload().await.expect("the new text has what is used");
    assert!(texts(&running.graph.list()).contains(&"mod.fresh.x/test.sink.s".to_owned()));
    assert_eq!(running.graph.troubles(), [""; 0]);
    running.stop().await;
    let journal = world.journal();
    assert_eq!(journal[0], "start mod.fresh.x/test.sink.s with fresh");
    let both = journal.iter().filter(|event| event.contains("mod.both")).collect::<Vec<_>>();
    assert_eq!(both, ["stop mod.both.b/test.sink.s"], "it ran until the end");
}

#[tokio::test]
async fn what_uses_a_text_follows_one_that_was_refused() {
    let content = |names| format!("test.source \"m\" {{ value = `{}` }}", text(names));
    let rest = |used| {
        format!(
            "\nimport.string \"mod\" {{ content = test.source.m.value }}\nmod.{used} \"x\" {{ }}"
        )
    };
    let world = World::new(&(content(&["old"]) + &rest("old")));
    let running = world.run().await;
    world.export("test.source.m", &text(&["fresh"]));
    running.until(|_| !running.graph.troubles().is_empty()).await;

    world.write("config.alloy", &(content(&["old"]) + &rest("fresh")));
    running.graph.reload().await.expect("what runs exports a text that has it");
    assert!(texts(&running.graph.list()).contains(&"mod.fresh.x/test.sink.s".to_owned()));
    assert_eq!(running.graph.troubles(), [""; 0]);
    running.stop().await;
}

#[tokio::test]
async fn a_reload_that_the_new_text_does_not_fit_either_changes_nothing() {
    let (world, running) = first_of_two().await;
    let before = texts(&running.graph.list());
    let sha256 = running.graph.load_status().sha256;
    world.write("broken", "declare \"both\" {");
    for (file, used, named) in [
        ("v2", "newest", &["unknown component \"mod.newest\"", "mod.fresh"][..]),
        ("v2", "old", &["unknown component \"mod.old\""]),
        ("v9", "fresh", &["test.text.m: v9: No such file", "unknown component \"mod.fresh\""]),
        ("v1", "fresh", &["unknown component \"mod.fresh\""]),
        ("v2", "fresh \"y\" { }\nno.such", &["unknown component \"no.such\""]),
    ] {
        world.write("config.alloy", &config(file, used));
        let refused = running.graph.reload().await;
        let partly = (file, used) == ("v2", "old");
        match &refused {
            // It fits the text that runs, so that it is taken over; the import refuses the other.
            Err(LoadError::Partial(_)) if partly => {}
            Err(LoadError::Rejected(_)) if !partly => {}
            other => panic!("{file} {used}: {other:?}"),
        }
        let why = refused.expect_err("it is refused").to_string();
        assert!(named.iter().all(|part| why.contains(part)), "{file} {used}: {why}");
        assert!(!running.graph.load_status().successful);
        assert!(!running.graph.troubles().is_empty());
        assert_eq!(texts(&running.graph.list()), before, "{file} {used}");
        assert_eq!(running.graph.load_status().sha256 == sha256, !partly);
        assert_eq!(world.journal(), [""; 0], "{file} {used}");
        if partly {
            world.write("config.alloy", &config("v1", "old"));
            running.graph.reload().await.expect("it is the first one again");
        }
    }
    world.write("config.alloy", &config("v2", "fresh"));
    running.graph.reload().await.expect("nothing stands in its way");
    running.stop().await;
}

#[tokio::test]
async fn an_import_whose_text_cannot_be_foreseen_keeps_the_one_it_had() {
    let config = |names, used| {
        format!(
            "test.source \"m\" {{ value = `{}` }}
             import.string \"mod\" {{ content = test.source.m.value }}
             mod.{used} \"x\" {{ }}",
            text(names)
        )
    };
    let world = World::new(&config(&["old"], "old"));
    let running = world.run().await;
    world.journal();
    // To make another of its kind, only to see what that exports, may do anything.
    world.write("config.alloy", &config(&["fresh"], "fresh"));
    let refused = running.graph.reload().await;
    assert!(matches!(refused, Err(LoadError::Rejected(_))), "{refused:?}");
    assert_eq!(world.journal(), [""; 0]);
    running.stop().await;
}

#[tokio::test]
async fn texts_inside_of_a_text_that_changes_change_with_it() {
    let outer = |file, used| {
        format!(
            "declare \"a\" {{
               test.text \"m\" {{ name = \"{file}\" }}
               import.string \"inner\" {{ content = test.text.m.value }}
               inner.{used} \"x\" {{ }}
             }}"
        )
    };
    let world = world("");
    world.write("v1", &text(&["old"]));
    world.write("v2", &text(&["fresh"]));
    world.write("outer.txt", &outer("v1", "old"));
    world.write(
        "config.alloy",
        "test.text \"t\" { name = \"outer.txt\" }
         test.source \"t\" { value = test.text.t.value }
         import.string \"lib\" { content = test.source.t.value }
         lib.a \"y\" { }",
    );
    let running = world.run().await;
    assert!(texts(&running.graph.list()).contains(&"lib.a.y/inner.old.x/test.sink.s".to_owned()));
    world.export("test.source.t", &outer("v2", "fresh"));
    let fresh = "lib.a.y/inner.fresh.x/test.sink.s".to_owned();
    running.until(|list| texts(list).contains(&fresh)).await;
    assert_eq!(running.graph.troubles(), [""; 0]);
    running.stop().await;
}
