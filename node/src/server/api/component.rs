//! `/api/v0/component/{id}/...`: requests that a component answers itself.

use std::sync::Arc;

use http::{Request, StatusCode};

use super::super::asked::Asked;
use super::super::components::{Component, ComponentRequest};
use super::super::context::Context;
use super::super::reply::{self, Reply};

/// Finds the component by the longest id that the path begins with: ids in modules contain slashes,
/// and so may what follows.
pub(in crate::server) async fn answer(context: &Arc<Context>, path: &str, asked: Asked) -> Reply {
    let Some(graph) = context.graph() else {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "no configuration is loaded yet");
    };
    let ids: Vec<String> = graph.list().iter().map(Component::id).collect();
    let rest_of = |id: &String| {
        let rest = path.strip_prefix(id.as_str())?;
        let whole = rest.is_empty() || rest.starts_with('/');
        whole.then(|| rest.trim_start_matches('/').to_owned())
    };
    let candidates = ids.iter().filter_map(|id| Some((id, rest_of(id)?)));
    let Some((id, rest)) = candidates.max_by_key(|(id, _)| id.len()) else {
        return reply::text(StatusCode::NOT_FOUND, format!("no component has an id in {path:?}"));
    };
    let mut request = Request::new(asked.body);
    *request.method_mut() = asked.method;
    *request.headers_mut() = asked.headers;
    let request = ComponentRequest { id: id.clone(), path: rest, request: Arc::new(request) };
    let answer = graph.serve(request).await;
    let none = || reply::text(StatusCode::NOT_FOUND, format!("{id} serves nothing there"));
    answer.unwrap_or_else(none)
}
