//! What validations see of fields some parts of which are not what was written.

use expect_test::{Expect, expect};

use super::{Receiver, block, scope};
use crate::{Arguments, Diagnostics, Problems, Step, check, decode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Its check says something of every part that begins with `bad`, and of the whole.
#[derive(Arguments, Debug)]
#[arguments(validate = Self::check)]
struct Lists {
    #[arg(default)]
    names: Vec<String>,
    #[arg(default)]
    headers: BTreeMap<String, String>,
    #[arg(default = BTreeMap::from([("bad default".to_owned(), Vec::new())]))]
    lists: BTreeMap<String, Vec<String>>,
    maybe: Option<Vec<String>>,
    #[arg(default)]
    #[expect(dead_code, reason = "read by nobody but the derived code")]
    receivers: Vec<Arc<Receiver>>,
    #[arg(default)]
    limit: usize,
}

impl Lists {
    fn check(&self, problems: &mut Problems<'_>) {
        let none = Vec::new();
        let maybe = self.maybe.as_ref().unwrap_or(&none);
        for (field, names) in [("names", &self.names), ("maybe", maybe)] {
            for (at, name) in names.iter().enumerate().filter(|(_, name)| name.starts_with("bad")) {
                problems.part(field, &[Step::Index(at)], format!("{name} is seen"));
            }
        }
        for (name, value) in &self.headers {
            let at = [Step::Key(name.clone())];
            if value.starts_with("bad") {
                problems.part("headers", &at, format!("{value} is seen"));
            }
            if name.starts_with("bad") {
                problems.key("headers", &at, format!("key {name} is seen"));
            }
        }
        for (name, list) in &self.lists {
            let key = Step::Key(name.clone());
            for (at, value) in list.iter().enumerate().filter(|(_, value)| value.starts_with("bad"))
            {
                let at = [key.clone(), Step::Index(at)];
                problems.part("lists", &at, format!("{value} is seen"));
            }
            if name.starts_with("bad") && problems.is_written("lists") {
                problems.part("lists", &[key], format!("{name} is seen"));
            }
        }
        for name in ["names", "headers", "lists", "maybe", "receivers"] {
            if problems.are_known(&[name, "limit"]) && self.limit == 1 {
                problems.block(format!("{name} is held against the limit"));
            }
            if self.limit == 1 {
                problems.field(name, format!("{name} is seen"));
            }
        }
    }
}

fn checked(body: &str) -> Diagnostics {
    let block = block(body);
    let told = check::<Lists>(&block, &scope());
    let decoded = decode::<Lists>(&block, &scope());
    assert!(decoded.is_err(), "it must not run with what was not written: {decoded:?}");
    told
}

fn told(body: &str, expected: Expect) {
    let lines: Vec<String> = checked(body)
        .iter()
        .map(|told| {
            let span = told.span.as_ref().expect("it has a place");
            format!("{}: {}", span.text(), told.message)
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_wrong_part_does_not_hide_what_is_said_of_the_others() {
    told(
        r#"
        names = ["bad 0", [], "bad 2"]
        headers = {"A" = [], "B" = "bad b"}
        lists = {"x" = ["bad 0", {}, "bad 2"], "y" = 5, "bad z" = []}
        maybe = [[], "bad 1"]
        "#,
        expect![[r#"
            "bad 0": bad 0 is seen
            []: attribute "names": expected string, got list
            "bad 2": bad 2 is seen
            []: attribute "headers": expected string, got list
            "bad b": bad b is seen
            "bad 0": bad 0 is seen
            {}: attribute "lists": expected string, got object
            "bad 2": bad 2 is seen
            5: attribute "lists": expected list(string), got number
            []: bad z is seen
            []: attribute "maybe": expected string, got list
            "bad 1": bad 1 is seen"#]],
    );
}

#[test]
fn nor_does_a_part_that_is_known_only_when_running() {
    told(
        r#"
        names = [later.one.content, "bad 1"]
        headers = {"A" = "bad a", "B" = later.one.content}
        lists = {"x" = [later.one.content, "bad 1"], "y" = later.one.content}
        "#,
        expect![[r#"
            "bad 1": bad 1 is seen
            "bad a": bad a is seen
            "bad 1": bad 1 is seen
            later.one.content: attribute "lists": expected list(string), got string"#]],
    );
}

#[test]
fn nor_does_a_part_that_cannot_be_evaluated() {
    told(
        r#"
        names = ["bad 0", missing, "bad " + 2, "bad" + "3"]
        headers = {"A" = 1 + [], "B" = "bad b"}
        "#,
        expect![[r#"
            "bad 0": bad 0 is seen
            missing: "missing" does not exist
            +: + takes two numbers, or two strings (or secrets), not string and number
            "bad" + "3": bad3 is seen
            +: + takes two numbers, or two strings (or secrets), not number and list
            "bad b": bad b is seen"#]],
    );
}

#[test]
fn of_what_stands_in_and_of_what_holds_it_nothing_is_said() {
    // The key is wrong, but the list below it was not written as it is seen.
    told(
        r#"lists = {"bad x" = ["y", []]}"#,
        expect![[r#"[]: attribute "lists": expected string, got list"#]],
    );
    // No part of a field that holds its default was written.
    told("lists = 5", expect![[r#"5: attribute "lists": expected map(list(string)), got number"#]]);
}

#[test]
fn a_key_is_wrong_whatever_is_written_for_it() {
    told(
        r#"headers = {"bad a" = later.one.content, "bad b" = []}"#,
        expect![[r#"
            "bad a": key bad a is seen
            "bad b": key bad b is seen
            []: attribute "headers": expected string, got list"#]],
    );
    told(
        "headers = later.one.receiver",
        expect![[r#"later.one.receiver: attribute "headers": expected map(string), got Receiver"#]],
    );
}

#[test]
fn a_field_of_which_a_part_is_open_is_not_known() {
    told(
        r#"
        limit = 1
        names = ["a", later.one.content]
        headers = {"A" = []}
        lists = {}
        maybe = []
        receivers = [given.one.receiver, 5]
        "#,
        expect![[r#"
            writer "a": lists is held against the limit
            writer "a": maybe is held against the limit
            []: attribute "headers": expected string, got list
            {}: lists is seen
            []: maybe is seen
            5: attribute "receivers": expected Receiver, got number"#]],
    );
}

#[test]
fn a_computed_list_of_wrong_parts_is_told_in_short() {
    let shown = checked("names = computed").to_string();
    assert_eq!(shown.matches("is seen").count(), 5, "{shown}");
    assert!(shown.ends_with("\nand 9995 more here"), "{shown}");

    let shown = checked("receivers = computed").to_string();
    for at in 0..5 {
        let expected = format!("attribute \"receivers\", at [{at}]: expected Receiver, got string");
        assert!(shown.contains(&expected), "{shown}");
    }
    assert!(shown.ends_with("\nand 9995 more here"), "{shown}");
}

#[test]
fn a_written_list_of_wrong_parts_is_told_part_by_part() {
    let list = |wrong: &str| format!("names = [{}]", vec![wrong; 300].join(", "));
    for (wrong, said) in [("\"bad\"", "is seen"), ("{}", "expected string, got object")] {
        let told = checked(&list(wrong));
        assert_eq!(told.len(), 300);
        assert_eq!(told.to_string().matches(said).count(), 300);
    }
}
