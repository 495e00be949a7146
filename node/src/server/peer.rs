//! What other nodes ask of this one.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use delivery::{Consignment, NotAdopted};
use http::{Method, StatusCode};
use membership::{Name, Refusal};
use ownership::{audit, handover};

use super::api::audit::{DESCRIBE_PATH, FINDINGS_PATH, describe, find};
use super::api::check::{self, CHECK_PATH};
use super::api::explain::{self, HISTORY_PATH};
use super::api::moves::{self, MOVES_PATH};
use super::api::targets;
use super::asked::Asked;
use super::context::Context;
use super::reply::{self, Reply};

use crate::cluster::{AUDIT_PATH, Arrival, CHECKPOINT_PATH, CLAIM_PATH, SYNC_PATH};
use crate::deliveries::{self, ADOPT_PATH, PENDING_PATH};

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
    let stream = context.cluster.seal().streams().hear(asked.body.len());
    let (route, reply) = respond(context, asked).await;
    stream.answer(reply.body().len());
    (route, reply)
}

async fn respond(context: &Arc<Context>, asked: Asked) -> (&'static str, Reply) {
    let seal = context.cluster.seal();
    if asked.stranger && seal.keyring().is_empty() {
        refuse(context, asked.from, &asked.path, &Refusal::Certificate);
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
    let (route, mut reply) = match asked.path.as_str() {
        SYNC_PATH => ("peer_sync", sync(context, payload).await),
        CHECKPOINT_PATH => ("peer_checkpoint", checkpoint(context, payload).await),
        CLAIM_PATH => ("peer_claim", claim(context, payload).await),
        AUDIT_PATH => ("peer_audit", audit(context, payload).await),
        DESCRIBE_PATH => ("peer_describe", told(describe(context, &payload))),
        FINDINGS_PATH => ("peer_findings", told(find(context).await)),
        HISTORY_PATH => ("peer_history", told(explain::remember(context, &payload).await)),
        MOVES_PATH => ("peer_moves", told(moves::tell(context, &payload).await)),
        PENDING_PATH => ("peer_pending", pending(context, &payload).await),
        ADOPT_PATH => ("peer_adopt", adopt(context, payload).await),
        TARGETS_PATH => ("peer_targets", targets(context, &payload).await),
        CHECK_PATH => ("peer_check", check::respond(context, &payload, asked.from).await),
        _ => ("unknown", reply::not_found()),
    };
    if let Some(refusal) = reply.extensions_mut().remove::<Refusal>() {
        refuse(context, asked.from, &asked.path, &refusal);
    }
    if reply.status() != StatusCode::OK {
        return (route, reply);
    }
    let (head, body) = reply.into_parts();
    (route, Reply::from_parts(head, question.answer(&asked.path, body)))
}

/// Counts and writes down that a body for `path` was not acted upon.
pub(super) fn refuse(context: &Context, from: Option<SocketAddr>, path: &str, refusal: &Refusal) {
    // Within the process nobody is refused.
    if let Some(from) = from {
        context.cluster.seal().refuse(from.ip(), path, refusal);
    }
}

/// What a body is answered that does not say what it should.
pub(super) fn senseless(problem: impl Display) -> Reply {
    let problem = problem.to_string();
    refused(StatusCode::BAD_REQUEST, problem.clone(), Refusal::Malformed(problem))
}

/// What a body for another node is answered.
fn misdirected(to: &Name) -> Reply {
    let refusal = Refusal::Misdirected(to.to_string());
    refused(StatusCode::FORBIDDEN, refusal.to_string(), refusal)
}

/// An answer that carries why the body is not acted upon.
fn refused(status: StatusCode, text: String, refusal: Refusal) -> Reply {
    let mut reply = reply::text(status, text);
    reply.extensions_mut().insert(refusal);
    reply
}

/// Why another node is not told what it asks for.
#[derive(Debug)]
pub(super) enum Untold {
    /// Its question cannot be read.
    Malformed(String),
    /// This node cannot tell.
    Unable(String),
}

/// Reads bytes of anybody as every body of the peer API that is read in this crate, questions and
/// answers; the machines' own bodies have fuzz targets of their own. What is read can be said again.
///
/// # Panics
/// When it cannot.
#[cfg(fuzzing)]
pub fn read_as_everything(bytes: &[u8]) {
    super::api::audit::read_as_everything(bytes);
    check::read_as_everything(bytes);
    explain::read_as_everything(bytes);
    moves::read_as_everything(bytes);
    let _ = targets::Wanted::decode(bytes);
    if let Ok(collected) = targets::Collected::decode(bytes) {
        collected.encode().expect("what was read can be said");
    }
    if let Ok(asked) = deliveries::Asked::decode(bytes) {
        let again = asked.encode().expect("what was read can be said");
        assert_eq!(deliveries::Asked::decode(&again), Ok(asked));
    }
    if let Ok(answer) = deliveries::Answer::decode(bytes) {
        let again = answer.encode().expect("what was read can be said");
        assert_eq!(deliveries::Answer::decode(&again), Ok(answer));
    }
    let _ = Consignment::decode(Bytes::copy_from_slice(bytes));
}

/// Another node compares its state with ours.
async fn sync(context: &Context, body: Bytes) -> Reply {
    match context.cluster.sync(body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(refusal)) => reply::text(StatusCode::FORBIDDEN, refusal.to_string()),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node sends checkpoints.
async fn checkpoint(context: &Context, body: Bytes) -> Reply {
    match context.cluster.checkpoint(body).await {
        Ok(Ok(())) => reply::with(StatusCode::OK, CONTENT_TYPE, Bytes::new()),
        Ok(Err(error)) => unanswered(&error),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node claims keys, or offers some.
async fn claim(context: &Context, body: Bytes) -> Reply {
    match context.cluster.claim(body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(error)) => unanswered(&error),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Why a claim, or checkpoints, are not acted upon.
fn unanswered(error: &handover::QuestionError) -> Reply {
    match error {
        handover::QuestionError::Malformed(problem) => senseless(problem),
        handover::QuestionError::Misdirected(to) => misdirected(to),
        // It is asked again, so that is no refusal.
        handover::QuestionError::Busy => reply::text(StatusCode::FORBIDDEN, error.to_string()),
    }
}

/// Another node compares what it knows and collects with this one.
async fn audit(context: &Context, body: Bytes) -> Reply {
    match context.cluster.audit(body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(audit::QuestionError::Malformed(problem))) => senseless(problem),
        Ok(Err(audit::QuestionError::Misdirected(to))) => misdirected(&to),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// What was found out, or why it could not be.
fn told(found: Result<Bytes, Untold>) -> Reply {
    match found {
        Ok(body) => reply::with(StatusCode::OK, CONTENT_TYPE, body),
        Err(Untold::Malformed(problem)) => senseless(problem),
        Err(Untold::Unable(problem)) => reply::text(StatusCode::SERVICE_UNAVAILABLE, problem),
    }
}

/// Another node lists the targets of the cluster.
async fn targets(context: &Arc<Context>, body: &[u8]) -> Reply {
    let wanted = match targets::Wanted::decode(body) {
        Ok(wanted) => wanted,
        Err(problem) => return senseless(problem),
    };
    match targets::collected_here(context, &wanted).await {
        Ok(collected) => match collected.encode() {
            Ok(body) => reply::with(StatusCode::OK, CONTENT_TYPE, body),
            Err(problem) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, problem.to_string()),
        },
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node waits until older samples are delivered.
async fn pending(context: &Context, body: &[u8]) -> Reply {
    let asked = match deliveries::Asked::decode(body) {
        Ok(asked) => asked,
        Err(problem) => return senseless(problem),
    };
    let answer = match context.cluster.deliveries().find(&asked.destination) {
        Some(destination) => destination.pending(&asked.origin).await.ok(),
        // Where the configuration has no such destination, nothing will be delivered to it.
        None if context.is_settled() => Some(delivery::PendingReport::nothing(&asked.origin)),
        None => None,
    };
    let Some(report) = answer else {
        let text = "its configuration is not running, or about to end";
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let delivery::PendingReport { oldest_ms, passes, accepting, .. } = report;
    match (deliveries::Answer { oldest_ms, passes, accepting }).encode() {
        Ok(body) => reply::with(StatusCode::OK, CONTENT_TYPE, body),
        Err(problem) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, problem.to_string()),
    }
}

/// Another node leaves and gives what it could not deliver.
async fn adopt(context: &Context, body: Bytes) -> Reply {
    let consignment = match Consignment::decode(body) {
        Ok(consignment) => consignment,
        Err(malformed) => return senseless(malformed),
    };
    let name = Arc::clone(&consignment.destination);
    if !context.is_settled() {
        let text = "this node is starting or about to end";
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    let Some(destination) = context.cluster.deliveries().find(&name) else {
        let text = format!("there is no destination {name} here: the configurations differ");
        return reply::text(StatusCode::NOT_FOUND, text);
    };
    let status = match destination.adopt(consignment).await {
        Ok(()) => return reply::with(StatusCode::OK, CONTENT_TYPE, Bytes::new()),
        Err(refused @ NotAdopted::Ending) => (StatusCode::SERVICE_UNAVAILABLE, refused),
        Err(refused @ NotAdopted::Full { .. }) => (StatusCode::INSUFFICIENT_STORAGE, refused),
        Err(refused @ NotAdopted::Log(_)) => (StatusCode::INTERNAL_SERVER_ERROR, refused),
    };
    reply::text(status.0, status.1.to_string())
}
