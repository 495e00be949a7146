//! `GET /api/v1/audit`: what this node found when it compared itself with the others: targets that
//! nobody collects, that two collect, that it collects in the place of others; who knows other
//! targets, runs another configuration, or has another clock, and in what exactly they differ.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use ownership::audit::{Divergence as Counts, Finding, PeerAudit, Report, Why};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::{Announced, Closed, Listed};

mod describe;
#[cfg(test)]
mod tests;

pub(in crate::server) use describe::{DESCRIBE_PATH, describe};
use describe::{Described, Wanted};

/// Divergences whose targets are asked for: one question each. More are told in numbers.
const DESCRIBED: usize = 32;

/// What one node found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The node that answers.
    pub node: String,
    /// Targets that nobody collects, as far as it can tell; of two that could tell, the higher-ranked
    /// one does.
    pub unowned: usize,
    /// Targets that another node collects beside it.
    pub double_owned: usize,
    /// Targets that it collects because their owner does not know them.
    pub covered: usize,
    /// Peers that run another configuration.
    pub config_drift: usize,
    /// All of these targets by name, 500 of each kind at most.
    pub targets: Vec<Target>,
    /// What it knows of the other nodes, by name.
    pub peers: Vec<Peer>,
}

/// A target that is not collected as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `unowned`, `double` or `covered`.
    pub state: String,
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
    /// In what its targets differ.
    pub divergences: Vec<Divergence>,
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
    match of(context).await {
        Ok(audit) => reply::json(&audit),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// What this node found, with the names of everything: peers are asked for those that only they know.
pub(in crate::server) async fn of(context: &Arc<Context>) -> Result<Audit, Closed> {
    let report = context.cluster.report().await?;
    let now = Instant::now();
    let state = Arc::clone(&context.cluster.state().borrow());
    let listed = context.cluster.listed();
    let told = ask(context, &report, &listed).await;
    let peers = report.peers.iter().map(|(name, audit)| {
        let divergences = audit.divergences.iter().map(|counts| {
            let described = told.get(&(name.to_string(), counts.component.to_string()));
            divergence(name.as_str(), audit.drifted, counts, described, &listed)
        });
        peer(name.as_str(), audit, divergences.collect(), now)
    });
    let figures = &report.figures;
    let kinds =
        [("unowned", &report.unowned), ("double", &report.doubled), ("covered", &report.covered)];
    let targets = kinds.iter().flat_map(|(state, findings)| {
        findings.iter().map(|finding| target(state, finding, &listed, now))
    });
    Ok(Audit {
        node: state.node_name.clone(),
        unowned: figures.unowned,
        double_owned: figures.doubled,
        covered: figures.covered,
        config_drift: figures.drifted,
        targets: targets.collect(),
        peers: peers.collect(),
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

fn target(state: &str, finding: &Finding, listed: &[Listed], now: Instant) -> Target {
    let Finding { target, peer, why, since } = finding;
    let known = announced(listed, &target.component);
    let known = known.iter().find(|known| known.key == target.key);
    let why = match (state, why) {
        ("double", _) => format!("{peer} collects it, too"),
        (_, Some(Why::Unknown)) => format!("{peer} owns it and does not know it"),
        (_, Some(Why::Dropped)) => format!("{peer} owns it, and its discovery lost it"),
        (_, Some(Why::Idle)) => format!("{peer} owns it, knows it, and does not collect it"),
        (_, None) => "it is this node's, which has not started it".to_owned(),
    };
    Target {
        state: state.to_owned(),
        component: target.component.to_string(),
        key: target.key.to_string(),
        url: known.map(|known| known.url.to_string()).unwrap_or_default(),
        labels: known.map(own).unwrap_or_default(),
        peer: peer.to_string(),
        why,
        for_seconds: since.map(|since| now.saturating_duration_since(since).as_secs_f64()),
    }
}

fn peer(name: &str, audit: &PeerAudit, divergences: Vec<Divergence>, now: Instant) -> Peer {
    let ago = |at| now.saturating_duration_since(at).as_secs_f64();
    Peer {
        name: name.to_owned(),
        answered_seconds_ago: audit.answered.map(ago),
        config_sha256: audit.config.map(|config| config.to_string()),
        config_differs: audit.drifted,
        clock_skew_seconds: audit.skew.map(|skew| skew.micros as f64 / 1e6),
        clock_error_seconds: audit.skew.map(|skew| skew.error.as_secs_f64()),
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
            (self.covered, "targets are collected here because their owner does not know them"),
            (self.config_drift, "peers run another configuration"),
        ];
        let counted = counts.iter().filter(|(count, _)| *count > 0);
        counted.map(|(count, what)| format!("{count} {what}")).collect()
    }
}
