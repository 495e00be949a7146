//! Custom components and imports.

use expect_test::{Expect, expect};

use super::{World, texts};
use crate::server::components::Components;

fn check(config: &str, problems: Expect) {
    problems.assert_eq(&World::new(config).problems());
}

const SHOUT: &str = r#"
declare "shout" {
  argument "text" { }
  argument "mark" {
    optional = true
    default  = "!"
  }
  test.source "inner" { value = argument.text.value + argument.mark.value }
  export "loud" { value = test.source.inner.value }
}
"#;

#[tokio::test]
async fn a_custom_component_takes_arguments_and_exports() {
    let config = format!(
        "{SHOUT}
shout \"a\" {{ text = \"hello\" }}
shout \"b\" {{
  text = shout.a.loud
  mark = \"?\"
}}
test.sink \"out\" {{ value = shout.b.loud }}"
    );
    let world = World::new(&config);
    let (graph, _controller) = world.load().await.expect("it is right");
    assert_eq!(
        texts(&graph.list()),
        [
            "shout.a",
            "shout.a/test.source.inner",
            "shout.b",
            "shout.b/test.source.inner",
            "test.sink.out"
        ]
    );
    assert!(world.journal().contains(&"start test.sink.out with hello!?".to_owned()));
    let detail = graph.detail("shout.b").await.expect("it is there");
    assert!(detail.exports.to_string().contains("hello!?"), "{}", detail.exports);
    assert_eq!(detail.references_to, ["shout.a"]);
    assert_eq!(detail.referenced_by, ["test.sink.out"]);
    assert_eq!(detail.created_module_ids, ["shout.b"]);
}

#[tokio::test]
async fn a_change_travels_through_a_custom_component() {
    let config = format!(
        "{SHOUT}
test.source \"in\" {{ value = \"one\" }}
shout \"a\" {{ text = test.source.in.value }}
test.sink \"out\" {{ value = shout.a.loud }}"
    );
    let world = World::new(&config);
    let running = world.run().await;
    world.export("test.source.in", "two");
    running.until_argument("test.sink.out", "two!").await;
    running.stop().await;
}

