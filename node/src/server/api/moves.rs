//! `GET /api/v1/moves?limit=`: what moved lately in the whole cluster, asked of any node.
//!
//! Starts and stops in sums: those of one node in one second, for one reason, between the same nodes.
//! The answer, newest first:
//!
//! ```json
//! {"truncated": false, "partial": true,
//!  "missing": [{"node": "c", "address": "10.0.0.3:12345", "error": "no answer in 2s"}],
//!  "moves": [{"node": "b", "at": "2026-..", "action": "start", "cause": "crash", "from": "a",
//!    "to": "b", "targets": 12, "took_seconds": 0.004, "gaps_measured": 0, "gap_seconds": null,
//!    "gaps_bounded": 12, "gap_at_most_seconds": 4.0, "gaps_open": 0,
//!    "overlaps": 12}]}
//! ```
//!
//! Of the targets of a line, the gap of so many was measured, of so many is known what it was at most, and
//! so many have no tick so far; the seconds are those of the longest, as in `/api/v1/explain`. `limit` is 100 by default and 1000 at
//! most; `truncated` says that there is more, or was: a node remembers the last 4,096 starts and stops, or two
//! for each target that it collects where these are more than 2,048, and tells the last 16,384. What a node did that does not answer, or is gone, is
//! not there.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use membership::Name;
use ownership::handover::MoveCause;
use serde::{Deserialize, Serialize};

use super::super::asked::Asked;
use super::super::context::Context;
use super::super::peer::Untold;
use super::super::reply::{self, Reply};
use super::audit::Missing;
use super::everybody::{self, Question};
use crate::cluster::{Closed, Doings, Done, Gap};
use crate::telemetry::clock;
use crate::wire;

#[cfg(test)]
mod tests;

/// The path of the question: how many sums are wanted in, [`Sums`] out.
pub(in crate::server) const MOVES_PATH: &str = "/api/v1/peer/moves";

/// Lines in one answer.
const MAX_LIMIT: usize = 1000;

/// How long a peer may take.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest answer of a peer, in bytes: [`MAX_LIMIT`] sums with two names and a cause are a quarter
/// of it.
const MAX_BODY: usize = 1 << 20;

/// What a node did within a second for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    /// When the first of it was, in milliseconds since the Unix epoch.
    at: i64,
    cause: String,
    from: String,
    to: String,
    started: bool,
    targets: u64,
    gaps_measured: u64,
    /// The longest of them, in milliseconds; the same below.
    gap: u64,
    gaps_bounded: u64,
    gap_at_most: u64,
    gaps_open: u64,
    overlaps: u64,
    took_micros: u64,
}

/// What a node did lately, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    /// It did more than that, before.
    truncated: bool,
    sums: Vec<Sum>,
}

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Moves {
    /// There are more, or were.
    pub truncated: bool,
    /// Some nodes did not answer.
    pub partial: bool,
    /// These.
    pub missing: Vec<Missing>,
    /// What the others did, newest first.
    pub moves: Vec<Move>,
}

/// What a node did within a second for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Move {
    /// The node.
    pub node: String,
    /// When the first of it was, in RFC 3339, by its clock.
    pub at: String,
    /// The same in milliseconds since the Unix epoch.
    #[serde(skip)]
    pub at_ms: i64,
    /// `start` or `stop`.
    pub action: &'static str,
    /// Why, see [`MoveCause::as_str`].
    pub cause: &'static str,
    /// Who collected the targets before; empty when nobody did or nobody knows.
    pub from: String,
    /// Who collects them now; empty when they are gone.
    pub to: String,
    /// How many.
    pub targets: u64,
    /// Of a start: the longest time from wanting one to starting it.
    pub took_seconds: f64,
    /// Of how many the gap was measured.
    pub gaps_measured: u64,
    /// The longest of these gaps.
    pub gap_seconds: Option<f64>,
    /// Of how many is known what the gap was at most.
    pub gaps_bounded: u64,
    /// The longest of these.
    pub gap_at_most_seconds: Option<f64>,
    /// How many have no tick yet: their gaps are known with the first.
    pub gaps_open: u64,
    /// How many two nodes may have collected for a while.
    pub overlaps: u64,
}

