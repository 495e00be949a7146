//! Requests that go on to a real backend.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::oneshot;

use super::book::Writing;
use super::serve::{Answer, Desk, gone, status};
use super::{Question, written};

/// The headers of a request that say what its body is.
const WHAT: [HeaderName; 3] =
    [CONTENT_TYPE, CONTENT_ENCODING, HeaderName::from_static("x-prometheus-remote-write-version")];

/// How long a backend may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// The longest answer that is read, in bytes: a sentence about what was wrong.
const MAX_ANSWER: usize = 64 << 10;

/// Hands a request on, and answers as the backend does. What it takes is stored in the book; what it
/// refuses for good is noted there. Of a request that is written in part nothing is: none of the backends
/// of which this is used does that.
pub(super) async fn hand_on(
    url: &str,
    headers: &HeaderMap,
    body: Bytes,
    writing: Writing,
    desk: &Desk,
) -> Answer {
    let (head, text) = match post(url, headers, body).await {
        Ok(answer) => answer,
        Err(error) => return status(StatusCode::BAD_GATEWAY, &format!("{error:#}\n")),
    };
    let code = head.status;
    let message = String::from_utf8_lossy(&text).into_owned();
    // Who speaks 1.0 alone takes a request of 2.0 for an empty one, or refuses it, and does not say what
    // it wrote: all of it comes again in 1.0.
    let is_unsaid = writing.partial && !written::is_said(&head.headers);
    let noted = if is_unsaid {
        true
    } else if code.is_success() {
        let (answer, answered) = oneshot::channel();
        let question = Question::Write { writing, prometheus: false, answer };
        match desk.questions.send(question).await {
            Ok(()) => answered.await.is_ok(),
            Err(_) => false,
        }
    } else if code.is_client_error() && !is_for_later(code) {
        desk.refused(writing, code, message.clone()).await
    } else {
        true
    };
    if !noted {
        return gone();
    }
    let mut answer = status(code, &message);
    for name in written::HEADERS {
        if let Some(count) = head.headers.get(&name) {
            answer.headers_mut().insert(name, count.clone());
        }
    }
    answer
}

/// Whether the same is to be sent again.
fn is_for_later(code: StatusCode) -> bool {
    matches!(code, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

async fn post(url: &str, headers: &HeaderMap, body: Bytes) -> anyhow::Result<(Parts, Bytes)> {
    let mut request = Request::post(url).body(Full::new(body))?;
    for name in WHAT {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let asked = async {
        let (head, body) = client.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
        anyhow::Ok((head, body.to_bytes()))
    };
    tokio::time::timeout(PATIENCE, asked).await.with_context(|| format!("{url} does not answer"))?
}
