//! What all nodes did about some targets.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ownership::Key;
use serde::{Deserialize, Serialize};

use super::super::super::context::Context;
use super::super::super::peer::Untold;
use super::super::everybody::{self, Question};
use crate::cluster::{Gap, KeyQuestion, Recorded};
use crate::telemetry::clock;
use crate::wire::{self, Malformed};

#[cfg(test)]
mod tests;

/// The path of the question: components and keys in, [`Remembered`] out.
pub(in crate::server) const HISTORY_PATH: &str = "/api/v1/peer/history";

/// How long a peer may take.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// Targets in one question.
const MAX_KEYS: usize = super::MAX_MATCHES;

/// What one node tells of one target at most, its last doings.
const MAX_RECORDS: usize = 50;

/// The longest question and the longest answer, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a node did about a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The node.
    pub node: String,
    /// When, in RFC 3339, by its clock.
    pub at: String,
    /// `start` or `stop`.
    pub action: String,
    /// Who collected it before, as far as that node knew.
    pub from: String,
    /// Who collects it now; empty when it is gone.
    pub to: String,
    /// Why.
    pub cause: String,
    /// Of a start: for how long the node wanted the target before it had it.
    pub took_seconds: f64,
    /// Of a start: for how long the target had no tick, the ticks missed times the interval, up to the
    /// first that this node collected; null before that (see `gap_open`), when the node before could not
    /// say what its last tick was, and when the target has no ticks.
    pub gap_seconds: Option<f64>,
    /// Of a start that takes over from a node out of reach: what the gap is at most, counted from when
    /// that node was last heard from. Null when the gap is measured, and when nothing is known.
    pub gap_at_most_seconds: Option<f64>,
    /// Of a start: whether this node collects the target and has no tick yet, so that the gap will be known.
    pub gap_open: bool,
    /// Of a start: whether both nodes may have collected it for a while.
    pub overlap: bool,
    /// For how long they did, by their clocks: 0 when the node before had stopped; null while they do,
    /// and when the other one left no word.
    pub overlap_seconds: Option<f64>,
}

impl History {
    /// What nodes did about one target, oldest first.
    pub(super) fn of(
        records: &[(String, Recorded)],
        key: Key,
        interval: Option<NonZeroU64>,
    ) -> Vec<Self> {
        let one = |index| Self::new(records, index, key, interval);
        (0..records.len()).map(one).collect()
    }

    fn new(
        records: &[(String, Recorded)],
        index: usize,
        key: Key,
        interval: Option<NonZeroU64>,
    ) -> Self {
        let (node, record) = &records[index];
        let gap = interval.and_then(|interval| Gap::of(record, key, interval));
        let ends = |(other, later): &(String, Recorded)| other == node && later.action == "stop";
        Self {
            node: node.clone(),
            at: clock::rfc3339(record.at),
            action: record.action.clone(),
            from: record.from.clone(),
            to: record.to.clone(),
            cause: record.cause.clone(),
            took_seconds: record.took_micros as f64 / 1e6,
            gap_seconds: gap.and_then(Gap::measured_seconds),
            gap_at_most_seconds: gap.and_then(Gap::at_most_seconds),
            gap_open: gap == Some(Gap::Open) && !records[index..].iter().any(ends),
            overlap: record.overlap,
            overlap_seconds: beside(records, index).map(|millis| millis as f64 / 1e3),
        }
    }
}

/// For how many milliseconds the start at `index` went beside another node, which ran already if the
/// next that is known of it is that it stopped, or that it was left alone with the target. Not known
/// while both go on, and nothing when it is no start.
fn beside(records: &[(String, Recorded)], index: usize) -> Option<i64> {
    let ((node, start), later) = (&records[index], &records[index + 1..]);
    if start.action != "start" {
        return None;
    }
    if !start.overlap {
        return Some(0);
    }
    let own = later.iter().find(|(other, _)| other == node).map(|(_, own)| own);
    let own = own.filter(|own| own.action == "stop");
    let mut seen = BTreeSet::from([node]);
    let mut until = None;
    for (other, record) in later {
        if seen.insert(other) && record.action == "stop" {
            until = until.max(Some(own.map_or(record.at, |own| own.at.min(record.at))));
        }
    }
    if let Some(own) = own
        && !own.to.is_empty()
        && !seen.contains(&own.to)
    {
        until = Some(own.at);
    }
    until.map(|until| until - start.at)
}

/// What another node did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) node: String,
    component: String,
    key: u64,
    pub(super) record: Recorded,
}

/// What another node remembers of some targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// It has forgotten what it did first.
    pub(super) forgotten: bool,
    pub(super) told: Vec<Told>,
}

impl Told {
    pub(super) fn is_of(&self, component: &str, key: Key) -> bool {
        self.component == component && self.key == key.as_u64()
    }
}

/// Asks all other nodes. Their answers with their names; those that do not answer are named.
pub(super) async fn ask(
    context: &Arc<Context>,
    keys: Vec<(String, u64)>,
) -> (Vec<(String, Remembered)>, Vec<String>) {
    let Ok(body) = wire::encode(&keys) else { return Default::default() };
    if keys.is_empty() {
        return Default::default();
    }
    let question = Question { path: HISTORY_PATH, body, longest: MAX_BODY, timeout: PEER_TIMEOUT };
    let (answers, missing) = everybody::ask(context, question, |_| true, read).await;
    let missing = missing.into_iter().map(|silent| format!("{}: {}", silent.node, silent.error));
    (answers, missing.collect())
}

/// What `node` answers: it tells of itself, and of times that there are.
fn read(node: &str, body: &[u8]) -> Result<Remembered, String> {
    let remembered = decode_answer(body).map_err(|error| error.to_string())?;
    for Told { node: of, record, .. } in &remembered.told {
        if of != node {
            return Err(format!("it tells what {of} did"));
        }
        let instants = [Some(record.at), record.last_tick, record.first_tick, record.last_heard];
        if let Some(odd) = instants.into_iter().flatten().find(|at| !clock::is_plausible(*at)) {
            return Err(format!("{odd} is no time"));
        }
    }
    Ok(remembered)
}

/// Answers another node.
///
/// # Errors
///
/// When the question makes no sense, or this node cannot tell.
pub(in crate::server) async fn remember(context: &Context, body: &[u8]) -> Result<Bytes, Untold> {
    let keys = decode_question(body).map_err(|error| Untold::Malformed(error.to_string()))?;
    let unable = |error: &dyn std::error::Error| Untold::Unable(error.to_string());
    let node = context.cluster.state().borrow().node_name.clone();
    let mut remembered = Remembered::default();
    for (component, key) in keys.into_iter().take(MAX_KEYS) {
        let question = KeyQuestion { component: component.clone(), key: Key::from(key) };
        let known = context.cluster.explain(question).await.map_err(|error| unable(&error))?;
        let skip = known.records.len().saturating_sub(MAX_RECORDS);
        remembered.forgotten |= known.forgotten;
        remembered.told.extend(known.records.into_iter().skip(skip).map(|record| Told {
            node: node.clone(),
            component: component.clone(),
            key,
            record,
        }));
    }
    wire::encode(&remembered).map_err(|error| unable(&error))
}

/// The question: components and keys.
pub(super) fn decode_question(body: &[u8]) -> Result<Vec<(String, u64)>, Malformed> {
    wire::decode::<_, MAX_BODY>(body)
}

/// The answer.
pub(super) fn decode_answer(body: &[u8]) -> Result<Remembered, Malformed> {
    wire::decode::<_, MAX_BODY>(body)
}
