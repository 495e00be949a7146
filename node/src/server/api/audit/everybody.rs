//! What all nodes found, put together.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::super::context::Context;
use super::super::super::peer::Untold;
use super::super::everybody::{self, Question};
use super::{Audit, Between, Target, here};
use crate::cluster::Closed;
use crate::wire;

/// The path of the question what a node found: nothing in, [`Found`] out.
pub(in crate::server) const FINDINGS_PATH: &str = "/api/v1/peer/findings";

/// How long a peer may take: it asks its own peers for the names of what only they know, which takes
/// two seconds where one of them is silent.
const PEER_TIMEOUT: Duration = Duration::from_secs(4);

/// Targets in the whole answer.
const MAX_TARGETS: usize = 5_000;

/// Divergences that one node tells.
const MAX_DIVERGENCES: usize = 100;

/// The longest answer of a peer, in bytes: 500 targets of each kind with 1 kB, and divergences with
/// eight examples each. What is longer is left out from the end.
const MAX_ANSWER: usize = 3 << 20;

/// What one node tells another.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) unowned: usize,
    pub(super) double_owned: usize,
    pub(super) covered: usize,
    pub(super) targets: Vec<Target>,
    pub(super) divergences: Vec<Between>,
}

impl Found {
    pub(super) fn of(audit: Audit) -> Self {
        let Audit { node, unowned, double_owned, covered, targets, peers, .. } = audit;
        let divergences = peers.into_iter().flat_map(|peer| {
            let (node, peer, divergences) = (node.clone(), peer.name, peer.divergences);
            divergences.into_iter().map(move |divergence| Between {
                node: node.clone(),
                peer: peer.clone(),
                divergence,
            })
        });
        let divergences = divergences.take(MAX_DIVERGENCES).collect();
        Self { unowned, double_owned, covered, targets, divergences }
    }

    /// As bytes, with as much of the names as fits; the counts are there always.
    pub(super) fn encode(mut self) -> Result<Bytes, String> {
        loop {
            let encoded = wire::encode(&self).map_err(|error| error.to_string())?;
            if encoded.len() <= MAX_ANSWER {
                return Ok(encoded);
            }
            self.targets.truncate(self.targets.len() / 2);
            self.divergences.truncate(self.divergences.len() / 2);
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        wire::decode::<_, MAX_ANSWER>(bytes).map_err(|error| error.to_string())
    }
}

impl Audit {
    pub(super) fn add(&mut self, found: Found) {
        self.unowned += found.unowned;
        self.double_owned += found.double_owned;
        self.covered += found.covered;
        let room = MAX_TARGETS.saturating_sub(self.targets.len());
        self.targets.extend(found.targets.into_iter().take(room));
        // What this node sees itself is with its peers.
        let others = found.divergences.into_iter().filter(|between| between.peer != self.node);
        self.divergences.extend(others);
    }
}

/// Asks every node and puts the answers together.
pub(super) async fn of(context: &Arc<Context>) -> Result<Audit, Closed> {
    let question = Question {
        path: FINDINGS_PATH,
        body: Bytes::new(),
        longest: MAX_ANSWER,
        timeout: PEER_TIMEOUT,
    };
    let asking = everybody::ask(context, question, |_| true, |_, body| Found::decode(body));
    let (audit, (found, missing)) = tokio::join!(here(context), asking);
    let mut audit = audit?;
    found.into_iter().for_each(|(_, found)| audit.add(found));
    audit.partial = !missing.is_empty();
    audit.missing = missing;
    Ok(audit)
}

/// Answers another node.
///
/// # Errors
///
/// When this node cannot tell.
pub(in crate::server) async fn find(context: &Arc<Context>) -> Result<Bytes, Untold> {
    let audit = here(context).await.map_err(|error| Untold::Unable(error.to_string()))?;
    Found::of(audit).encode().map_err(Untold::Unable)
}
