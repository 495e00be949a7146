//! `array.*`

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arguments::{argument, function, takes};
use crate::convert::FromValue;
use crate::kind::Type;
use crate::value::{CallError, Function, Object, Signature, Stability, Value};

type List = Vec<Value>;
type Objects = Vec<BTreeMap<String, Value>>;

/// What [`concat`] takes and gives.
pub(super) const CONCAT: Signature = Signature::new(&[], List::kind).rest(takes::<List>);
const COMBINE_MAPS: Signature =
    Signature::new(&[takes::<Objects>, takes::<Objects>, takes::<Vec<String>>], Objects::kind)
        .maybe(&[takes::<bool>]);
const GROUP_BY: Signature =
    Signature::new(&[takes::<Objects>, takes::<String>, takes::<bool>], Objects::kind);

pub(super) fn namespace() -> Value {
    let experimental = |name, signature, call: fn(&[Value]) -> Result<Value, CallError>| {
        Value::Function(Function::new(name, Stability::Experimental, signature, call))
    };
    Value::object([
        ("concat", function("array.concat", CONCAT, concat)),
        ("combine_maps", experimental("array.combine_maps", COMBINE_MAPS, combine_maps)),
        ("group_by", experimental("array.group_by", GROUP_BY, group_by)),
    ])
}

/// All lists one after the other. A single one is passed on as it is, and capsules may join
/// themselves, so that large lists of targets are not looked into.
pub(super) fn concat(values: &[Value]) -> Result<Value, CallError> {
    if let [only @ (Value::Array(_) | Value::Capsule(_))] = values {
        return Ok(only.clone());
    }
    let capsule = values.iter().find_map(|value| match value {
        Value::Capsule(capsule) => Some(capsule),
        _ => None,
    });
    if let Some(joined) = capsule.and_then(|capsule| capsule.inner().concat(values)) {
        return Ok(joined);
    }
    let mut joined = Vec::new();
    for at in 0..values.len() {
        joined.extend_from_slice(&list(values, at)?);
    }
    Ok(Value::array(joined))
}

fn list(values: &[Value], at: usize) -> Result<Arc<[Value]>, CallError> {
    match values[at].plain() {
        Value::Array(list) => Ok(list),
        Value::Null => Ok(Arc::from([])),
        other => {
            let message = format!("expected {}, got {}", Type::array(Type::Any), other.kind());
            Err(CallError::argument(at, message))
        }
    }
}

fn objects(values: &[Value], at: usize) -> Result<Vec<Object>, CallError> {
    let list = list(values, at)?;
    let objects = list.iter().enumerate().map(|(element, value)| match value.plain() {
        Value::Object(object) => Ok(object),
        other => {
            let kind = other.kind();
            let message = format!("element {element}: expected object, got {kind}");
            Err(CallError::argument(at, message))
        }
    });
    objects.collect()
}

/// Merges every object of the first list with every one of the second that has the same values
/// under the given keys; the second's fields win. With a fourth argument of `true`, an object of
/// the first list also stays alone, once for each one of the second that it does not match.
fn combine_maps(values: &[Value]) -> Result<Value, CallError> {
    let (left, right) = (objects(values, 0)?, objects(values, 1)?);
    let keys: Vec<String> = argument(values, 2)?;
    if keys.is_empty() {
        return Err(CallError::argument(2, "the list of keys is empty"));
    }
    let keep = values.len() == 4 && argument(values, 3)?;
    let mut combined = Vec::new();
    for left in &left {
        for right in &right {
            let matches = |key: &String| left.get(key).is_some() && left.get(key) == right.get(key);
            if keys.iter().all(matches) {
                let both = left.iter().chain(right.iter());
                combined.push(Value::Object(
                    both.map(|(key, value)| (key.clone(), value.clone())).collect(),
                ));
            } else if keep {
                combined.push(Value::Object(left.clone()));
            }
        }
    }
    Ok(Value::array(combined))
}

/// Groups objects by the value of a key, in the order in which the values first appear. Objects
/// without the key are dropped, or grouped under `""`.
fn group_by(values: &[Value]) -> Result<Value, CallError> {
    let list = objects(values, 0)?;
    let key: String = argument(values, 1)?;
    let drop_missing: bool = argument(values, 2)?;
    let mut places = BTreeMap::new();
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for object in list {
        let value = match object.get(&key) {
            Some(Value::String(text)) => text.to_string(),
            Some(other) => other.to_string(),
            None if drop_missing => continue,
            None => String::new(),
        };
        let place = *places.entry(value.clone()).or_insert_with(|| {
            groups.push((value, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(Value::Object(object));
    }
    Ok(Value::array(groups.into_iter().map(|(value, items)| {
        Value::object([(key.as_str(), Value::string(value)), ("items", Value::array(items))])
    })))
}
