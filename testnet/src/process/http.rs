//! A client for a question now and then.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The longest that a question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: a page of a large node.
const MAX_ANSWER: usize = 256 << 20;

/// Asks, and returns the status and the body.
///
/// # Errors
///
/// When nobody answers in time.
pub async fn ask(method: Method, url: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    ask_within(PATIENCE, method, url).await
}

async fn ask_within(
    patience: Duration,
    method: Method,
    url: &str,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(url).body(Full::<Bytes>::default())?;
    let asked = async {
        let (head, body) = client.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
        anyhow::Ok((head.status, body.to_bytes()))
    };
    let answer = tokio::time::timeout(patience, asked).await;
    answer.with_context(|| format!("{url} does not answer"))?.with_context(|| url.to_owned())
}

/// The body of a page that answers 200, as text.
///
/// # Errors
///
/// When it answers anything else, or not at all.
pub async fn text(url: &str) -> anyhow::Result<String> {
    text_within(PATIENCE, url).await
}

/// [`text`] of a page that may take so long.
///
/// # Errors
///
/// When it answers anything else, or not at all.
pub async fn text_within(patience: Duration, url: &str) -> anyhow::Result<String> {
    let (status, body) = ask_within(patience, Method::GET, url).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    anyhow::ensure!(status == StatusCode::OK, "{url} answers {status}: {body}");
    Ok(body)
}

/// The body of a page that answers 200, as JSON.
///
/// # Errors
///
/// When it answers anything else, or not at all.
pub async fn json(url: &str) -> anyhow::Result<Value> {
    let text = text(url).await?;
    serde_json::from_str(&text).with_context(|| format!("{url} does not answer with JSON"))
}

/// The sum over the series of one name on an exposition page; 0 when there is none.
pub fn metric(page: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        if !rest.starts_with([' ', '{']) {
            return None;
        }
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    };
    // The sum of nothing is minus zero, which is no figure to show.
    page.lines().filter_map(value).fold(0.0, |sum, value| sum + value)
}