impl Moves {
    /// Who did not answer and why, as texts.
    pub fn silent(&self) -> impl Iterator<Item = String> {
        self.missing.iter().map(|missing| format!("{} ({})", missing.node, missing.error))
    }
}

impl Move {
    /// What `node` says it did.
    ///
    /// # Errors
    ///
    /// When that cannot be: a node tells of itself, and of nodes and reasons that there are.
    fn new(node: &str, sum: Sum) -> Result<Self, String> {
        let cause = MoveCause::ALL.into_iter().find(|cause| cause.as_str() == sum.cause);
        let cause = cause.ok_or_else(|| format!("{:?} is no reason to move", sum.cause))?;
        let itself = if sum.started { &sum.to } else { &sum.from };
        let name = |name: &str| name.is_empty() || Name::new(name).is_ok();
        if itself != node || !name(&sum.from) || !name(&sum.to) {
            return Err(format!("{node} tells of a move from {:?} to {:?}", sum.from, sum.to));
        }
        if !clock::is_plausible(sum.at) {
            return Err(format!("{} is no time", sum.at));
        }
        let seconds = |of: u64, millis: u64| (of > 0).then_some(millis as f64 / 1e3);
        Ok(Self {
            node: node.to_owned(),
            at: clock::rfc3339(sum.at),
            at_ms: sum.at,
            action: if sum.started { "start" } else { "stop" },
            cause: cause.as_str(),
            targets: sum.targets,
            took_seconds: sum.took_micros as f64 / 1e6,
            gaps_measured: sum.gaps_measured,
            gap_seconds: seconds(sum.gaps_measured, sum.gap),
            gaps_bounded: sum.gaps_bounded,
            gap_at_most_seconds: seconds(sum.gaps_bounded, sum.gap_at_most),
            gaps_open: sum.gaps_open,
            overlaps: sum.overlaps,
            from: sum.from,
            to: sum.to,
        })
    }
}

