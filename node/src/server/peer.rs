//! What other nodes ask of this one.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::api::targets;
use super::context::Context;
use super::reply::{self, Reply};
use super::router::Asked;

use crate::cluster::{Arrival, CLAIM_PATH, SYNC_PATH};

/// The targets that a node collects: [`targets::Wanted`] in, [`targets::Collected`] out.
pub(super) const TARGETS_PATH: &str = "/api/v1/peer/targets";

/// The beginning of all paths that are for other nodes only.
pub(super) const PREFIX: &str = "/api/v1/peer/";

const CONTENT_TYPE: &str = "application/octet-stream";

/// Answers another node; nobody else, if the cluster has a key or its nodes show certificates. The
/// route's name, for the metrics, and the answer.
pub(super) async fn answer(context: &Arc<Context>, asked: Asked) -> (&'static str, Reply) {
    if asked.method != Method::POST {
        return ("peer", reply::method_not_allowed("POST"));
    }
    let seal = context.cluster.seal();
    if asked.stranger && seal.keyring().is_empty() {
        let text = "show a certificate: --cluster.tls-cert-path and --cluster.tls-key-path";
        return ("peer_refused", reply::text(StatusCode::FORBIDDEN, text));
    }
    let source = asked.from.map(|from| from.ip());
    let question = match seal.hear(source, &asked.path, asked.body) {
        Ok(Arrival::Question(question)) => question,
        Ok(Arrival::Introduce(body)) => {
            return ("peer_introduction", reply::with(StatusCode::OK, CONTENT_TYPE, body));
        }
        Err(refusal) => {
            return ("peer_refused", reply::text(StatusCode::FORBIDDEN, refusal.to_string()));
        }
    };
    let payload = question.payload.clone();
    let (route, reply) = match asked.path.as_str() {
        SYNC_PATH => ("peer_sync", sync(context, payload).await),
        CLAIM_PATH => ("peer_claim", claim(context, payload).await),
        TARGETS_PATH => ("peer_targets", targets(context, &payload).await),
        _ => ("unknown", reply::not_found()),
    };
    if reply.status() != StatusCode::OK {
        return (route, reply);
    }
    let (head, body) = reply.into_parts();
    (route, Reply::from_parts(head, question.answer(&asked.path, body)))
}

/// Another node compares its state with ours.
async fn sync(context: &Context, body: Bytes) -> Reply {
    match context.cluster.sync(body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(refusal)) => reply::text(StatusCode::FORBIDDEN, refusal.to_string()),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node claims keys, or offers some.
async fn claim(context: &Context, body: Bytes) -> Reply {
    match context.cluster.claim(body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(error)) => reply::text(StatusCode::FORBIDDEN, error.to_string()),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node lists the targets of the cluster.
async fn targets(context: &Arc<Context>, body: &[u8]) -> Reply {
    let wanted = match targets::Wanted::decode(body) {
        Ok(wanted) => wanted,
        Err(problem) => return reply::text(StatusCode::BAD_REQUEST, problem),
    };
    match targets::collected_here(context, &wanted).await {
        Ok(collected) => match collected.encode() {
            Ok(body) => reply::with(StatusCode::OK, CONTENT_TYPE, body.into()),
            Err(problem) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, problem),
        },
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}
