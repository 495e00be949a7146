//! What orchestrators and scrapers ask.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap};
use http::{Method, StatusCode};

use super::asked::Asked;
use super::components::HealthState;
use super::context::Context;
use super::reply::{self, Reply};

/// Whether this node does its work: the configuration runs, the cluster is joined, and what this
/// node owns is collected. What is not as it should be all the same is noted.
pub(super) fn ready(context: &Context) -> Reply {
    match context.unready() {
        None => {
            let mut text = "Shoal is ready.".to_owned();
            for note in context.cluster.state().borrow().notes() {
                text.push_str(&format!("\nNote: {note}."));
            }
            reply::text(StatusCode::OK, text)
        }
        Some(why) => {
            reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("Shoal is not ready: {why}."))
        }
    }
}

/// Whether every component of the root module is healthy, and everything else that the configuration
/// has evaluated, such as imports. Not for liveness probes: a restart makes none of them healthier.
pub(super) fn healthy(context: &Context) -> Reply {
    let broken = |state| matches!(state, HealthState::Unhealthy | HealthState::Exited);
    let mut unhealthy: Vec<String> = Vec::new();
    if let Some(graph) = context.graph() {
        let components = graph.list().into_iter();
        let components = components.filter(|component| component.module_id.is_empty());
        let components = components.filter(|component| broken(component.health.state));
        unhealthy.extend(components.map(|component| component.local_id));
        // Alloy says nothing of these; but who asks here wants to know of them, and asks nowhere else.
        let nodes = graph.config_nodes().into_iter().filter(|node| broken(node.health.state));
        unhealthy.extend(nodes.map(|node| node.id));
    }
    if unhealthy.is_empty() {
        reply::text(StatusCode::OK, "All Shoal components are healthy.")
    } else {
        let text = format!("unhealthy components: {}", unhealthy.join(", "));
        reply::text(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

/// Reads the configuration and the cluster's keys again; one does not wait for the other.
pub(super) async fn reload(context: &Arc<Context>, asked: &Asked) -> Reply {
    if !matches!(asked.method, Method::GET | Method::POST) {
        return reply::method_not_allowed("GET, POST");
    }
    let Some(graph) = context.graph() else {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "no configuration is loaded yet");
    };
    let keys = context.cluster.reload_keys().await;
    let config = graph.reload().await;
    let keys = keys.map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}; the cluster keys stay as they were"),
        None => format!("{error}; the cluster keys stay as they were"),
    });
    match (config, keys) {
        (Ok(()), Ok(())) => reply::text(StatusCode::OK, "config reloaded"),
        (Err(problems), Ok(())) => reply::text(StatusCode::BAD_REQUEST, problems),
        (Ok(()), Err(problem)) => reply::text(StatusCode::BAD_REQUEST, problem),
        (Err(problems), Err(problem)) => {
            reply::text(StatusCode::BAD_REQUEST, format!("{problems}\n{problem}"))
        }
    }
}

/// Drains this node, which then stops: others take over what it collects, and what it has is
/// delivered. Answers once others have taken over.
pub(super) async fn drain(context: &Arc<Context>, asked: &Asked) -> Reply {
    if asked.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    let left = context.cluster.leave().await;
    // A permit is kept for whoever waits next, so that it is not lost.
    context.drain().notify_one();
    let drained = match left {
        Ok(()) => context.cluster.drained().await,
        Err(closed) => Err(closed),
    };
    match drained {
        Ok(()) => reply::text(StatusCode::OK, "drained; stopping"),
        Err(_) => reply::text(StatusCode::OK, "stopping; not everything was taken over"),
    }
}

/// What this process says about itself.
pub(super) fn metrics(context: &Context, headers: &HeaderMap) -> Reply {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (content_type, page) = if accepts.contains("application/openmetrics-text") {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        (content_type, context.registry.open_metrics())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", context.registry.text())
    };
    reply::with(StatusCode::OK, content_type, Bytes::from(page))
}
