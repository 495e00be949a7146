//! `GET /api/v1/audit`: what the nodes found when they compared themselves with each other: targets
//! that nobody collects, that two collect, that one collects in the place of others; who knows other
//! targets, runs another configuration, or has another clock, and in what exactly they differ.
//!
//! Every node is asked. Each target is told by one node: of two that could tell, by the higher-ranked
//! one. Nodes that do not answer are in `missing`, and `partial` says that there are such. `peers` are as
//! the answering node sees them; in what other nodes differ from their peers is in `divergences`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use ownership::audit::{Divergence as Counts, Finding, PeerAudit, Report, Why};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::{Announced, Closed, Listed, Reported};

mod describe;
mod everybody;
#[cfg(test)]
mod tests;

pub(in crate::server) use describe::{DESCRIBE_PATH, describe};
use describe::{Described, Wanted};
pub(in crate::server) use everybody::{FINDINGS_PATH, find};

/// Divergences whose targets are asked for: one question each. More are told in numbers.
const DESCRIBED: usize = 32;

/// What the nodes found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The node that answers.
    pub node: String,
    /// Whether a node did not answer: there may be more than this.
    pub partial: bool,
    /// The nodes that did not answer.
    pub missing: Vec<Missing>,
    /// Targets that nobody collects, as far as anybody can tell; of two that could tell, the
    /// higher-ranked one does.
    pub unowned: usize,
    /// Targets that two nodes collect.
    pub double_owned: usize,
    /// Targets that a node collects because their owner does not know them.
    pub covered: usize,
    /// Peers of the answering node that run another configuration.
    pub config_drift: usize,
    /// All of these targets by name, 500 of each kind at most from each node, and 5,000 in all.
    pub targets: Vec<Target>,
    /// What the answering node knows of the other nodes, by name.
    pub peers: Vec<Peer>,
    /// In what other nodes differ from their peers, 100 at most from each node.
    pub divergences: Vec<Between>,
    /// By how much the clocks of two nodes may differ, in seconds: a tenth of the shortest interval;
    /// null when nothing is collected at an interval.
    pub clock_limit_seconds: Option<f64>,
}

/// A node that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub node: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Why.
    pub error: String,
}

/// A target that is not collected as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `unowned`, `double` or `covered`.
    pub state: String,
    /// Who says so; it collects a target that is `double` or `covered`.
    pub node: String,
    /// Its component.
    pub component: String,
    /// Its key.
    pub key: String,
    /// What is requested.
    pub url: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whose it is; of a `double`, who else collects it.
    pub peer: String,
    /// Why, in words.
    pub why: String,
    /// For how many seconds; null when that is not known.
    pub for_seconds: Option<f64>,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// For how many seconds it has not answered; null when it never has.
    pub answered_seconds_ago: Option<f64>,
    /// The SHA-256 of its configuration.
    pub config_sha256: Option<String>,
    /// Whether that is another one than the answering node's.
    pub config_differs: bool,
    /// How far its clock is ahead.
    pub clock_skew_seconds: Option<f64>,
    /// The error of that is at most this.
    pub clock_error_seconds: Option<f64>,
    /// Whether that is more than it may be, whatever the error.
    pub clock_differs: bool,
    /// In what its targets differ.
    pub divergences: Vec<Divergence>,
}

/// In what two nodes differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// Who says so: it is `here` in what follows.
    pub node: String,
    /// The other one, which is `there`.
    pub peer: String,
    /// In what.
    pub divergence: Divergence,
}

/// In what the targets of one component differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The component.
    pub component: String,
    /// Targets that only the answering node knows.
    pub only_here: usize,
    /// Of these, those that the peer knew lately.
    pub lost_there: usize,
    /// Targets that only the peer knows.
    pub only_there: usize,
    /// There are more than were looked at.
    pub truncated: bool,
    /// What that means, in words.
    pub meaning: String,
    /// Some of the targets.
    pub examples: Vec<Example>,
}

/// One address of which the two know different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What is requested.
    pub url: String,
    /// `here`, `there`, or `both`, with different labels.
    pub known: String,
    /// The labels that differ.
    pub labels: Vec<Difference>,
}

/// A label that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name.
    pub label: String,
    /// Its value on the answering node; null when it is not there.
    pub here: Option<String>,
    /// Its value on the peer.
    pub there: Option<String>,
}

