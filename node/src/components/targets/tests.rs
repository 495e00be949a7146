use std::sync::Arc;

use model::Labels;
use proptest::prelude::*;
use syntax::{FromValue, Host, IntoValue, Scope, Source, Stability, Step, Value, Variables};

use super::{Memo, Targets};

fn target(address: &str) -> Labels {
    Labels::from_pairs([("__address__", address)])
}

fn targets(addresses: &[&str]) -> Targets {
    Targets(addresses.iter().map(|address| target(address)).collect())
}

#[test]
fn a_list_of_targets_stands_for_a_list_of_objects() {
    let value = targets(&["a:1", "b:2"]).to_value();
    let plain = Value::array(
        ["a:1", "b:2"].map(|address| Value::object([("__address__", Value::string(address))])),
    );
    assert_eq!(value, plain);
    assert_eq!(Targets::from_value(&plain), Ok(targets(&["a:1", "b:2"])));
}

#[test]
fn a_list_passes_without_being_copied() {
    let list = targets(&["a:1"]);
    let read = Targets::from_value(&list.to_value()).expect("it is a list of targets");
    assert!(Arc::ptr_eq(&list.0, &read.0));
}

#[test]
fn what_is_no_target_is_named_by_its_place() {
    let value = Value::array([
        Value::object([("a", Value::string("b"))]),
        Value::object([("a", Value::array([]))]),
    ]);
    let mismatch = Targets::from_value(&value).expect_err("a list is no label value");
    let mistake = mismatch.first().expect("it is wrong");
    assert_eq!(mistake.path, [&Step::Index(1), &Step::Key("a".to_owned())]);
    assert_eq!(mistake.message, "expected string, got list");
}

#[test]
fn secrets_do_not_become_labels() {
    let value = Value::array([Value::object([("a", Value::Secret("b".into()))])]);
    assert!(Targets::from_value(&value).is_err());
}

#[test]
fn lists_are_joined_in_their_order_without_becoming_objects_or_coming_twice() {
    let plain = |address| Value::array([Value::object([("__address__", Value::string(address))])]);
    let parts = [plain("a:1"), targets(&["b:2"]).to_value(), plain("c:3")];
    let Value::Capsule(capsule) = concat(&parts) else { panic!("it became a list of objects") };
    let list = capsule.downcast::<Targets>().expect("they are targets");
    assert_eq!(*list, targets(&["a:1", "b:2", "c:3"]));

    let twice = [targets(&["a:1"]).to_value(), targets(&["a:1"]).to_value()];
    assert_eq!(Targets::from_value(&concat(&twice)), Ok(targets(&["a:1", "a:1"])));
    let mixed = concat(&[targets(&["a:1"]).to_value(), Value::array([Value::Bool(true)])]);
    assert!(matches!(mixed, Value::Array(list) if list.len() == 2));
}

/// What the language makes of `array.concat` over these.
fn concat(parts: &[Value]) -> Value {
    let mut variables = Variables::new();
    let names: Vec<String> = (0..parts.len()).map(|at| format!("part{at}")).collect();
    for (name, part) in names.iter().zip(parts) {
        variables.set([name.as_str()], part.clone());
    }
    let text = format!("array.concat({})", names.join(", "));
    let source = Source::new("test.alloy", text.as_str());
    let expression = syntax::parse_expression(&source).expect("it is an expression");
    let library = Scope::new(&Host::default(), Stability::GenerallyAvailable);
    syntax::evaluate(&expression, &library.child(variables)).expect("they are lists")
}

proptest! {
    #[test]
    fn a_memo_says_what_the_function_says_and_asks_it_once_per_new_target(
        lists in proptest::collection::vec(proptest::collection::vec(0..8u8, 0..8), 1..6),
    ) {
        let mut memo = Memo::default();
        let mut last: Vec<u8> = Vec::new();
        for list in lists {
            let inputs: Arc<[Labels]> = list.iter().map(|n| target(&n.to_string())).collect();
            let mut asked = 0;
            let outputs = memo.map(&inputs, |labels| {
                asked += 1;
                labels.to_string()
            });
            let expected: Vec<String> = inputs.iter().map(ToString::to_string).collect();
            prop_assert_eq!(outputs, expected);
            prop_assert_eq!(asked, list.iter().filter(|n| !last.contains(n)).count());
            last = list;
        }
    }
}
