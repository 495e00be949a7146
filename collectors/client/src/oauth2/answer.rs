//! What a token's endpoint answers.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use crate::secret::Secret;

/// A granted token.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) token: Secret,
    pub(super) scheme: String,
    /// `None` when the server does not say.
    pub(super) lifetime: Option<Duration>,
}

/// Whether the answer is a form; some servers answer so, with an honest content type or plain text.
pub(super) fn is_form(content_type: &HeaderValue) -> bool {
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or(&[]);
    let essence = essence.trim_ascii();
    essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        || essence.eq_ignore_ascii_case(b"text/plain")
}

pub(super) fn parse(body: &[u8], form: bool) -> Result<Answer, String> {
    let fields = fields(body, form)?;
    let field = |name: &str| fields.get(name).map(String::as_str);
    let token = field("access_token").filter(|token| !token.is_empty());
    let token = token.ok_or("the answer holds no access_token")?;
    let scheme = match field("token_type") {
        None | Some("") => "Bearer".to_owned(),
        Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => "Bearer".to_owned(),
        Some(scheme) => scheme.to_owned(),
    };
    let seconds = field("expires_in").and_then(|seconds| seconds.parse::<f64>().ok());
    let lifetime = seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok(Answer { token: Secret::new(token), scheme, lifetime })
}

/// The answer's fields, numbers as text.
fn fields(body: &[u8], form: bool) -> Result<BTreeMap<String, String>, String> {
    if form {
        return Ok(form_urlencoded::parse(body).into_owned().collect());
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return Err("the answer is not a JSON object".to_owned());
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(object.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

/// Why there is no token, in the server's words where they are the standard's. The rest of the
/// body is not shown: it may repeat what we sent.
pub(super) fn complaint(status: StatusCode, body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut text = format!("it answered {status}");
    for name in ["error", "error_description"] {
        if let Some(words) = json[name].as_str() {
            text.push_str(": ");
            text.extend(words.chars().filter(|char| !char.is_control()).take(200));
        }
    }
    text
}
