//! `encoding.*`

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_saphyr::options::NonFiniteFloatPolicy;

use super::arguments::{function, one, takes};
use super::json;
use crate::convert::FromValue;
use crate::value::{CallError, Signature, Value};

/// From a text to whatever it holds.
pub(super) const READS: Signature = Signature::new(&[takes::<String>], <Value as FromValue>::kind);
/// From a text to another.
pub(super) const TEXT: Signature = Signature::new(&[takes::<String>], String::kind);
const WRITES: Signature = Signature::new(&[takes::<BTreeMap<String, Value>>], String::kind);

pub(super) fn namespace() -> Value {
    Value::object([
        ("from_json", function("encoding.from_json", READS, from_json)),
        ("from_yaml", function("encoding.from_yaml", READS, from_yaml)),
        ("from_base64", function("encoding.from_base64", TEXT, from_base64)),
        ("from_URLbase64", function("encoding.from_URLbase64", TEXT, from_url_base64)),
        ("to_json", function("encoding.to_json", WRITES, to_json)),
        ("to_base64", function("encoding.to_base64", TEXT, to_base64)),
        ("to_URLbase64", function("encoding.to_URLbase64", TEXT, to_url_base64)),
        ("url_encode", function("encoding.url_encode", TEXT, url_encode)),
        ("url_decode", function("encoding.url_decode", TEXT, url_decode)),
    ])
}

pub(super) fn from_json(values: &[Value]) -> Result<Value, CallError> {
    json::parse(&one::<String>(values)?)
}

pub(super) fn from_yaml(values: &[Value]) -> Result<Value, CallError> {
    let text: String = one(values)?;
    // What Go's yaml.v3 makes of a document without types: YAML 1.2, and the octal numbers of 1.1.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| CallError::argument(0, format!("not YAML: {}", first_line(&error))))
}

/// Long errors show the text at fault in several lines; ours already shows a place. The library's
/// other formatter advises whoever calls it.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    text.lines().next().unwrap_or_default().to_owned()
}

pub(super) fn from_base64(values: &[Value]) -> Result<Value, CallError> {
    decode(&STANDARD, values)
}

fn from_url_base64(values: &[Value]) -> Result<Value, CallError> {
    decode(&URL_SAFE, values)
}

fn decode(engine: &impl Engine, values: &[Value]) -> Result<Value, CallError> {
    // As in Go, line breaks do not count.
    let text = one::<String>(values)?.replace(['\n', '\r'], "");
    let bytes = engine
        .decode(text)
        .map_err(|error| CallError::argument(0, format!("not base64: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CallError::argument(0, "the decoded bytes are not UTF-8, so no string"))?;
    Ok(Value::string(text))
}

fn to_base64(values: &[Value]) -> Result<Value, CallError> {
    Ok(Value::string(STANDARD.encode(one::<String>(values)?)))
}

fn to_url_base64(values: &[Value]) -> Result<Value, CallError> {
    Ok(Value::string(URL_SAFE.encode(one::<String>(values)?)))
}

fn to_json(values: &[Value]) -> Result<Value, CallError> {
    let value: Value = one(values)?;
    match value.plain() {
        Value::Object(_) => json::write(&value).map(Value::string),
        other => Err(CallError::argument(0, format!("expected object, got {}", other.kind()))),
    }
}

fn url_encode(values: &[Value]) -> Result<Value, CallError> {
    let text: String = one(values)?;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(Value::string(encoded))
}

fn url_decode(values: &[Value]) -> Result<Value, CallError> {
    let text: String = one(values)?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let hexadecimal =
                    digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let byte = hexadecimal.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let malformed = || CallError::argument(0, "% without two hexadecimal digits");
                bytes.push(byte.ok_or_else(malformed)?);
                rest = &after[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| CallError::argument(0, "the decoded bytes are not UTF-8, so no string"))?;
    Ok(Value::string(text))
}
