//! `/api/v0/web/...`: components and peers in the JSON of Alloy's UI.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::components::Component;
use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::ClusterState;

/// One peer as Alloy lists it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Peer<'a> {
    name: &'a str,
    addr: String,
    #[serde(rename = "isSelf")]
    is_self: bool,
    /// `viewer`, `participant` or `terminating`. Alloy leaves viewers out; Shoal does not.
    state: &'a str,
}

pub(in crate::server) async fn answer(context: &Arc<Context>, path: &str, asked: &Asked) -> Reply {
    if !asked.reads() {
        return reply::method_not_allowed("GET, HEAD");
    }
    if path == "peers" {
        return reply::json(&peers(&context.cluster.state().borrow()));
    }
    let Some(graph) = context.graph() else {
        return reply::json_error(
            StatusCode::SERVICE_UNAVAILABLE,
            "no configuration is loaded yet",
        );
    };
    if path == "components" {
        return reply::json(&in_module(graph.list(), ""));
    }
    if let Some(id) = path.strip_prefix("components/") {
        return match graph.detail(id).await {
            Some(detail) => reply::json(&detail),
            None => reply::json_error(StatusCode::NOT_FOUND, format!("no component {id:?}")),
        };
    }
    let module = path.strip_prefix("modules/").and_then(|path| path.strip_suffix("/components"));
    if let Some(module) = module {
        let components = in_module(graph.list(), module);
        if components.is_empty() {
            return reply::json_error(StatusCode::NOT_FOUND, format!("no module {module:?}"));
        }
        return reply::json(&components);
    }
    reply::json_error(StatusCode::NOT_FOUND, "no such API")
}

fn in_module(components: Vec<Component>, module: &str) -> Vec<Component> {
    components.into_iter().filter(|component| component.module_id == module).collect()
}

fn peers(state: &ClusterState) -> Vec<Peer<'_>> {
    let peer = |peer: &'_ crate::cluster::PeerStatus| -> (String, bool, &'static str) {
        let state = match peer.state {
            "joining" => "viewer",
            "leaving" => "terminating",
            state => state,
        };
        (peer.address.to_string(), peer.is_self, state)
    };
    let row = |status| {
        let (addr, is_self, state) = peer(status);
        Peer { name: &status.name, addr, is_self, state }
    };
    state.peers.iter().map(row).collect()
}
