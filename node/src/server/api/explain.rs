//! `GET /api/v1/explain?target=`: why a target is where it is.
//!
//! `target` is a key in hexadecimal, a URL, or words as in a search. The answer:
//!
//! ```json
//! {"truncated": false, "missing": [], "forgotten": [], "matches": [{
//!   "component": "prometheus.scrape.a", "key": "9f..", "url": "http://..", "clustered": true,
//!   "hashed": {"component": "prometheus.scrape.a", "url": "http://..", "labels": {"job": "a"}},
//!   "owner": "b", "deputy": "a", "ranking": ["b", "a", "c"], "node": "a", "collected_here": false,
//!   "moves": [{"at": "2026-..", "from": "a", "to": "b", "cause": "join"}],
//!   "history": [{"node": "b", "at": "2026-..", "action": "start", "from": "a", "to": "b",
//!     "cause": "join", "took_seconds": 0.004, "gap_seconds": 0.0,
//!     "gap_at_most_seconds": null, "gap_open": false, "overlap": false, "overlap_seconds": 0.0}]}]}
//! ```
//!
//! A node remembers the last 4,096 targets that it started or stopped, and two for each
//! target that it collects where these are more than 2,048: those that have done more are `forgotten`, so that the first of a history
//! may not be there. `moves` follow from the changes of the cluster that the answering node saw since it knows the target,
//! and begin with what brought it, or with who had it before; `history` is what the nodes did, all that answer. The gap of a move is
//! the ticks that it missed times the interval: measured where the node before left its last tick, at
//! most so long where that node was out of reach and had the target until then, and open until the new
//! one collected a tick. `cause` is `join`, `leave`, `crash`, `discovery`, `reload`, `cover` (its owner did
//! not know the target), `size` or `withdrawal`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::asked::Asked;
use super::super::context::Context;
use super::super::reply::{self, Reply};
use super::search::Search;
use crate::cluster::{Announced, Closed, KeyHistory, KeyQuestion, Listed, Recorded};
use crate::telemetry::clock;

mod history;

pub use history::History;
use history::Told;
pub(in crate::server) use history::{HISTORY_PATH, remember};

/// Targets explained in one answer.
const MAX_MATCHES: usize = 20;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// There are more targets like this.
    pub truncated: bool,
    /// Nodes that did not answer: what they did is not in the history.
    pub missing: Vec<String>,
    /// Nodes that did so much that they have forgotten what they did first.
    pub forgotten: Vec<String>,
    /// The targets.
    pub matches: Vec<Match>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Its component.
    pub component: String,
    /// Its key.
    pub key: String,
    /// What is requested.
    pub url: String,
    /// Whether the component shares its targets.
    pub clustered: bool,
    /// What the key is a hash of.
    pub hashed: Hashed,
    /// Who should collect it.
    pub owner: String,
    /// Who would, were the owner gone.
    pub deputy: String,
    /// All participants in the order of their rank.
    pub ranking: Vec<String>,
    /// The node that answers.
    pub node: String,
    /// Whether that node collects it.
    pub collected_here: bool,
    /// How it changed owners since the node that answers knows it.
    pub moves: Vec<Move>,
    /// What the nodes did about it, oldest first.
    pub history: Vec<History>,
}

/// What a key is a hash of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// The component.
    pub component: String,
    /// What is requested.
    pub url: String,
    /// What is written.
    pub labels: BTreeMap<String, String>,
}

/// A change of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// When, in RFC 3339.
    pub at: String,
    /// The owner before.
    pub from: String,
    /// The owner after.
    pub to: String,
    /// Why.
    pub cause: String,
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

async fn explain(context: &Arc<Context>, target: &str) -> Result<Explanation, Closed> {
    let node = context.cluster.state().borrow().node_name.clone();
    let (found, truncated) = find(context, target);
    let keys = found.iter().filter(|(listed, _)| listed.clustered);
    let keys = keys.map(|(listed, target)| (listed.component.to_string(), target.key.as_u64()));
    let (others, missing) = history::ask(context, keys.collect()).await;
    let forgetful = others.iter().filter(|(_, remembered)| remembered.forgotten);
    let mut forgotten: Vec<String> = forgetful.map(|(node, _)| node.clone()).collect();
    let others: Vec<Told> =
        others.into_iter().flat_map(|(_, remembered)| remembered.told).collect();
    let mut matches = Vec::new();
    for (listed, target) in found {
        let component = listed.component.to_string();
        let question = KeyQuestion { component: component.clone(), key: target.key };
        let mut known = context.cluster.explain(question).await?;
        let mut records: Vec<(String, Recorded)> =
            known.records.drain(..).map(|record| (node.clone(), record)).collect();
        if known.forgotten && !forgotten.contains(&node) {
            forgotten.push(node.clone());
        }
        let of_key = others.iter().filter(|told| told.is_of(&component, target.key));
        records.extend(of_key.map(|told| (told.node.clone(), told.record.clone())));
        records.sort_by_key(|(_, record)| record.at);
        let history = History::of(&records, target.key, target.interval);
        matches.push(describe(&listed, &target, &node, known, history));
    }
    forgotten.sort();
    Ok(Explanation { truncated, missing, forgotten, matches })
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

fn describe(
    listed: &Listed,
    target: &Announced,
    node: &str,
    known: KeyHistory,
    history: Vec<History>,
) -> Match {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let component = listed.component.to_string();
    let ranking = if listed.clustered { known.ranking } else { vec![node.to_owned()] };
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
        collected_here: known.running || !listed.clustered,
        ranking,
        // Nobody else ever had what is not shared.
        moves: known
            .moves
            .into_iter()
            .filter(|_| listed.clustered)
            .map(|m| Move { at: clock::rfc3339(m.at), from: m.from, to: m.to, cause: m.cause })
            .collect(),
        history,
    }
}

/// See [`read_as_everything`](crate::server::read_as_everything).
#[cfg(fuzzing)]
pub(in crate::server) fn read_as_everything(bytes: &[u8]) {
    let _ = history::decode_question(bytes);
    let _ = history::decode_answer(bytes);
}
