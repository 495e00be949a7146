//! The standard library.

mod arguments;
mod arrays;
mod encoding;
mod format;
mod json;
mod json_path;
mod strings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::convert::FromValue;
use crate::scope::Host;
use crate::value::{CallError, Signature, Value};

use arguments::{function, one, takes};
use encoding::{READS, TEXT};

const COALESCE: Signature = Signature::new(&[], <Value as FromValue>::kind).rest(takes::<Value>);
const JSON_PATH: Signature =
    Signature::new(&[takes::<String>, takes::<String>], <Vec<Value>>::kind);
const NONSENSITIVE: Signature = Signature::new(&[takes::<crate::Secret>], String::kind);
const PATH_JOIN: Signature = Signature::new(&[], String::kind).rest(takes::<String>);

/// Every name of the standard library for a machine: namespaces, the functions without one, and
/// the names that functions had before there were namespaces.
pub(crate) fn library(host: &Host) -> BTreeMap<Arc<str>, Value> {
    let constants = [
        ("hostname", &host.hostname),
        ("os", &host.os),
        ("arch", &host.arch),
        ("version", &host.version),
    ];
    let constants = constants.map(|(name, text)| (name, Value::string(text)));
    let environment = Arc::new(host.environment.clone());
    let env = |name| {
        let environment = environment.clone();
        function(name, TEXT, move |values| {
            let found = environment.get(&one::<String>(values)?);
            Ok(Value::string(found.map(String::as_str).unwrap_or_default()))
        })
    };
    let nonsensitive = |name| function(name, NONSENSITIVE, nonsensitive);
    let namespaced = [
        ("constants", Value::object(constants)),
        ("sys", Value::object([("env", env("sys.env"))])),
        ("convert", Value::object([("nonsensitive", nonsensitive("convert.nonsensitive"))])),
        ("file", Value::object([("path_join", function("file.path_join", PATH_JOIN, path_join))])),
        ("array", arrays::namespace()),
        ("encoding", encoding::namespace()),
        ("string", strings::namespace()),
        ("coalesce", function("coalesce", COALESCE, coalesce)),
        ("json_path", function("json_path", JSON_PATH, json_path::json_path)),
    ];
    let former = [
        ("env", env("env")),
        ("nonsensitive", nonsensitive("nonsensitive")),
        ("concat", function("concat", arrays::CONCAT, arrays::concat)),
        ("json_decode", function("json_decode", READS, encoding::from_json)),
        ("yaml_decode", function("yaml_decode", READS, encoding::from_yaml)),
        ("base64_decode", function("base64_decode", TEXT, encoding::from_base64)),
    ];
    namespaced
        .into_iter()
        .chain(former)
        .chain(strings::former())
        .map(|(name, value)| (Arc::from(name), value))
        .collect()
}

/// The first value that is not null, zero or empty; else the last; `null` without arguments.
fn coalesce(values: &[Value]) -> Result<Value, CallError> {
    let chosen = values.iter().find(|value| !value.is_zero()).or(values.last());
    Ok(chosen.cloned().unwrap_or(Value::Null))
}

fn nonsensitive(values: &[Value]) -> Result<Value, CallError> {
    one::<crate::Secret>(values).map(|secret| Value::string(secret.expose()))
}

/// Joins the parts that are not empty by `/`, and resolves `.`, `..` and double slashes.
fn path_join(values: &[Value]) -> Result<Value, CallError> {
    let parts: Result<Vec<String>, _> =
        (0..values.len()).map(|at| arguments::argument(values, at)).collect();
    let parts: Vec<String> = parts?.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Ok(Value::string(""));
    }
    let joined = parts.join("/");
    let absolute = joined.starts_with('/');
    let mut clean: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if clean.last().is_some_and(|last| *last != "..") => {
                clean.pop();
            }
            ".." if absolute => {}
            part => clean.push(part),
        }
    }
    let clean = clean.join("/");
    Ok(Value::string(match (absolute, clean.is_empty()) {
        (true, _) => format!("/{clean}"),
        (false, true) => ".".to_owned(),
        (false, false) => clean,
    }))
}
