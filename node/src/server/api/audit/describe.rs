//! Asking another node what it knows of some targets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ownership::Key;
use serde::{Deserialize, Serialize};

use super::super::super::context::Context;
use super::super::super::peer::Untold;
use super::{announced, own};
use crate::wire::{self, Malformed};

/// The path of the question: [`Wanted`] in, [`Described`] out.
pub(in crate::server) const DESCRIBE_PATH: &str = "/api/v1/peer/describe";

/// How long a peer may take.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// Targets in one answer.
const MAX_DESCRIBED: usize = 64;

/// The longest question and the longest answer, in bytes: [`MAX_DESCRIBED`] targets of 4 kB.
const MAX_BODY: usize = 256 << 10;

/// Which targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) component: String,
    pub(super) keys: Vec<u64>,
    /// And those at these addresses.
    pub(super) urls: Vec<String>,
}

impl Wanted {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, MAX_BODY>(body)
    }
}

/// A target as a peer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) url: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// Asks the node at `to`.
pub(super) async fn ask(
    context: &Context,
    to: SocketAddr,
    wanted: &Wanted,
) -> Result<Vec<Described>, String> {
    let body = wire::encode(wanted).map_err(|error| error.to_string())?;
    let answer = context.peers.post(to, DESCRIBE_PATH, body, MAX_BODY, PEER_TIMEOUT).await;
    let answer = answer.map_err(|error| error.to_string())?;
    decode_answer(&answer).map_err(|error| error.to_string())
}

/// The answer of a peer.
pub(super) fn decode_answer(body: &[u8]) -> Result<Vec<Described>, Malformed> {
    wire::decode::<_, MAX_BODY>(body)
}

/// Answers another node.
///
/// # Errors
///
/// When the question makes no sense, or this node cannot tell.
pub(in crate::server) fn describe(context: &Context, body: &[u8]) -> Result<Bytes, Untold> {
    let wanted = Wanted::decode(body).map_err(|error| Untold::Malformed(error.to_string()))?;
    let keys: BTreeSet<Key> = wanted.keys.iter().copied().map(Key::from).collect();
    let urls: BTreeSet<&str> = wanted.urls.iter().map(String::as_str).collect();
    let here = announced(&context.cluster.listed(), &wanted.component);
    let found = here.iter().filter(|t| keys.contains(&t.key) || urls.contains(&*t.url));
    let mut length = 0;
    let described = found.map(|t| Described { url: t.url.to_string(), labels: own(t) });
    let bounded = described.take(MAX_DESCRIBED).take_while(|described| {
        let labels = described.labels.iter().map(|(name, value)| name.len() + value.len() + 18);
        length += described.url.len() + 18 + labels.sum::<usize>();
        length < MAX_BODY
    });
    let encoded = wire::encode(&bounded.collect::<Vec<Described>>());
    encoded.map_err(|error| Untold::Unable(error.to_string()))
}