#[test]
fn what_is_given_to_a_custom_component_is_checked() {
    let config =
        format!("{SHOUT}shout \"a\" {{ texd = 1 }}\nshout \"b\" {{ text = shout.c.loud }}\n");
    check(
        &config,
        expect![[r#"
            config.alloy:11:1: error: missing required argument "text"
            11 | shout "a" { texd = 1 }
               | ^^^^^^^^^
            config.alloy:3:3: note: it is declared here

            config.alloy:11:13: error: unrecognized attribute "texd"
            11 | shout "a" { texd = 1 }
               |             ^^^^
            hint: did you mean "text"?

            config.alloy:12:20: error: there is no component or argument "shout.c.loud" here
            12 | shout "b" { text = shout.c.loud }
               |                    ^^^^^^^^^^^^
            hint: did you mean "shout.a"?"#]],
    );
}

#[test]
fn of_an_attribute_that_cannot_be_read_nobody_says_that_it_is_missing() {
    check(
        r#"
declare "x" {
  argument "text" { }
  export "v" { value = "\'" }
}
x "a" { text = 1e400 }
test.sink "out" { value = x.a.v }
import.string "lib" { content = 'text' }
lib.b "y" { }
"#,
        expect![[r#"
            config.alloy:4:25: error: \' is no escape
            4 |   export "v" { value = "…" }
              |                        ^^

            config.alloy:6:16: error: "1e400" is not a number
            6 | x "a" { text = 1e400 }
              |                ^^^^^

            config.alloy:8:33: error: '\'' has no meaning here
            8 | import.string "lib" { content = '…' }
              |                                 ^^
            hint: strings stand between double quotes"#]],
    );
}

#[test]
fn a_declaration_that_contains_itself_is_refused() {
    check(
        r#"
declare "a" { b "x" { } }
declare "b" { a "x" { } }
a "x" { }
"#,
        expect![[r#"
            config.alloy:3:15: error: declare "a" contains itself
            3 | declare "b" { a "x" { } }
              |               ^^^^^
            config.alloy:2:1: note: it is declared here"#]],
    );
}

#[test]
fn the_inside_of_a_declaration_sees_only_its_arguments() {
    check(
        r#"
test.source "outside" { }
declare "a" {
  test.sink "x" { value = test.source.outside.value }
  logging { }
}
a "x" { }
"#,
        expect![[r#"
            config.alloy:4:27: error: there is no component or argument "test.source.outside.value" here
            4 |   test.sink "x" { value = test.source.outside.value }
              |                           ^^^^^^^^^^^^^^^^^^^^^^^^^

            config.alloy:5:3: error: logging belongs at the top of the configuration
            5 |   logging { }
              |   ^^^^^^^"#]],
    );
}

#[test]
fn a_declaration_that_nobody_uses_is_checked_all_the_same() {
    check(
        r#"
declare "a" {
  argument "text" { optonal = true }
  test.source "x" { vale = argument.text.value }
  test.source "y" { value = [argument.text.value] }
  test.sorce "z" { }
  test.sink "s" { value = argument.txt.value }
  declare "inner" { test.sink "none" { } }
  b "two" { }
}
declare "b" { argument "needed" { } }
declare "round" { round "x" { } }
"#,
        expect![[r#"
            config.alloy:3:21: error: unrecognized attribute "optonal"
            3 |   argument "text" { optonal = true }
              |                     ^^^^^^^
            hint: did you mean "optional"?

            config.alloy:4:21: error: unknown attribute "vale"
            4 |   test.source "x" { vale = argument.text.value }
              |                     ^^^^
            hint: did you mean "value"?

            config.alloy:5:29: error: attribute "value": expected string, got list
            5 |   test.source "y" { value = [argument.text.value] }
              |                             ^^^^^^^^^^^^^^^^^^^^^

            config.alloy:6:3: error: unknown component "test.sorce"
            6 |   test.sorce "z" { }
              |   ^^^^^^^^^^
            hint: did you mean "test.source"? Shoal has: test.preview, test.sink, test.source; declared here: inner, a, b, round

            config.alloy:7:27: error: there is no component or argument "argument.txt.value" here
            7 |   test.sink "s" { value = argument.txt.value }
              |                           ^^^^^^^^^^^^^^^^^^
            hint: did you mean "argument.text"?

            config.alloy:8:21: error: missing required attribute "value"
            8 |   declare "inner" { test.sink "none" { } }
              |                     ^^^^^^^^^^^^^^^^

            config.alloy:9:3: error: missing required argument "needed"
            9 |   b "two" { }
              |   ^^^^^^^
            config.alloy:11:15: note: it is declared here

            config.alloy:12:19: error: declare "round" contains itself
            12 | declare "round" { round "x" { } }
               |                   ^^^^^^^^^
            config.alloy:12:1: note: it is declared here"#]],
    );
}

#[test]
fn of_a_declaration_that_nobody_uses_only_what_is_certain_is_said() {
    check(
        r#"
declare "a" {
  argument "text" {
    optional = true
    default  = [1, 2]
  }
  test.sink "s" { value = argument.text.value }
  export "loud" { value = argument.text.value + "!" }
}
declare "many" {
  a "one" { text = "x" }
  a "two" { text = a.one.loud }
}
"#,
        expect![""],
    );
}

#[test]
fn an_imported_library_may_hold_more_than_there_is_as_long_as_nobody_uses_it() {
    let library = "declare \"right\" { }\ndeclare \"wrong\" { no.such \"thing\" { } }";
    let world = World::new("");
    let path = world.path("library");
    world.write("library", library);
    let config = format!("import.file \"lib\" {{ filename = {path:?} }}\nlib.");
    world.write("config.alloy", &format!("{config}right \"x\" {{ }}"));
    assert_eq!(world.problems(), "");
    world.write("config.alloy", &format!("{config}wrong \"x\" {{ }}"));
    assert!(world.problems().contains("unknown component \"no.such\""), "{}", world.problems());
}

#[test]
fn what_nobody_uses_may_be_larger_than_what_can_run() {
    let mut config = String::from("declare \"d0\" { test.source \"x\" { } }\n");
    for level in 1..8 {
        config.push_str(&format!("declare \"d{level}\" {{\n"));
        (0..10).for_each(|i| config.push_str(&format!("  d{} \"i{i}\" {{ }}\n", level - 1)));
        config.push_str("}\n");
    }
    check(&config, expect![""]);
}

#[tokio::test]
async fn declarations_nest_and_see_their_surroundings() {
    let world = World::new(
        r#"
declare "outer" {
  declare "inner" {
    argument "text" { }
    plain "p" { text = argument.text.value }
    export "text" { value = plain.p.text }
  }
  inner "i" { text = "deep" }
  export "text" { value = inner.i.text }
}
declare "plain" {
  argument "text" { }
  export "text" { value = argument.text.value }
}
outer "o" { }
test.sink "out" { value = outer.o.text }
"#,
    );
    world.load().await.expect("it is right");
    assert_eq!(world.journal(), ["start test.sink.out with deep"]);
}

#[test]
fn two_imports_of_one_name_are_refused_whatever_their_kinds() {
    check(
        r#"
import.string "lib" { content = "" }
import.file "lib" { filename = "/nowhere" }
"#,
        expect![[r#"
            config.alloy:3:1: error: two imports are called "lib": what is theirs cannot be told apart
            3 | import.file "lib" { filename = "…" }
              | ^^^^^^^^^^^^^^^^^
            config.alloy:2:1: note: this is the other
            hint: another label keeps them apart"#]],
    );
}

#[tokio::test]
async fn a_file_is_imported_and_may_import_others() {
    let world = World::new("");
    world.write(
        "config.alloy",
        &format!(
            "import.file \"lib\" {{ filename = {:?} }}
lib.shout \"a\" {{ text = \"hello\" }}
lib.more.twice \"b\" {{ text = \"x\" }}
test.sink \"out\" {{ value = lib.shout.a.loud + lib.more.twice.b.text }}",
            world.path("lib.txt")
        ),
    );
    world.write(
        "more.txt",
        "declare \"twice\" {
  argument \"text\" { }
  export \"text\" { value = argument.text.value + argument.text.value }
}",
    );
    world.write(
        "lib.txt",
        &format!(
            "{SHOUT}import.file \"more\" {{ filename = file.path_join(module_path, \"more.txt\") }}"
        ),
    );
    world.load().await.expect("it is right");
    assert!(world.journal().contains(&"start test.sink.out with hello!xx".to_owned()));
}

#[tokio::test]
async fn a_string_that_a_component_exports_is_imported_and_followed() {
    let world = World::new(
        r#"
test.source "text" {
  value = `declare "a" { export "v" { value = "one" } }`
}
import.string "lib" { content = test.source.text.value }
lib.a "x" { }
test.sink "out" { value = lib.a.x.v }
test.sink "text" { value = test.source.text.value }
"#,
    );
    let running = world.run().await;
    assert!(world.journal().contains(&"start test.sink.out with one".to_owned()));

    world.export("test.source.text", r#"declare "a" { export "v" { value = "two" } }"#);
    running.until_argument("test.sink.out", "two").await;

    // A text that cannot be used leaves what runs alone.
    world.export("test.source.text", r#"declare "b" { export "v" { value = "three" } }"#);
    running.until_argument("test.sink.text", "three").await;
    assert!(!world.journal().iter().any(|event| event.starts_with("stop")));
    running.until(|_| !running.graph.troubles().is_empty()).await;
    let troubles = running.graph.troubles().join("\n");
    assert!(troubles.starts_with("import.string.lib: "), "{troubles}");
    assert!(troubles.contains("unknown component \"lib.a\""), "{troubles}");
    world.export("test.source.text", r#"declare "a" { export "v" { value = "four" } }"#);
    running.until_argument("test.sink.out", "four").await;
    running.until(|_| running.graph.troubles().is_empty()).await;
    running.stop().await;
}

#[tokio::test]
async fn an_imported_file_that_changes_is_taken_over() {
    let world = World::new("");
    world.write("lib.txt", "declare \"a\" { export \"v\" { value = \"one\" } }");
    world.write(
        "config.alloy",
        &format!(
            "import.file \"lib\" {{
  filename = {:?}
}}
lib.a \"x\" {{ }}
test.sink \"out\" {{ value = lib.a.x.v }}",
            world.path("lib.txt")
        ),
    );
    let running = world.run().await;
    world.write("lib.txt", "declare \"a\" { export \"v\" { value = \"two and more\" } }");
    running.until_argument("test.sink.out", "two and more").await;
    running.stop().await;
}

#[test]
fn mistakes_inside_and_outside_of_imports_are_reported_at_once() {
    let world = World::new(
        r#"
no.such "component" { }
import.file "missing" { filename = "/does/not/exist" }
import.string "broken" { content = "declare \"a\" { export \"v\" { value = 1 }" }
import.string "lib" { content = "declare \"a\" { argument \"text\" { } }" }
missing.a "x" { }
broken.a "x" { }
lib.a "x" { }
lib.b "x" { }
"#,
    );
    let problems = world.problems();
    for mistake in [
        "2:1: error: unknown component \"no.such\"",
        "3:1: error: cannot read /does/not/exist",
        "import.string.broken:1:13: error: the block \"declare\" is never closed",
        "8:1: error: missing required argument \"text\"",
        "9:1: error: unknown component \"lib.b\"",
    ] {
        assert!(problems.contains(mistake), "{mistake}:\n{problems}");
    }
    assert_eq!(problems.matches("error:").count(), 5, "nothing follows from another:\n{problems}");
}

#[test]
fn a_text_that_imports_itself_twice_ends() {
    let world = World::new("");
    let path = world.path("config.alloy");
    let import = |name| format!("import.file \"{name}\" {{ filename = {path:?} }}\n");
    world.write("config.alloy", &(import("one") + &import("two")));
    assert!(world.problems().contains("more than 1000 imports"), "{}", world.problems());
}

#[tokio::test]
async fn the_module_path_of_an_export_is_that_of_its_declaration() {
    let world = World::new("");
    std::fs::create_dir(world.path("lib")).expect("a directory");
    world.write("lib/a.txt", r#"declare "a" { export "v" { value = module_path } }"#);
    let path = world.path("lib/a.txt");
    let rest = "lib.a \"x\" { }\ntest.sink \"out\" { value = lib.a.x.v }";
    world.write(
        "config.alloy",
        &format!("import.file \"lib\" {{\n  filename = {path:?}\n}}\n{rest}"),
    );
    let (_graph, _controller) = world.load().await.expect("it is right");
    let started = format!("start test.sink.out with {}", world.path("lib").display());
    assert!(world.journal().contains(&started));
}

#[tokio::test]
async fn the_module_path_in_an_imported_string_is_that_of_the_import() {
    let world = World::new("");
    std::fs::create_dir(world.path("lib")).expect("a directory");
    let declare = r#"`declare "a" { export "v" { value = module_path } }`"#;
    let lib = format!(
        "import.string \"inner\" {{ content = {declare} }}
declare \"b\" {{
  inner.a \"x\" {{ }}
  export \"v\" {{ value = inner.a.x.v }}
}}"
    );
    world.write("lib/a.txt", &lib);
    let path = world.path("lib/a.txt");
    world.write(
        "config.alloy",
        &format!(
            "import.file \"lib\" {{ filename = {path:?} }}
import.string \"fixed\" {{ content = {declare} }}
test.source \"text\" {{ value = {declare} }}
import.string \"exported\" {{ content = test.source.text.value }}
lib.b \"x\" {{ }}
fixed.a \"x\" {{ }}
exported.a \"x\" {{ }}
test.sink \"out\" {{ value = lib.b.x.v + \" \" + fixed.a.x.v + \" \" + exported.a.x.v }}"
        ),
    );
    let (_graph, _controller) = world.load().await.expect("it is right");
    let (top, lib) = (world.path("config.alloy"), world.path("lib"));
    let top = top.parent().expect("a directory").display();
    let started = format!("start test.sink.out with {} {top} {top}", lib.display());
    assert!(world.journal().contains(&started), "{:?}", world.journal());
}

#[test]
fn only_declarations_can_be_imported() {
    check(
        r#"
import.string "lib" { content = "test.source \"a\" { }" }
lib.nothing "x" { }
"#,
        expect![[r#"
            config.alloy:3:1: error: unknown component "lib.nothing"
            3 | lib.nothing "x" { }
              | ^^^^^^^^^^^
            hint: Shoal has: test.preview, test.sink, test.source

            import.string.lib:1:1: error: test.source cannot be imported
            1 | test.source "a" { }
              | ^^^^^^^^^^^^^^^
            hint: an imported text holds declare and import blocks"#]],
    );
}

#[test]
fn a_file_that_imports_itself_ends() {
    let world = World::new("");
    let path = world.path("config.alloy");
    world.write("config.alloy", &format!("import.file \"me\" {{ filename = {path:?} }}"));
    assert!(world.problems().contains("nest deeper"), "{}", world.problems());
}

#[test]
fn a_directory_is_one_configuration() {
    let world = World::new("test.sink \"b\" { value = test.source.a.value }");
    world.write("a.alloy", "test.source \"a\" { }");
    world.write("notes.txt", "this is not read");
    let result = crate::graph::validate(
        world.path("").as_path(),
        &world.registry,
        &World::host(),
        syntax::Stability::GenerallyAvailable,
    );
    assert_eq!(result.map_err(|problems| problems.to_string()), Ok(()));
}
