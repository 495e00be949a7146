//! `string.*`

use super::arguments::{argument, function, one, takes, two};
use super::format::format;
use crate::convert::FromValue;
use crate::go::case;
use crate::value::{CallError, Signature, Value};

type Call = fn(&[Value]) -> Result<Value, CallError>;

const ONE: Signature = Signature::new(&[takes::<String>], String::kind);
const TWO: Signature = Signature::new(&[takes::<String>, takes::<String>], String::kind);
const THREE: Signature =
    Signature::new(&[takes::<String>, takes::<String>, takes::<String>], String::kind);
const FORMAT: Signature = ONE.rest(takes::<Value>);
const JOIN: Signature = Signature::new(&[takes::<Vec<String>>, takes::<String>], String::kind);
const SPLIT: Signature = Signature::new(&[takes::<String>, takes::<String>], <Vec<String>>::kind);

/// The full name, the name before there were namespaces, what it takes and gives, and what it does.
const FUNCTIONS: [(&str, &str, Signature, Call); 10] = [
    ("string.format", "format", FORMAT, format),
    ("string.join", "join", JOIN, join),
    ("string.replace", "replace", THREE, replace),
    ("string.split", "split", SPLIT, split),
    ("string.to_lower", "to_lower", ONE, to_lower),
    ("string.to_upper", "to_upper", ONE, to_upper),
    ("string.trim", "trim", TWO, trim),
    ("string.trim_prefix", "trim_prefix", TWO, trim_prefix),
    ("string.trim_suffix", "trim_suffix", TWO, trim_suffix),
    ("string.trim_space", "trim_space", ONE, trim_space),
];

pub(super) fn namespace() -> Value {
    let entry = |(full, name, takes, call)| (name, function(full, takes, call));
    Value::object(FUNCTIONS.map(entry))
}

/// The functions under the names they had before there were namespaces.
pub(super) fn former() -> impl Iterator<Item = (&'static str, Value)> {
    FUNCTIONS.into_iter().map(|(_, name, takes, call)| (name, function(name, takes, call)))
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
