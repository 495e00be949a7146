//! `string.*`

use super::arguments::{argument, count, function, one, two};
use super::format::format;
use crate::go::case;
use crate::value::{CallError, Value};

type Call = fn(&[Value]) -> Result<Value, CallError>;

/// The full name, the name before there were namespaces, and what it does.
const FUNCTIONS: [(&str, &str, Call); 10] = [
    ("string.format", "format", format),
    ("string.join", "join", join),
    ("string.replace", "replace", replace),
    ("string.split", "split", split),
    ("string.to_lower", "to_lower", to_lower),
    ("string.to_upper", "to_upper", to_upper),
    ("string.trim", "trim", trim),
    ("string.trim_prefix", "trim_prefix", trim_prefix),
    ("string.trim_suffix", "trim_suffix", trim_suffix),
    ("string.trim_space", "trim_space", trim_space),
];

pub(super) fn namespace() -> Value {
    Value::object(FUNCTIONS.map(|(full, name, call)| (name, function(full, call))))
}

/// The functions under the names they had before there were namespaces.
pub(super) fn former() -> impl Iterator<Item = (&'static str, Value)> {
    FUNCTIONS.into_iter().map(|(_, name, call)| (name, function(name, call)))
}

fn text(text: impl AsRef<str>) -> Value {
    Value::string(text)
}

fn to_lower(values: &[Value]) -> Result<Value, CallError> {
    one::<String>(values).map(|whole| text(case::lower(&whole)))
}

fn to_upper(values: &[Value]) -> Result<Value, CallError> {
    one::<String>(values).map(|whole| text(case::upper(&whole)))
}

fn trim_space(values: &[Value]) -> Result<Value, CallError> {
    one::<String>(values).map(|whole| text(whole.trim()))
}

fn join(values: &[Value]) -> Result<Value, CallError> {
    let (parts, separator): (Vec<String>, String) = two(values)?;
    Ok(text(parts.join(&separator)))
}

/// Without a separator, into characters.
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
