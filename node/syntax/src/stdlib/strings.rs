//! `string.*`

use super::arguments::{argument, count, function, one, two};
use crate::value::{CallError, Value};

/// A name and what it does.
type Entry = (&'static str, fn(&'static str) -> Value);

/// The functions of the namespace, each built under the full name it is reported by.
pub(super) const FUNCTIONS: [Entry; 9] = [
    ("join", |name| function(name, join)),
    ("split", |name| function(name, split)),
    ("replace", |name| function(name, replace)),
    ("to_lower", |name| function(name, |values| Ok(text(one::<String>(values)?.to_lowercase())))),
    ("to_upper", |name| function(name, |values| Ok(text(one::<String>(values)?.to_uppercase())))),
    ("trim", |name| function(name, trim)),
    ("trim_prefix", |name| function(name, trim_prefix)),
    ("trim_suffix", |name| function(name, trim_suffix)),
    ("trim_space", |name| function(name, |values| Ok(text(one::<String>(values)?.trim())))),
];

pub(super) fn namespace() -> Value {
    Value::object(FUNCTIONS.map(|(name, build)| (name, build(name))))
}

fn text(text: impl AsRef<str>) -> Value {
    Value::string(text)
}

fn join(values: &[Value]) -> Result<Value, CallError> {
    let (parts, separator): (Vec<String>, String) = two(values)?;
    Ok(text(parts.join(&separator)))
}

fn split(values: &[Value]) -> Result<Value, CallError> {
    let (whole, separator): (String, String) = two(values)?;
    if separator.is_empty() {
        return Ok(Value::array(whole.chars().map(|c| text(c.to_string()))));
    }
    Ok(Value::array(whole.split(&separator).map(text)))
}

fn replace(values: &[Value]) -> Result<Value, CallError> {
    count(values, 3, 3)?;
    let whole: String = argument(values, 0)?;
    let (old, new): (String, String) = (argument(values, 1)?, argument(values, 2)?);
    Ok(text(whole.replace(&old, &new)))
}

fn trim(values: &[Value]) -> Result<Value, CallError> {
    let (whole, cutset): (String, String) = two(values)?;
    Ok(text(whole.trim_matches(|c| cutset.contains(c))))
}

fn trim_prefix(values: &[Value]) -> Result<Value, CallError> {
    let (whole, prefix): (String, String) = two(values)?;
    Ok(text(whole.strip_prefix(&prefix).unwrap_or(&whole)))
}

fn trim_suffix(values: &[Value]) -> Result<Value, CallError> {
    let (whole, suffix): (String, String) = two(values)?;
    Ok(text(whole.strip_suffix(&suffix).unwrap_or(&whole)))
}
