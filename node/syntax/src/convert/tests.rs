use std::collections::BTreeMap;
use std::time::Duration;

use super::{ByteSize, FromValue, IntoValue, Step};
use crate::{Number, OptionalSecret, Secret, Type, Value};

fn int(value: i64) -> Value {
    Value::Number(Number::Int(value))
}

fn float(value: f64) -> Value {
    Value::Number(Number::Float(value))
}

fn message<T: FromValue>(value: &Value) -> String {
    match T::from_value(value) {
        Err(mismatch) => mismatch.first().map_or("unknown", |mistake| mistake.message).to_owned(),
        Ok(_) => "fits".to_owned(),
    }
}

#[test]
fn numbers_and_strings_convert_into_each_other() {
    assert_eq!(String::from_value(&int(5)).as_deref(), Ok("5"));
    assert_eq!(String::from_value(&float(0.5)).as_deref(), Ok("0.5"));
    assert_eq!(String::from_value(&float(1e21)).as_deref(), Ok("1000000000000000000000"));
    assert_eq!(u8::from_value(&Value::string("0x10")), Ok(16));
    assert_eq!(f64::from_value(&Value::string("1e3")), Ok(1000.0));
    assert_eq!(i64::from_value(&float(3.0)), Ok(3));
    assert_eq!(message::<i64>(&float(3.5)), "expected a whole number, got 3.5");
    assert_eq!(message::<u8>(&int(256)), "256 is not between 0 and 255");
    assert_eq!(message::<u64>(&Value::string("five")), "expected number, got string \"five\"");
    assert_eq!(message::<f64>(&Value::Bool(true)), "expected number, got bool");
    assert_eq!(message::<bool>(&Value::string("true")), "expected bool, got string");
    assert_eq!(message::<Duration>(&int(5)), "expected duration, got number");
    assert_eq!(message::<u64>(&Value::string("")), "expected number, got string \"\"");
    assert_eq!(message::<f64>(&Value::string("1e999")), "expected number, got string \"1e999\"");
}

#[test]
fn null_is_the_zero_of_every_plain_type() {
    assert_eq!(String::from_value(&Value::Null).as_deref(), Ok(""));
    assert_eq!(u32::from_value(&Value::Null), Ok(0));
    assert_eq!(bool::from_value(&Value::Null), Ok(false));
    assert_eq!(Duration::from_value(&Value::Null), Ok(Duration::ZERO));
    assert_eq!(Vec::<String>::from_value(&Value::Null), Ok(Vec::new()));
    assert_eq!(Option::<String>::from_value(&Value::Null), Ok(None));
    assert_eq!(Secret::from_value(&Value::Null), Ok(Secret::new("")));
}

#[test]
fn a_string_becomes_a_secret_and_never_the_other_way_round() {
    let secret = Value::Secret("hush".into());
    assert_eq!(Secret::from_value(&Value::string("hush")), Ok(Secret::new("hush")));
    assert_eq!(message::<String>(&secret), "expected string, got secret");
    assert_eq!(
        message::<BTreeMap<String, String>>(&Value::object([("a", secret.clone())])),
        "expected string, got secret"
    );
    assert!(OptionalSecret::from_value(&secret).unwrap().is_secret());
    assert!(!OptionalSecret::from_value(&Value::string("a")).unwrap().is_secret());
    assert_eq!(OptionalSecret::Plain("a".into()).to_value(), Value::string("a"));
}

#[test]
fn a_mistake_deep_inside_says_where() {
    let value = Value::object([("a", Value::array([int(1), Value::Bool(true)]))]);
    let mismatch = BTreeMap::<String, Vec<u8>>::from_value(&value).expect_err("it does not fit");
    let path = mismatch.first().expect("it is wrong").path;
    assert_eq!(path, [&Step::Key("a".to_owned()), &Step::Index(1)]);
}

#[test]
fn every_part_of_a_collection_that_does_not_fit_is_told() {
    let inner = Value::array([Value::Bool(true), int(1), int(300), Value::Unknown(Type::Number)]);
    let value = Value::object([("b", int(1)), ("a", inner)]);
    let mismatch = BTreeMap::<String, Vec<u8>>::from_value(&value).expect_err("it does not fit");
    let (a, at) = (Step::Key("a".to_owned()), Step::Index);
    let paths: Vec<_> = mismatch.mistakes().map(|mistake| mistake.path).collect();
    assert_eq!(paths, [&[&a, &at(0)][..], &[&a, &at(2)], &[&Step::Key("b".to_owned())]]);

    let long = Value::array(std::iter::repeat_n(Value::Bool(true), 10_000));
    let mismatch = Vec::<u8>::from_value(&long).expect_err("it does not fit");
    assert_eq!(mismatch.mistakes().count(), 10_000);
}

#[test]
fn what_fits_of_a_collection_stays_in_its_place() {
    let inner = |wrong| Value::array([Value::string("x"), wrong, Value::string("y")]);
    let value = Value::object([
        ("wrong", inner(Value::array([]))),
        ("unknown", inner(Value::Unknown(Type::String))),
        ("all", Value::Bool(true)),
    ]);
    type Lists = BTreeMap<String, Vec<String>>;
    let mismatch = Lists::from_value(&value).expect_err("it does not fit");
    let mended = Lists::mended(&value).expect("every part has a stand-in");
    for key in ["wrong", "unknown"] {
        assert_eq!((&*mended[key][0], &*mended[key][2], mended[key].len()), ("x", "y", 3));
        let path = |at| [Step::Key(key.to_owned()), Step::Index(at)];
        let open = [0, 1, 2].map(|at| mismatch.at(&path(at)).is_some());
        assert_eq!(open, [false, true, false], "{key}");
        assert!(mismatch.at(&path(1)[..1]).is_some(), "a part of it is open");
    }
    let all = Step::Key("all".to_owned());
    assert!(mismatch.at(&[all, Step::Index(7)]).is_some(), "it lies within what is open");
    assert!(mismatch.at(&[Step::Key("other".to_owned())]).is_none());
}

#[test]
fn what_is_not_known_fits_if_its_type_may() {
    let unknown = Value::Unknown;
    assert_eq!(message::<String>(&unknown(Type::String)), "unknown");
    assert_eq!(message::<String>(&unknown(Type::Secret)), "expected string, got secret");
    assert_eq!(message::<Vec<String>>(&Value::array([unknown(Type::Any)])), "unknown");
    assert_eq!(
        message::<Vec<String>>(&Value::array([unknown(Type::Any), Value::array([])])),
        "expected string, got list"
    );
    assert_eq!(message::<Vec<BTreeMap<String, String>>>(&unknown(Type::targets())), "unknown");
    assert_eq!(message::<Duration>(&unknown(Type::Number)), "expected duration, got number");
    assert_eq!(message::<ByteSize>(&unknown(Type::Number)), "unknown");
    assert_eq!(message::<Secret>(&unknown(Type::OptionalSecret)), "unknown");
}

#[test]
fn what_is_shown_converts_back() {
    proptest::proptest!(|(whole: u64, signed: i64, text: String, nanos: u32, list: Vec<u16>)| {
        fn back<T: FromValue + IntoValue + PartialEq + std::fmt::Debug>(value: T) {
            assert_eq!(T::from_value(&value.to_value()), Ok(value));
        }
        back(whole);
        back(signed);
        back(text);
        back(Duration::from_nanos(nanos.into()));
        back(ByteSize(whole));
        back(Some(list));
    });
}
