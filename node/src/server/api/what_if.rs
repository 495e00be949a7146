//! `GET /api/v1/what-if?leave=NODE` and `?join=NAME`: which targets would move.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use membership::Name;
use ownership::{Key, WhatIf as Change};
use serde::{Deserialize, Serialize};

use super::super::asked::Asked;
use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::{Announced, Thought};

/// Targets that are listed, unless `limit` says otherwise.
const LISTED: usize = 100;

/// Targets that can be listed.
const MAX_LISTED: usize = 1000;

/// What would move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIf {
    /// The node that answers.
    pub node: String,
    /// Who would leave; empty when somebody would join.
    pub leave: String,
    /// Who would join; empty when somebody would leave.
    pub join: String,
    /// Targets of clustered components that the node knows.
    pub targets: usize,
    /// How many of them would move.
    pub moves: usize,
    /// The same by component.
    pub components: Vec<Component>,
    /// How many would move from whom to whom.
    pub flows: Vec<Flow>,
    /// Some of those that would.
    pub examples: Vec<Move>,
    /// Whether there are more.
    pub truncated: bool,
}

/// What would move of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its id.
    pub component: String,
    /// Its targets.
    pub targets: usize,
    /// How many of them would move.
    pub moves: usize,
}

/// What would move between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The owner before.
    pub from: String,
    /// The owner after; empty when there would be none.
    pub to: String,
    /// Targets.
    pub moves: usize,
}

/// A target that would move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Its component.
    pub component: String,
    /// Its key.
    pub key: String,
    /// What is requested.
    pub url: String,
    /// The owner before.
    pub from: String,
    /// The owner after; empty when there would be none.
    pub to: String,
}

pub(in crate::server) async fn answer(context: &Arc<Context>, asked: &Asked) -> Reply {
    if !asked.reads() {
        return reply::method_not_allowed("GET, HEAD");
    }
    let (change, most) = match parse(asked) {
        Ok(parsed) => parsed,
        Err(problem) => return reply::json_error(StatusCode::BAD_REQUEST, problem),
    };
    match context.cluster.what_if(change.clone(), most).await {
        Ok(Ok(thought)) => reply::json(&tell(context, &change, thought)),
        Ok(Err(problem)) => reply::json_error(StatusCode::BAD_REQUEST, problem.to_string()),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

fn parse(asked: &Asked) -> Result<(Change, usize), String> {
    let name = |text: &str| Name::new(text).map_err(|error| format!("{text:?}: {error}"));
    let change = match (asked.query.text("leave"), asked.query.text("join")) {
        ("", "") => return Err("say who would leave or join: ?leave=NODE or ?join=NAME".to_owned()),
        (leave, "") => Change::Leave(name(leave)?),
        ("", join) => Change::Join(name(join)?),
        _ => return Err("one change at a time: ?leave=NODE or ?join=NAME".to_owned()),
    };
    Ok((change, asked.query.number("limit", LISTED, MAX_LISTED)?))
}

fn tell(context: &Context, change: &Change, thought: Thought) -> WhatIf {
    let (leave, join) = match change {
        Change::Leave(name) => (name.to_string(), String::new()),
        Change::Join(name) => (String::new(), name.to_string()),
    };
    let urls = urls(context, &thought);
    let example = |(component, key, from, to): (String, Key, String, String)| Move {
        url: urls.get(&(component.clone(), key)).cloned().unwrap_or_default(),
        key: key.to_string(),
        component,
        from,
        to,
    };
    let moves = thought.matrix.values().sum();
    let component = |(component, (moves, targets))| Component { component, targets, moves };
    WhatIf {
        node: context.cluster.state().borrow().node_name.clone(),
        leave,
        join,
        targets: thought.components.values().map(|(_, targets)| targets).sum(),
        moves,
        truncated: thought.moves.len() < moves,
        components: thought.components.into_iter().map(component).collect(),
        flows: thought
            .matrix
            .into_iter()
            .map(|((from, to), moves)| Flow { from, to, moves })
            .collect(),
        examples: thought.moves.into_iter().map(example).collect(),
    }
}

fn urls(context: &Context, thought: &Thought) -> BTreeMap<(String, Key), String> {
    let mut urls: BTreeMap<(String, Key), String> = thought
        .moves
        .iter()
        .map(|(component, key, ..)| ((component.clone(), *key), String::new()))
        .collect();
    for listed in context.cluster.listed() {
        let component = listed.component.to_string();
        for Announced { key, url, .. } in listed.announced().iter() {
            if let Some(found) = urls.get_mut(&(component.clone(), *key)) {
                found.push_str(url);
            }
        }
    }
    urls
}