pub(in crate::server) async fn answer(context: &Arc<Context>) -> Reply {
    match everybody::of(context).await {
        Ok(audit) => reply::json(&audit),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// What all nodes found.
pub(in crate::server) async fn of(context: &Arc<Context>) -> Result<Audit, Closed> {
    everybody::of(context).await
}

/// What this node found, with the names of everything: peers are asked for those that only they know.
async fn here(context: &Arc<Context>) -> Result<Audit, Closed> {
    let Reported { report, skew_limit } = context.cluster.report().await?;
    let now = Instant::now();
    let state = Arc::clone(&context.cluster.state().borrow());
    let node = state.node_name.as_str();
    let listed = context.cluster.listed();
    let told = ask(context, &report, &listed).await;
    let peers = report.peers.iter().map(|(name, audit)| {
        let divergences = audit.divergences.iter().map(|counts| {
            let described = told.get(&(name.to_string(), counts.component.to_string()));
            divergence(name.as_str(), audit.drifted, counts, described, &listed)
        });
        peer(name.as_str(), audit, skew_limit, divergences.collect(), now)
    });
    let figures = &report.figures;
    Ok(Audit {
        node: node.to_owned(),
        unowned: figures.unowned,
        double_owned: figures.doubled,
        covered: figures.covered,
        config_drift: figures.drifted,
        targets: targets(node, &report, &listed, now),
        peers: peers.collect(),
        clock_limit_seconds: skew_limit.map(|limit| limit.as_secs_f64()),
        ..Audit::default()
    })
}

/// Asks peers for the targets that only they know, and for what they know of the addresses of those
/// that only this node knows. By peer and component; of those that do not answer nothing.
async fn ask(
    context: &Arc<Context>,
    report: &Report,
    listed: &[Listed],
) -> BTreeMap<(String, String), Vec<Described>> {
    let state = Arc::clone(&context.cluster.state().borrow());
    let mut asked = JoinSet::new();
    let divergences = report.peers.iter().flat_map(|(name, audit)| {
        audit.divergences.iter().map(move |divergence| (name.to_string(), divergence))
    });
    for (name, divergence) in divergences.take(DESCRIBED) {
        let peer = state.peers.iter().find(|peer| peer.name == name);
        let Some(address) = peer.map(|peer| peer.address) else { continue };
        let component = divergence.component.to_string();
        let here = announced(listed, &component);
        let lacking = here.iter().filter(|t| divergence.lacking_examples.contains(&t.key));
        let wanted = Wanted {
            component: component.clone(),
            keys: divergence.extra_examples.iter().map(|key| key.as_u64()).collect(),
            urls: lacking.map(|target| target.url.to_string()).collect(),
        };
        let context = Arc::clone(context);
        asked.spawn(async move {
            let told = describe::ask(&context, address, &wanted).await;
            ((name, component), told)
        });
    }
    let mut told = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((of, Ok(described))) = answer {
            told.insert(of, described);
        }
    }
    told
}

fn announced(listed: &[Listed], component: &str) -> Arc<[Announced]> {
    let of = listed.iter().find(|listed| *listed.component == *component);
    of.map(Listed::announced).unwrap_or_default()
}

fn own(target: &Announced) -> BTreeMap<String, String> {
    target.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// All targets that are not collected as they should be, by name.
fn targets(node: &str, report: &Report, listed: &[Listed], now: Instant) -> Vec<Target> {
    let kinds =
        [("unowned", &report.unowned), ("double", &report.doubled), ("covered", &report.covered)];
    let targets = kinds.iter().flat_map(|(state, findings)| {
        findings.iter().map(|finding| target(node, state, finding, listed, now))
    });
    targets.collect()
}

fn target(node: &str, state: &str, finding: &Finding, listed: &[Listed], now: Instant) -> Target {
    let Finding { target, peer, why, since } = finding;
    let known = announced(listed, &target.component);
    let known = known.iter().find(|known| known.key == target.key);
    let why = match (state, why) {
        ("double", _) => format!("{node} and {peer} collect it"),
        (_, Some(Why::Unknown)) => format!("{peer} owns it and does not know it"),
        (_, Some(Why::Dropped)) => format!("{peer} owns it, and its discovery lost it"),
        (_, Some(Why::Idle)) => format!("{peer} owns it, knows it, and does not collect it"),
        (_, None) => format!("it is of {node}, which has not started it"),
    };
    Target {
        state: state.to_owned(),
        node: node.to_owned(),
        component: target.component.to_string(),
        key: target.key.to_string(),
        url: known.map(|known| known.url.to_string()).unwrap_or_default(),
        labels: known.map(own).unwrap_or_default(),
        peer: peer.to_string(),
        why,
        for_seconds: since.map(|since| now.saturating_duration_since(since).as_secs_f64()),
    }
}

fn peer(
    name: &str,
    audit: &PeerAudit,
    skew_limit: Option<Duration>,
    divergences: Vec<Divergence>,
    now: Instant,
) -> Peer {
    let ago = |at| now.saturating_duration_since(at).as_secs_f64();
    Peer {
        name: name.to_owned(),
        answered_seconds_ago: audit.answered.map(ago),
        config_sha256: audit.config.map(|config| config.to_string()),
        config_differs: audit.drifted,
        clock_skew_seconds: audit.skew.map(|skew| skew.micros as f64 / 1e6),
        clock_error_seconds: audit.skew.map(|skew| skew.error.as_secs_f64()),
        clock_differs: audit.skew.zip(skew_limit).is_some_and(|(skew, limit)| skew.exceeds(limit)),
        divergences,
    }
}

fn divergence(
    peer: &str,
    drifted: bool,
    counts: &Counts,
    told: Option<&Vec<Described>>,
    listed: &[Listed],
) -> Divergence {
    let here = announced(listed, &counts.component);
    let examples = examples(counts, &here, told.map_or(&[], |told| told));
    let relabelled = examples
        .iter()
        .find_map(|example| example.labels.first().map(|difference| difference.label.clone()));
    let meaning = match (relabelled, drifted) {
        (Some(label), true) => {
            format!("the configurations differ, and with them at least label {label}")
        }
        (Some(label), false) => format!(
            "the same addresses differ, at least in label {label}: their discovery or what \
             the configuration reads from the environment differs"
        ),
        (None, true) => "the configurations differ".to_owned(),
        (None, false) => match (counts.lacking - counts.dropped, counts.dropped, counts.extra) {
            (0, 0, _) => "this node's discovery is behind".to_owned(),
            (0, _, 0) => {
                format!("{peer} lost targets: this node's discovery is behind, or {peer}'s fails")
            }
            (_, _, 0) => format!("{peer}'s discovery is behind"),
            _ => format!("discovery of {peer} and of this node find different targets"),
        },
    };
    Divergence {
        component: counts.component.to_string(),
        only_here: counts.lacking,
        lost_there: counts.dropped,
        only_there: counts.extra,
        truncated: counts.truncated,
        meaning,
        examples,
    }
}

/// Puts what both know of the same address side by side.
fn examples(counts: &Counts, here: &[Announced], there: &[Described]) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut add = |example: Example| {
        if examples.iter().all(|other| other.url != example.url) {
            examples.push(example);
        }
    };
    for theirs in there {
        let mine = here.iter().find(|mine| *mine.url == *theirs.url);
        add(match mine {
            Some(mine) => {
                let labels = differences(&own(mine), &theirs.labels);
                Example { url: theirs.url.clone(), known: "both".to_owned(), labels }
            }
            None => {
                Example { url: theirs.url.clone(), known: "there".to_owned(), labels: Vec::new() }
            }
        });
    }
    for mine in here.iter().filter(|mine| counts.lacking_examples.contains(&mine.key)) {
        add(Example { url: mine.url.to_string(), known: "here".to_owned(), labels: Vec::new() });
    }
    examples
}

fn differences(
    here: &BTreeMap<String, String>,
    there: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let mut names: Vec<&String> = here.keys().chain(there.keys()).collect();
    names.sort();
    names.dedup();
    let differ = |name: &&String| here.get(*name) != there.get(*name);
    let difference = |name: &String| Difference {
        label: name.clone(),
        here: here.get(name).cloned(),
        there: there.get(name).cloned(),
    };
    names.into_iter().filter(differ).map(difference).collect()
}

impl Audit {
    /// What is wrong, in sentences; empty when all is well.
    pub fn notes(&self) -> Vec<String> {
        let counts = [
            (self.unowned, "targets are collected by nobody"),
            (self.double_owned, "targets are collected twice"),
            (
                self.covered,
                "targets are collected by another node than their owner, which does not know them",
            ),
            (self.config_drift, "peers run another configuration"),
        ];
        let clocks = self.peers.iter().filter(|peer| peer.clock_differs).count();
        let clocks =
            (clocks, "peers have clocks that differ by more than a tenth of the shortest interval");
        let counted = counts.iter().chain([&clocks]).filter(|(count, _)| *count > 0);
        counted.map(|(count, what)| format!("{count} {what}")).collect()
    }
}

/// See [`read_as_everything`](crate::server::read_as_everything).
#[cfg(fuzzing)]
pub(in crate::server) fn read_as_everything(bytes: &[u8]) {
    let _ = Wanted::decode(bytes);
    let _ = describe::decode_answer(bytes);
    if let Ok(found) = everybody::Found::decode(bytes) {
        found.encode().expect("what was read can be said, if need be in part");
    }
}
