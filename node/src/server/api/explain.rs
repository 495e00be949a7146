//! `GET /api/v1/explain?target=`: why a target is where it is.
//!
//! `target` is a key in hexadecimal, a URL, or words as in a search. The answer:
//!
//! ```json
//! {"truncated": false, "matches": [{
//!   "component": "prometheus.scrape.a", "key": "9f..", "url": "http://..", "clustered": true,
//!   "hashed": {"component": "prometheus.scrape.a", "url": "http://..", "labels": {"job": "a"}},
//!   "owner": "b", "deputy": "a", "ranking": ["b", "a", "c"], "node": "a", "collected_here": false,
//!   "moves": [{"at": "2026-..", "from": "a", "to": "b", "cause": "join"}],
//!   "here": [{"at": "2026-..", "action": "stop", "to": "b", "cause": "join"}]}]}
//! ```
//!
//! `moves` follow from the changes of the cluster that the answering node saw; `here` is what that
//! node did.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::super::context::Context;
use super::super::reply::{self, Reply};
use super::super::router::Asked;
use super::search::Search;
use crate::cluster::{Announced, Closed, KeyHistory, KeyQuestion, Listed};
use crate::telemetry::clock;

/// Targets explained in one answer.
const MAX_MATCHES: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Explanation {
    truncated: bool,
    matches: Vec<Match>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Match {
    component: String,
    key: String,
    url: String,
    clustered: bool,
    hashed: Hashed,
    owner: String,
    deputy: String,
    ranking: Vec<String>,
    node: String,
    collected_here: bool,
    moves: Vec<Move>,
    here: Vec<Action>,
}

/// What the key is a hash of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Hashed {
    component: String,
    url: String,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Move {
    at: String,
    from: String,
    to: String,
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Action {
    at: String,
    action: String,
    to: String,
    cause: String,
}

pub(in crate::server) async fn answer(context: &Arc<Context>, asked: &Asked) -> Reply {
    if !asked.reads() {
        return reply::method_not_allowed("GET, HEAD");
    }
    let target = asked.query.text("target");
    if target.is_empty() {
        let problem = "say which target: a key, a URL, or words of it";
        return reply::json_error(StatusCode::BAD_REQUEST, problem);
    }
    match explain(context, target).await {
        Ok(explanation) if explanation.matches.is_empty() => {
            let problem = format!("this node knows no target like {target:?}");
            reply::json_error(StatusCode::NOT_FOUND, problem)
        }
        Ok(explanation) => reply::json(&explanation),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

async fn explain(context: &Context, target: &str) -> Result<Explanation, Closed> {
    let node = context.cluster.state().borrow().node_name.clone();
    let (found, truncated) = find(context, target);
    let mut matches = Vec::new();
    for (listed, target) in found {
        let question = KeyQuestion { component: listed.component.to_string(), key: target.key };
        let history = context.cluster.explain(question).await?;
        matches.push(describe(&listed, &target, &node, history));
    }
    Ok(Explanation { truncated, matches })
}

/// An exact key or URL if there is one, else whatever the words occur in.
fn find(context: &Context, target: &str) -> (Vec<(Listed, Announced)>, bool) {
    let exact = |t: &Announced| *t.url == *target || t.key.to_string() == target;
    let found = collect(context, |_, target| exact(target));
    if !found.0.is_empty() {
        return found;
    }
    let search = Search::new(target);
    collect(context, |component, target| search.matches(component, target))
}

fn collect(
    context: &Context,
    wanted: impl Fn(&str, &Announced) -> bool,
) -> (Vec<(Listed, Announced)>, bool) {
    let mut found = Vec::new();
    for listed in context.cluster.listed() {
        for target in listed.announced().iter().filter(|t| wanted(&listed.component, t)) {
            if found.len() == MAX_MATCHES {
                return (found, true);
            }
            found.push((listed.clone(), target.clone()));
        }
    }
    (found, false)
}

fn describe(listed: &Listed, target: &Announced, node: &str, history: KeyHistory) -> Match {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let component = listed.component.to_string();
    let ranking = if listed.clustered { history.ranking } else { vec![node.to_owned()] };
    let mut ranked = ranking.iter().cloned();
    Match {
        key: target.key.to_string(),
        url: target.url.to_string(),
        clustered: listed.clustered,
        hashed: Hashed {
            component: component.clone(),
            url: target.url.to_string(),
            labels: target.labels.iter().map(own).collect(),
        },
        component,
        owner: ranked.next().unwrap_or_default(),
        deputy: ranked.next().unwrap_or_default(),
        node: node.to_owned(),
        collected_here: history.running || !listed.clustered,
        ranking,
        moves: history
            .moves
            .into_iter()
            .map(|m| Move { at: clock::rfc3339(m.at), from: m.from, to: m.to, cause: m.cause })
            .collect(),
        here: history
            .records
            .into_iter()
            .map(|r| Action {
                at: clock::rfc3339(r.at),
                action: r.action,
                to: r.to,
                cause: r.cause,
            })
            .collect(),
    }
}
