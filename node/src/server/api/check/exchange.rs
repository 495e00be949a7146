//! What two nodes say to each other during a check.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::super::context::Context;
use super::super::super::peer;
use super::super::super::reply::{self, Reply};
use super::send;
use crate::cluster::{ClusterState, Nonce};
use crate::wire::{self, Malformed};

/// How long the one asked waits for a datagram.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Listen for a datagram, and send one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probe {
    /// The number of the datagram that the asker sends.
    pub(super) out: Nonce,
    /// The number of the datagram that it waits for.
    pub(super) back: Nonce,
    /// Where it waits: the address that it advertises.
    pub(super) address: SocketAddr,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probed {
    /// Who answers.
    pub(super) name: String,
    /// Whether the datagram arrived.
    pub(super) heard: bool,
    /// Whether one was sent, else why not.
    pub(super) sent: Result<(), String>,
}

impl Probe {
    pub(super) fn encode(&self) -> Bytes {
        wire::encode(self).expect("numbers and addresses can be encoded")
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, { Probed::MAX }>(body)
    }
}

impl Probed {
    /// The longest answer, in bytes.
    pub(super) const MAX: usize = 2048;

    fn encode(&self) -> Bytes {
        wire::encode(self).expect("texts can be encoded")
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, { Self::MAX }>(body)
    }
}

/// Takes part in the check of another node, whose request came from `from`.
pub(in crate::server) async fn respond(
    context: &Arc<Context>,
    body: &[u8],
    from: Option<SocketAddr>,
) -> Reply {
    let probe = match Probe::decode(body) {
        Ok(probe) => probe,
        Err(problem) => return peer::senseless(problem),
    };
    let Ok(_one_of_few) = context.checks_answered.try_acquire() else {
        let text = "too many checks are under way";
        return reply::text(StatusCode::TOO_MANY_REQUESTS, text);
    };
    let state = Arc::clone(&context.cluster.state().borrow());
    let deaf = || {
        let text = "it listens to no datagrams: it is about to stop, or busy with too many checks";
        reply::text(StatusCode::SERVICE_UNAVAILABLE, text)
    };
    let Ok(arrived) = context.cluster.await_datagram(probe.out).await else { return deaf() };
    let sent = may_send(&state, from.map(|from| from.ip()), probe.address);
    let sending = async {
        if sent.is_ok() {
            send(context, probe.back, probe.address).await;
        }
    };
    let (heard, ()) = tokio::join!(tokio::time::timeout(PATIENCE, arrived), sending);
    let heard = match heard {
        Ok(Ok(_)) => true,
        Ok(Err(_)) => return deaf(),
        Err(_) => false,
    };
    let probed = Probed { name: state.node_name.clone(), heard, sent };
    reply::with(StatusCode::OK, "application/octet-stream", probed.encode())
}

/// Whether datagrams may be sent to `address` because somebody asked for it: only to where the
/// request came from, to live peers and to seeds. Nobody makes this node send to a third party.
pub(super) fn may_send(
    state: &ClusterState,
    from: Option<IpAddr>,
    address: SocketAddr,
) -> Result<(), String> {
    let from = from.map(|ip| ip.to_canonical());
    let known = from == Some(address.ip().to_canonical())
        || state.peers.iter().any(|peer| peer.address == address)
        || state.seeds.iter().any(|seed| seed.address == address && !seed.remembered);
    match (known, from) {
        (true, _) => Ok(()),
        (false, Some(from)) => Err(format!(
            "the advertised address {address} is unknown there, and the connection came from \
             {from}: --cluster.advertise-address is wrong, or addresses are translated on the way"
        )),
        (false, None) => Err(format!("the advertised address {address} is unknown there")),
    }
}
