//! Arguments, exports, debug information and health in the JSON of the API.

use serde_json::{Value as Json, json};
use syntax::{Entry, Evaluated, Value};

use super::health::{Health, HealthState};
use crate::components::Detail;
use crate::server::components as api;
use crate::telemetry::clock;

/// What is written in a block, evaluated.
pub(super) fn arguments(evaluated: &Evaluated) -> Json {
    evaluated.entries.iter().map(entry).collect()
}

fn entry(entry: &Entry) -> Json {
    match entry {
        Entry::Attribute(written) => attribute(&written.name.name, &written.value),
        Entry::Block(block) => {
            let label = block.label.as_ref().map(|label| label.value.to_string());
            let mut json = json!({
                "name": block.name.to_string(),
                "type": "block",
                "body": arguments(&block.body),
            });
            if let Some(label) = label {
                json["label"] = label.into();
            }
            json
        }
    }
}

/// An object of exports, as a body of attributes.
pub(super) fn exports(exports: &Value) -> Json {
    match exports {
        Value::Object(object) => {
            object.iter().map(|(name, value)| attribute(name, value)).collect()
        }
        _ => json!([]),
    }
}

/// Debug information as a body.
pub(super) fn details(details: &[Detail]) -> Json {
    details
        .iter()
        .map(|detail| match detail {
            Detail::Attribute { name, value } => attribute(name, value),
            Detail::Block { name, body } => {
                json!({ "name": name, "type": "block", "body": self::details(body) })
            }
        })
        .collect()
}

fn attribute(name: &str, value: &Value) -> Json {
    json!({ "name": name, "type": "attr", "value": self::value(value) })
}

/// A value with its type. Functions and what cannot be shown are texts; a secret says so.
fn value(given: &Value) -> Json {
    let typed = |kind: &str, json: Json| json!({ "type": kind, "value": json });
    match given {
        Value::Null => json!({ "type": "null" }),
        Value::Number(number) => typed("number", number.to_string().into()),
        Value::String(text) => typed("string", text.to_string().into()),
        Value::Bool(truth) => typed("bool", (*truth).into()),
        Value::Array(values) => typed("array", values.iter().map(value).collect()),
        Value::Object(object) => {
            let entries = object.iter();
            typed(
                "object",
                entries.map(|(key, v)| json!({ "key": &**key, "value": value(v) })).collect(),
            )
        }
        Value::Function(function) => typed("function", function.name().into()),
        Value::Secret(_) => typed("capsule", "(secret)".into()),
        Value::Capsule(capsule) => match capsule.plain() {
            Some(plain) => value(&plain),
            None => typed("capsule", format!("capsule({:?})", capsule.name()).into()),
        },
        Value::Unknown(_) => json!({ "type": "null" }),
    }
}

/// Health as the API says it.
pub(super) fn health(health: &Health) -> api::Health {
    api::Health {
        state: match health.state {
            HealthState::Healthy => api::HealthState::Healthy,
            HealthState::Unknown => api::HealthState::Unknown,
            HealthState::Unhealthy => api::HealthState::Unhealthy,
            HealthState::Exited => api::HealthState::Exited,
        },
        message: health.message.clone(),
        updated_time: clock::rfc3339(clock::unix_millis(health.updated)),
    }
}
