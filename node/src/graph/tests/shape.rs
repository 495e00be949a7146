//! What is wrong with a configuration is said before anything runs: all of it, with its place.

use expect_test::{Expect, expect};

use super::World;

fn check(config: &str, problems: Expect) {
    problems.assert_eq(&World::new(config).problems());
}

#[test]
fn a_right_configuration_has_no_problems() {
    check(
        r#"
            test.sink "b" { value = test.source.a.value + "!" }
            test.source "a" { value = constants.hostname }
        "#,
        expect![""],
    );
}

#[test]
fn an_unknown_component_is_named_and_what_there_is_is_listed() {
    check(
        r#"test.sorce "a" { }"#,
        expect![[r#"
        config.alloy:1:1: error: unknown component "test.sorce"
        1 | test.sorce "a" { }
          | ^^^^^^^^^^
        hint: did you mean "test.source"? Shoal has: test.preview, test.sink, test.source"#]],
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    check(
        r#"
test.source "a" { vale = 1 }
test.source "a" { }
test.sink "b" { value = test.source.c.value }
test.sink "c" { }
foo = 3
"#,
        expect![[r#"
            config.alloy:2:19: error: unknown attribute "vale"
            2 | test.source "a" { vale = 1 }
              |                   ^^^^
            hint: did you mean "value"?

            config.alloy:3:1: error: test.source.a is defined twice
            3 | test.source "a" { }
              | ^^^^^^^^^^^^^^^
            config.alloy:2:1: note: it is first defined here

            config.alloy:4:25: error: there is no component or argument "test.source.c.value" here
            4 | test.sink "b" { value = test.source.c.value }
              |                         ^^^^^^^^^^^^^^^^^^^
            hint: did you mean "test.source.a"?

            config.alloy:5:1: error: missing required attribute "value"
            5 | test.sink "c" { }
              | ^^^^^^^^^^^^^

            config.alloy:6:1: error: unrecognized attribute "foo"
            6 | foo = 3
              | ^^^
            hint: attributes stand inside of blocks"#]],
    );
}

#[test]
fn arguments_are_checked_by_the_types_of_what_they_read() {
    check(
        r#"
test.source "a" { }
test.sink "b" { value = test.source.a }
test.sink "c" { value = [test.source.a.value] }
test.sink "d" { value = test.source.a.values }
"#,
        expect![[r#"
            config.alloy:3:25: error: attribute "value": expected string, got object
            3 | test.sink "b" { value = test.source.a }
              |                         ^^^^^^^^^^^^^

            config.alloy:4:25: error: attribute "value": expected string, got list
            4 | test.sink "c" { value = [test.source.a.value] }
              |                         ^^^^^^^^^^^^^^^^^^^^^

            config.alloy:5:39: error: test.source.a has no field "values"
            5 | test.sink "d" { value = test.source.a.values }
              |                                       ^^^^^^
            hint: did you mean "value"?"#]],
    );
}

#[test]
fn a_cycle_is_told_with_everyone_in_it() {
    check(
        r#"
test.source "a" { value = test.source.b.value }
test.source "b" { value = test.source.c.value }
test.source "c" { value = test.source.a.value }
"#,
        expect![[r#"
            config.alloy:2:1: error: components read each other in a circle: test.source.a -> test.source.b -> test.source.c -> test.source.a
            2 | test.source "a" { value = test.source.b.value }
              | ^^^^^^^^^^^^^^^
            config.alloy:3:1: note: which is read by the one before
            config.alloy:4:1: note: which is read by the one before"#]],
    );
}

#[test]
fn a_cycle_hides_no_other_mistake() {
    let world = World::new(
        r#"
test.source "a" { value = test.source.b.value }
test.source "b" {
  value = test.source.a.value
  vale  = 1
}
test.sink "c" { value = test.source.b.valu }
test.sink "d" { value = nobody(1) }
"#,
    );
    let problems = world.problems();
    for mistake in [
        "2:1: error: components read each other in a circle",
        "5:3: error: unknown attribute \"vale\"",
        "7:39: error: test.source.b has no field \"valu\"",
        "8:25: error: nothing is called \"nobody\" here",
    ] {
        assert!(problems.contains(mistake), "{mistake}:\n{problems}");
    }
}

#[test]
fn a_reference_to_nothing_hides_no_other_mistake() {
    check(
        r#"
test.source "a" {
  value = test.source.nobody.value
  vale  = 1
}
"#,
        expect![[r#"
            config.alloy:3:11: error: there is no component or argument "test.source.nobody.value" here
            3 |   value = test.source.nobody.value
              |           ^^^^^^^^^^^^^^^^^^^^^^^^

            config.alloy:4:3: error: unknown attribute "vale"
            4 |   vale  = 1
              |   ^^^^
            hint: did you mean "value"?"#]],
    );
}

#[test]
fn components_need_labels_and_blocks_of_the_process_take_none() {
    check(
        r#"
test.source { }
logging "x" { }
logging { level = "loud" }
"#,
        expect![[r#"
            config.alloy:2:1: error: test.source needs a label
            2 | test.source { }
              | ^^^^^^^^^^^
            hint: test.source "default" { ... }

            config.alloy:3:9: error: logging takes no label
            3 | logging "x" { }
              |         ^^^

            config.alloy:4:19: error: attribute "level": expected one of "error", "warn", "info", "debug", got "loud"
            4 | logging { level = "loud" }
              |                   ^^^^^^"#]],
    );
}

#[test]
fn a_mistake_of_the_header_hides_none_inside() {
    let problems = World::new(
        r#"
test.source { vale = nobody }
logging "x" { level = "loud" }
test.source "a" { }
test.source "a" { valu = 1 }
declare { test.source "b" { velue = 1 } }
declare "c" {
  argument "x" { optional = true }
  argument { defalt = 1 }
  argument "x" { optianal = true }
  export { velue = 1 }
  http { tsl { } }
}
declare "c" { test.source "b" { valoe = 1 } }
c { y = 1 }
c "d" { }
c "d" { z = 1 }
import.string { contents = "" }
test.source "e" { value = test.source.a.value }
"#,
    )
    .problems();
    for mistake in [
        "2:1: error: test.source needs a label",
        "2:15: error: unknown attribute \"vale\"",
        "2:22: error: nothing is called \"nobody\" here",
        "3:9: error: logging takes no label",
        "3:23: error: attribute \"level\"",
        "5:1: error: test.source.a is defined twice",
        "5:19: error: unknown attribute \"valu\"",
        "6:1: error: declare needs a label",
        "6:29: error: unknown attribute \"velue\"",
        "9:3: error: argument needs a label",
        "9:14: error: unrecognized attribute \"defalt\"",
        "10:3: error: argument.x is defined twice",
        "10:18: error: unrecognized attribute \"optianal\"",
        "11:3: error: export needs a label",
        "11:3: error: missing required attribute \"value\"",
        "11:12: error: unrecognized attribute \"velue\"",
        "12:3: error: http belongs at the top",
        "12:10: error: unknown block \"tsl\"",
        "14:1: error: declare.c is defined twice",
        "14:33: error: unknown attribute \"valoe\"",
        "15:1: error: c needs a label",
        "15:5: error: unrecognized attribute \"y\"",
        "17:1: error: c.d is defined twice",
        "17:9: error: unrecognized attribute \"z\"",
        "18:1: error: import.string needs a label",
        "18:1: error: missing required attribute \"content\"",
        "18:17: error: unknown attribute \"contents\"",
    ] {
        assert!(problems.contains(&format!("config.alloy:{mistake}")), "{mistake}:\n{problems}");
    }
    assert_eq!(problems.matches(": error: ").count(), 27, "{problems}");
}

#[test]
fn what_is_not_generally_available_asks_for_its_level() {
    check(
        r#"test.preview "a" { }"#,
        expect![[r#"
        config.alloy:1:1: error: test.preview is experimental
        1 | test.preview "a" { }
          | ^^^^^^^^^^^^
        hint: start with --stability.level=experimental"#]],
    );
}

#[test]
fn blocks_of_alloy_that_cannot_be_honoured_say_why() {
    check(
        r#"
import.git "a" { repository = "x" }
import.http "a" { url = "x" }
remotecfg { url = "x" }
tracing { }
foreach "x" { }
livedebugging { enabled = true }
livedebugging { enabled = false }
"#,
        expect![[r#"
            config.alloy:2:1: error: import.git cannot be used here: Shoal does not speak git; check the repository out and use import.file
            2 | import.git "a" { repository = "…" }
              | ^^^^^^^^^^^^^^

            config.alloy:3:1: error: import.http cannot be used here: fetch the text with remote.http and give its content to import.string, which reads it again whenever it changes
            3 | import.http "a" { url = "…" }
              | ^^^^^^^^^^^^^^^

            config.alloy:4:1: error: remotecfg cannot be used here: Shoal reads its configuration from files only
            4 | remotecfg { url = "…" }
              | ^^^^^^^^^

            config.alloy:5:1: error: tracing cannot be used here: Shoal makes no traces of its own work
            5 | tracing { }
              | ^^^^^^^

            config.alloy:6:1: error: foreach cannot be used here: Shoal has no foreach yet; a declare with one instance per element does the same
            6 | foreach "x" { }
              | ^^^^^^^^^^^

            config.alloy:7:27: error: Shoal has no live debugging; remove the block
            7 | livedebugging { enabled = true }
              |                           ^^^^

            config.alloy:8:1: error: livedebugging is defined twice
            8 | livedebugging { enabled = false }
              | ^^^^^^^^^^^^^
            config.alloy:7:1: note: it is first defined here"#]],
    );
}

#[test]
fn what_is_wrong_inside_because_of_what_is_given_names_who_gives_it() {
    check(
        r#"
declare "one" {
  argument "value" { }
  test.source "a" { value = argument.value.value }
  test.source "b" { value = [] }
}
one "good" { value = "x" }
one "bad" { value = [] }
one "worse" { value = {} }
"#,
        expect![[r#"
            config.alloy:4:29: error: attribute "value": expected string, got list
            4 |   test.source "a" { value = argument.value.value }
              |                             ^^^^^^^^^^^^^^^^^^^^
            config.alloy:8:1: note: with what is given here

            config.alloy:4:29: error: attribute "value": expected string, got object
            4 |   test.source "a" { value = argument.value.value }
              |                             ^^^^^^^^^^^^^^^^^^^^
            config.alloy:9:1: note: with what is given here

            config.alloy:5:29: error: attribute "value": expected string, got list
            5 |   test.source "b" { value = [] }
              |                             ^^"#]],
    );
}

#[test]
fn what_could_not_be_understood_makes_nobody_who_reads_it_wrong() {
    check(
        r#"
test.sorce "a" { }
test.source { }
foreach "x" { }
test.preview b { value = 1 }
mine "c {
}
test.source "d" {
  value = test.sorce.a.value + test.source.e.value + foreach.x.y + test.preview.b.value + mine.c.z
}
test.source "f" { value = test.sorce.b.value + test.sauce.d.value }
"#,
        expect![[r#"
            config.alloy:2:1: error: unknown component "test.sorce"
            2 | test.sorce "…
              | ^^^^^^^^^^
            hint: did you mean "test.source"? Shoal has: test.preview, test.sink, test.source

            config.alloy:3:1: error: test.source needs a label
            3 | test.source { }
              | ^^^^^^^^^^^
            hint: test.source "default" { ... }

            config.alloy:4:1: error: foreach cannot be used here: Shoal has no foreach yet; a declare with one instance per element does the same
            4 | foreach "…
              | ^^^^^^^^^

            config.alloy:5:14: error: expected "{" or a label, found "b"
            5 | test.preview b { value = 1 }
              |              ^

            config.alloy:6:6: error: this string is never closed
            6 | mine "……
              |      ^^
            hint: a string over several lines stands between backticks: `…`

            config.alloy:7:1: error: this brace closes nothing

            config.alloy:11:27: error: there is no component or argument "test.sorce.b.value" here
            11 | test.source "…
               |              ^
            hint: did you mean "test.source.d"?

            config.alloy:11:48: error: there is no component or argument "test.sauce.d.value" here
            11 | test.source "…
               |              ^
            hint: did you mean "test.source.d"?"#]],
    );
}

#[test]
fn every_reference_to_nothing_is_told_and_what_else_is_wrong_beside_it() {
    check(
        r#"
test.source "a" {
  value = nobody.one + nobody.two + -"x"
  vale  = {a = 1 / 0}
}
test.source "b" { value = test.source.a + test.source.a.valu }
test.preview "c" { value = test.source + test.source.nobody.value[1 / 0] }
declare "d" {
  argument "x" { default = nobody + -true }
  export "good" { value = "a" }
  export "bad" { value = nobody - "b" - "c" * "d" }
}
d "e" { x = nobody + -true }
d "f" { }
test.source "g" { value = d.e.good.field + d.e.bad.field }
logging { level = [nobody, -"loud"] }
"#,
        expect![[r#"
            config.alloy:3:11: error: there is no component or argument "nobody.one" here
            3 |   value = nobody.one + nobody.two + -"…"
              |           ^^^^^^^^^^

            config.alloy:3:24: error: there is no component or argument "nobody.two" here
            3 |   value = nobody.one + nobody.two + -"…"
              |                        ^^^^^^^^^^

            config.alloy:3:37: error: - takes a number, not a string
            3 |   value = nobody.one + nobody.two + -"…"
              |                                     ^^^^

            config.alloy:4:3: error: unknown attribute "vale"
            4 |   vale  = {a = 1 / 0}
              |   ^^^^
            hint: did you mean "value"?

            config.alloy:4:18: error: division by zero
            4 |   vale  = {a = 1 / 0}
              |                  ^

            config.alloy:6:41: error: + takes two numbers, or two strings (or secrets), not object and any
            6 | test.source "b" { value = test.source.a + test.source.a.valu }
              |                                         ^

            config.alloy:6:57: error: test.source.a has no field "valu"
            6 | test.source "b" { value = test.source.a + test.source.a.valu }
              |                                                         ^^^^
            hint: did you mean "value"?

            config.alloy:7:1: error: test.preview is experimental
            7 | test.preview "c" { value = test.source + test.source.nobody.
              | ^^^^^^^^^^^^
            hint: start with --stability.level=experimental

            config.alloy:7:20: error: unknown attribute "value"
            7 | test.preview "c" { value = test.source + test.source.nobody.value[1 / 0] }
              |                    ^^^^^

            config.alloy:7:28: error: there is no component or argument "test.source" here
            7 | test.preview "c" { value = test.source + test.source.nobody.value[1 / 0] }
              |                            ^^^^^^^^^^^
            hint: did you mean "test.source.a"?

            config.alloy:7:42: error: there is no component or argument "test.source.nobody.value" here
            7 | test.preview "c" { value = test.source + test.source.nobody.value[1 / 0] }
              |                                          ^^^^^^^^^^^^^^^^^^^^^^^^

            config.alloy:7:69: error: division by zero
            7 | test.preview "c" { value = test.source + test.source.nobody.value[1 / 0] }
              |                                                                     ^

            config.alloy:9:28: error: nothing is called "nobody" here
            9 |   argument "x" { default = nobody + -true }
              |                            ^^^^^^

            config.alloy:9:37: error: - takes a number, not a bool
            9 |   argument "x" { default = nobody + -true }
              |                                     ^^^^^

            config.alloy:11:26: error: nothing is called "nobody" here
            11 |   export "bad" { value = nobody - "…" - "…" * "…" }
               |                          ^^^^^^

            config.alloy:11:33: error: - takes two numbers, not any and string
            11 |   export "bad" { value = nobody - "…" - "…" * "…" }
               |                                 ^

            config.alloy:11:45: error: * takes two numbers, not string and string
            11 |   export "bad" { value = nobody - "…" - "…" * "…" }
               |                                             ^

            config.alloy:13:13: error: nothing is called "nobody" here
            13 | d "e" { x = nobody + -true }
               |             ^^^^^^

            config.alloy:13:22: error: - takes a number, not a bool
            13 | d "e" { x = nobody + -true }
               |                      ^^^^^

            config.alloy:14:1: error: missing required argument "x"
            14 | d "f" { }
               | ^^^^^
            config.alloy:9:3: note: it is declared here

            config.alloy:15:36: error: a string has no fields
            15 | test.source "g" { value = d.e.good.field + d.e.bad.field }
               |                                    ^^^^^

            config.alloy:16:19: error: attribute "level": expected one of "error", "warn", "info", "debug", got list
            16 | logging { level = [nobody, -"…"] }
               |                   ^^^^^^^^^^^^^^

            config.alloy:16:20: error: nothing is called "nobody" here
            16 | logging { level = [nobody, -"…"] }
               |                    ^^^^^^

            config.alloy:16:28: error: - takes a number, not a string
            16 | logging { level = [nobody, -"…"] }
               |                            ^^^^"#]],
    );
}
