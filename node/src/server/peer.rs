//! What other nodes ask of this one.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::api::targets;
use super::context::Context;
use super::reply::{self, Reply};
use super::router::Asked;

pub(super) use crate::cluster::SYNC_PATH;

/// The targets that a node collects: [`targets::Wanted`] in, [`targets::Collected`] out.
pub(super) const TARGETS_PATH: &str = "/api/v1/peer/targets";

const CONTENT_TYPE: &str = "application/octet-stream";

/// Another node compares its state with ours.
pub(super) async fn sync(context: &Context, asked: Asked) -> Reply {
    if asked.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    match context.cluster.sync(asked.body).await {
        Ok(Ok(answer)) => reply::with(StatusCode::OK, CONTENT_TYPE, answer),
        Ok(Err(refusal)) => reply::text(StatusCode::FORBIDDEN, refusal.to_string()),
        Err(closed) => reply::text(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Another node lists the targets of the cluster.
pub(super) async fn targets(context: &Arc<Context>, asked: Asked) -> Reply {
    if asked.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    let wanted = match targets::Wanted::decode(&asked.body) {
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
