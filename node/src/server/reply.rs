//! Answers in the making.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

/// An answer; its body is whole before it is sent.
pub(super) type Reply = Response<Bytes>;

/// A text for people and probes.
pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Reply {
    let mut text = text.into();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    with(status, "text/plain; charset=utf-8", Bytes::from(text))
}

/// A page.
pub(super) fn html(status: StatusCode, page: String) -> Reply {
    with(status, "text/html; charset=utf-8", Bytes::from(page))
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => with(StatusCode::OK, "application/json", Bytes::from(body)),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode: {error}")),
    }
}

/// What went wrong, as JSON: `{"error": "..."}`.
pub(super) fn json_error(status: StatusCode, error: impl Into<String>) -> Reply {
    let mut reply = json(&serde_json::json!({ "error": error.into() }));
    *reply.status_mut() = status;
    reply
}

/// Nothing lives at this path.
pub(super) fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "404 page not found")
}

/// The path exists, but not for this method.
pub(super) fn method_not_allowed(allowed: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {allowed}"));
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// An answer with a body of some type.
pub(super) fn with(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