pub(in crate::server) async fn answer(context: &Arc<Context>, asked: &Asked) -> Reply {
    if !asked.reads() {
        return reply::method_not_allowed("GET, HEAD");
    }
    let limit = match asked.query.number("limit", 100, MAX_LIMIT) {
        Ok(limit) => limit,
        Err(problem) => return reply::json_error(StatusCode::BAD_REQUEST, problem),
    };
    match of(context, limit).await {
        Ok(moves) => reply::json(&moves),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Asks every node and puts the answers together, the last `limit` of them.
pub(in crate::server) async fn of(context: &Arc<Context>, limit: usize) -> Result<Moves, Closed> {
    let node = context.cluster.state().borrow().node_name.clone();
    // One more than is wanted tells whether there are more.
    let wanted = limit + 1;
    let question = Question {
        path: MOVES_PATH,
        body: wire::encode(&(wanted as u64)).expect("a number can be said"),
        longest: MAX_BODY,
        timeout: PEER_TIMEOUT,
    };
    let asking = everybody::ask(context, question, |_| true, read);
    let (own, (others, missing)) = tokio::join!(here(context, wanted), asking);
    let own = own?;
    let mut truncated = own.truncated;
    let mut moves: Vec<Move> =
        own.sums.into_iter().filter_map(|sum| Move::new(&node, sum).ok()).collect();
    for (_, (theirs, of)) in others {
        truncated |= theirs;
        moves.extend(of);
    }
    moves.sort_by(|a, b| (b.at_ms, &a.node).cmp(&(a.at_ms, &b.node)));
    truncated |= moves.len() > limit;
    moves.truncate(limit);
    Ok(Moves { truncated, partial: !missing.is_empty(), missing, moves })
}

/// What this node did, newest first.
async fn here(context: &Context, count: usize) -> Result<Sums, Closed> {
    let Doings { done, truncated } = context.cluster.done().await?;
    let known = context.cluster.listed();
    let mut intervals: BTreeMap<(&str, u64), Option<NonZeroU64>> =
        done.iter().map(|done| ((done.component.as_str(), done.key.as_u64()), None)).collect();
    for listed in &known {
        for target in listed.announced().iter() {
            if let Some(found) = intervals.get_mut(&(&*listed.component, target.key.as_u64())) {
                *found = target.interval;
            }
        }
    }
    let interval = |done: &Done| {
        intervals.get(&(done.component.as_str(), done.key.as_u64())).copied().flatten()
    };
    Ok(Sums { truncated, sums: sums(&done, interval, count) })
}

/// Whether each target that was started was stopped again.
fn ended(done: &[Done]) -> Vec<bool> {
    let (mut stopped, mut ended) = (BTreeSet::new(), vec![false; done.len()]);
    for (one, ended) in done.iter().zip(&mut ended).rev() {
        let target = (one.component.as_str(), one.key);
        match one.record.action.as_str() {
            "start" => *ended = stopped.contains(&target),
            _ => drop(stopped.insert(target)),
        }
    }
    ended
}

/// In sums of a second each, the last `count` of them, newest first.
fn sums(done: &[Done], interval: impl Fn(&Done) -> Option<NonZeroU64>, count: usize) -> Vec<Sum> {
    let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
    for (one, ended) in done.iter().zip(ended(done)) {
        let record = &one.record;
        let started = record.action == "start";
        let second = record.at.div_euclid(1000);
        let group = (second, &record.cause, &record.from, &record.to, started);
        let sum = sums.entry(group).or_insert_with(|| Sum {
            at: record.at,
            cause: record.cause.clone(),
            from: record.from.clone(),
            to: record.to.clone(),
            started,
            targets: 0,
            gaps_measured: 0,
            gap: 0,
            gaps_bounded: 0,
            gap_at_most: 0,
            gaps_open: 0,
            overlaps: 0,
            took_micros: 0,
        });
        sum.at = sum.at.min(record.at);
        sum.targets += 1;
        sum.overlaps += u64::from(record.overlap);
        sum.took_micros = sum.took_micros.max(record.took_micros);
        match interval(one).and_then(|interval| Gap::of(record, one.key, interval)) {
            Some(Gap::Measured(gap)) => {
                sum.gaps_measured += 1;
                sum.gap = sum.gap.max(gap);
            }
            Some(Gap::AtMost(gap)) => {
                sum.gaps_bounded += 1;
                sum.gap_at_most = sum.gap_at_most.max(gap);
            }
            Some(Gap::Open) if !ended => sum.gaps_open += 1,
            Some(Gap::Open) | None => {}
        }
    }
    let mut sums: Vec<Sum> = sums.into_values().collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.at));
    sums.truncate(count);
    sums
}

/// Answers another node.
///
/// # Errors
///
/// When the question makes no sense, or this node cannot tell.
pub(in crate::server) async fn tell(context: &Context, body: &[u8]) -> Result<Bytes, Untold> {
    let count = decode_question(body).map_err(Untold::Malformed)?;
    let unable = |error: &dyn std::error::Error| Untold::Unable(error.to_string());
    let sums = here(context, count).await.map_err(|error| unable(&error))?;
    wire::encode(&sums).map_err(|error| unable(&error))
}

/// How many sums are wanted.
fn decode_question(body: &[u8]) -> Result<usize, String> {
    let count = wire::decode::<u64, MAX_BODY>(body).map_err(|error| error.to_string())?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX).min(MAX_LIMIT + 1))
}

/// What `node` answers, and whether it did more.
fn read(node: &str, body: &[u8]) -> Result<(bool, Vec<Move>), String> {
    let Sums { truncated, sums } =
        wire::decode::<Sums, MAX_BODY>(body).map_err(|error| error.to_string())?;
    if sums.len() > MAX_LIMIT + 1 {
        return Err(format!("{} sums are more than anybody asks for", sums.len()));
    }
    let moves: Result<_, String> = sums.into_iter().map(|sum| Move::new(node, sum)).collect();
    Ok((truncated, moves?))
}

/// See [`read_as_everything`](crate::server::read_as_everything).
#[cfg(fuzzing)]
pub(in crate::server) fn read_as_everything(bytes: &[u8]) {
    let _ = decode_question(bytes);
    let _ = read("node-1", bytes);
    if let Ok(sums) = wire::decode::<Sums, MAX_BODY>(bytes) {
        let again = wire::encode(&sums).expect("what was read can be said");
        assert_eq!(wire::decode::<Sums, MAX_BODY>(&again), Ok(sums));
    }
}
