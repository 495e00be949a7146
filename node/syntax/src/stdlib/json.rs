//! JSON text from and to values.

use std::sync::Arc;

use crate::value::{CallError, Number, Value};

/// Parses a document. As in Go all its numbers are floats: `7` of it is 3.5 when it is halved.
pub(super) fn parse(text: &str) -> Result<Value, CallError> {
    let parsed = serde_json::from_str(text);
    parsed.map(floating).map_err(|error| CallError::argument(0, format!("not JSON: {error}")))
}

fn floating(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(Number::Float(number.as_f64())),
        Value::Array(values) => Value::array(values.iter().cloned().map(floating)),
        Value::Object(object) => Value::object(
            object.iter().map(|(key, value)| (Arc::clone(key), floating(value.clone()))),
        ),
        other => other,
    }
}

/// Writes a document as Go does: keys sorted, `<`, `>` and `&` escaped.
pub(super) fn write(value: &Value) -> Result<String, CallError> {
    let mut text = String::new();
    append(&mut text, value)?;
    Ok(text)
}

fn append(text: &mut String, value: &Value) -> Result<(), CallError> {
    match value.plain() {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if value { "true" } else { "false" }),
        Value::Number(number) if number.as_f64().is_finite() => {
            text.push_str(&number.to_string());
        }
        Value::String(string) => append_string(text, &string),
        Value::Array(values) => {
            text.push('[');
            for (at, value) in values.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                append(text, value)?;
            }
            text.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                append_string(text, key);
                text.push(':');
                append(text, value)?;
            }
            text.push('}');
        }
        other => {
            let message = format!("a {} cannot be written as JSON", other.kind());
            return Err(CallError::argument(0, message));
        }
    }
    Ok(())
}

fn append_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}
