use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Number, Object, Value, from_serde, shown_by_serde};

#[test]
fn an_object_keeps_its_order_and_the_last_of_equal_keys() {
    let object: Object = [("b", 1), ("a", 2), ("b", 3)]
        .map(|(key, value)| (Arc::from(key), Value::Number(Number::Int(value))))
        .into_iter()
        .collect();
    assert_eq!(Value::Object(object).to_string(), "{b = 3, a = 2}");
}

#[test]
fn an_object_of_any_size_finds_its_keys() {
    proptest::proptest!(|(entries: BTreeMap<String, i64>, missing: String)| {
        let value = |value: &i64| Value::Number(Number::Int(*value));
        let object: Object =
            entries.iter().rev().map(|(key, one)| (Arc::from(key.as_str()), value(one))).collect();
        proptest::prop_assert_eq!(object.len(), entries.len());
        for (key, one) in &entries {
            proptest::prop_assert_eq!(object.get(key), Some(&value(one)));
        }
        proptest::prop_assert_eq!(object.get(&missing).cloned(), entries.get(&missing).map(value));
        proptest::prop_assert!(object.iter().map(|(key, _)| &**key).eq(entries.keys().rev()));
    });
}

#[test]
fn secrets_are_never_shown() {
    let value = Value::object([("a", Value::array([Value::Secret("hush".into())]))]);
    assert!(!format!("{value} {value:?} {value:#?}").contains("hush"));
    let optional = crate::OptionalSecret::Secret("hush".into());
    assert!(!format!("{optional} {optional:?}").contains("hush"));
}

#[test]
fn serde_types_come_from_values_with_their_mistakes() {
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    struct Limits {
        max: u64,
        kind: Kind,
        names: Option<Vec<String>>,
    }
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        KeepAll,
        Drop,
    }

    let limits = Limits { max: 3, kind: Kind::KeepAll, names: Some(vec!["a".to_owned()]) };
    let value = shown_by_serde(&limits).unwrap();
    assert_eq!(value.to_string(), "{max = 3, kind = \"keep_all\", names = [\"a\"]}");
    assert_eq!(from_serde::<Limits>(&value).as_ref(), Ok(&limits));

    let message = |value: &Value| match from_serde::<Kind>(value) {
        Err(crate::Mismatch::Wrong { message, hint, .. }) => (message, hint),
        other => panic!("{other:?}"),
    };
    let (text, hint) = message(&Value::string("keepall"));
    assert_eq!(text, "expected one of \"keep_all\", \"drop\", got \"keepall\"");
    assert_eq!(hint.as_deref(), Some("did you mean \"keep_all\"?"));
    let (text, _) = message(&Value::Bool(true));
    assert_eq!(text, "expected one of \"keep_all\", \"drop\", got bool");
}
