//! `POST /api/v1/cluster/check`: which paths between this node and the others work.
//!
//! Gossip needs UDP both ways, everything else TCP, on one port number. Each peer and each seed is
//! asked over TCP to listen for a datagram and to send one: what does not arrive names the path that
//! fails.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::asked::Asked;
use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::{Closed, ClusterState, Nonce, SeedLookup, SeedStatus};

mod exchange;
#[cfg(test)]
mod tests;

pub(in crate::server) use exchange::respond;
use exchange::{Probe, Probed};

/// Where a node asks another to take part in its check.
pub(in crate::server) const CHECK_PATH: &str = "/api/v1/peer/check";

/// Peers and seeds that are checked; more of them say nothing new about this node.
const MAX_CHECKED: usize = 64;

/// Of these, at one time.
const AT_ONCE: usize = 16;

/// How long a connection may take: a lost packet of the handshake is sent again after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2500);

/// How long the exchange may take after that; the peer waits for datagrams meanwhile.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a datagram may take after the exchange has ended.
const LAST_CHANCE: Duration = Duration::from_millis(300);

/// When datagrams are sent after the exchange began: each may be lost once or twice.
const SENDS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(900),
];

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The node that checked.
    pub node: String,
    /// Where others are told to reach it.
    pub address: String,
    /// Whether nothing failed.
    pub ok: bool,
    /// Every peer and seed that was checked, by address.
    pub paths: Vec<Paths>,
    /// Peers and seeds beyond the limit.
    pub left_out: usize,
    /// The seeds as they were written, and what they lead to.
    pub lookups: Vec<SeedLookup>,
}

/// The paths between this node and another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paths {
    /// Where the other is.
    pub address: String,
    /// Its name; empty when it did not say.
    pub name: String,
    /// Whether the connection was made.
    pub tcp: Path,
    /// Whether the other spoke to this node: TLS, passwords, the cluster's key and name.
    pub peer_api: Path,
    /// Whether datagrams from here arrive there.
    pub udp_out: Path,
    /// Whether datagrams from there arrive here.
    pub udp_in: Path,
    /// How long the connection took, in seconds.
    pub connect_seconds: Option<f64>,
    /// What is wrong, and what to look at; empty when all is well.
    pub problem: String,
}

/// Whether a path works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// Nobody knows: something before it failed.
    Untested,
}

impl Path {
    /// As one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Untested => "untested",
        }
    }

    fn of(works: bool) -> Self {
        if works { Self::Ok } else { Self::Failed }
    }
}

pub(in crate::server) async fn answer(context: &Arc<Context>, asked: &Asked) -> Reply {
    if asked.method != Method::POST {
        return reply::method_not_allowed("POST");
    }
    match run(context).await {
        Some(Ok(check)) => reply::json(&check),
        Some(Err(closed)) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
        None => {
            reply::json_error(StatusCode::TOO_MANY_REQUESTS, "a check is under way; try again soon")
        }
    }
}

/// Checks all paths; nothing while another check is under way.
pub(in crate::server) async fn run(context: &Arc<Context>) -> Option<Result<Check, Closed>> {
    let _one_at_a_time = context.checks.try_acquire().ok()?;
    let state = Arc::clone(&context.cluster.state().borrow());
    let me = state.me().map(|me| me.address);
    let mut places = places(&state);
    let left_out = places.len().saturating_sub(MAX_CHECKED);
    let mut paths = Vec::new();
    let mut checks = JoinSet::new();
    while let Some((address, name)) = places.pop_first() {
        if checks.len() == AT_ONCE {
            paths.extend(checks.join_next().await.and_then(Result::ok));
        }
        if paths.len() + checks.len() == MAX_CHECKED {
            break;
        }
        let context = Arc::clone(context);
        checks.spawn(async move { one(&context, me, address, name).await });
    }
    paths.extend(checks.join_all().await);
    let paths: Result<Vec<Paths>, Closed> = paths.into_iter().collect();
    Some(paths.map(|mut paths| {
        paths.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
        let failed_lookup = state.lookups.iter().any(|lookup| lookup.outcome == "failed");
        Check {
            node: state.node_name.clone(),
            address: me.map(|me| me.to_string()).unwrap_or_default(),
            ok: !failed_lookup && paths.iter().all(|paths| paths.problem.is_empty()),
            paths,
            left_out,
            lookups: state.lookups.clone(),
        }
    }))
}

/// The addresses of peers, with their names, and of seeds that do not lead to this node. An address
/// of the other family that does not answer is none: it is a second one of somebody.
fn places(state: &ClusterState) -> BTreeMap<SocketAddr, String> {
    let family = state.me().map(|me| me.address.is_ipv4());
    let counts = |seed: &&SeedStatus| {
        let usable = seed.outcome == "joined" || Some(seed.address.is_ipv4()) == family;
        usable && seed.outcome != "itself" && !seed.remembered
    };
    let seeds = state.seeds.iter().filter(counts);
    let seeds = seeds.map(|seed| (seed.address, String::new()));
    let missing = state.missing.iter();
    let missing = missing.map(|lost| (lost.address, lost.name.clone().unwrap_or_default()));
    let peers = state.peers.iter().map(|peer| (peer.address, peer.name.clone()));
    let mut places: BTreeMap<SocketAddr, String> = seeds.chain(missing).chain(peers).collect();
    if let Some(me) = state.me() {
        places.remove(&me.address);
    }
    places
}

async fn one(
    context: &Context,
    me: Option<SocketAddr>,
    address: SocketAddr,
    name: String,
) -> Result<Paths, Closed> {
    let mut paths = Paths {
        address: address.to_string(),
        name,
        tcp: Path::Untested,
        peer_api: Path::Untested,
        udp_out: Path::Untested,
        udp_in: Path::Untested,
        connect_seconds: None,
        problem: String::new(),
    };
    let began = Instant::now();
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => {
            paths.tcp = Path::Ok;
            paths.connect_seconds = Some(began.elapsed().as_secs_f64());
        }
        Ok(Err(error)) => {
            paths.tcp = Path::Failed;
            paths.problem = format!("no TCP connection to {address}: {error}");
            return Ok(paths);
        }
        Err(_) => {
            paths.tcp = Path::Failed;
            paths.problem = format!(
                "no TCP connection to {address} in {CONNECT_TIMEOUT:?}: a firewall drops it, or \
                 the host is gone"
            );
            return Ok(paths);
        }
    }
    let Some(me) = me else { return Ok(paths) };
    let probe = Probe { out: rand::random(), back: rand::random(), address: me };
    datagrams(context, probe, address, &mut paths).await?;
    Ok(paths)
}

/// Exchanges datagrams with the node at `address`.
async fn datagrams(
    context: &Context,
    probe: Probe,
    address: SocketAddr,
    paths: &mut Paths,
) -> Result<(), Closed> {
    let back = context.cluster.await_datagram(probe.back).await?;
    let body = probe.encode();
    let limit = Probed::MAX;
    let asked = context.peers.post(address, CHECK_PATH, body, limit, EXCHANGE_TIMEOUT);
    let (answer, ()) = tokio::join!(asked, send(context, probe.out, address));
    let probed = match answer.map_err(|error| error.to_string()).and_then(|body| {
        Probed::decode(&body).map_err(|error| format!("its answer makes no sense: {error}"))
    }) {
        Ok(probed) => probed,
        Err(error) => {
            paths.peer_api = Path::Failed;
            paths.problem = format!("the connection is made, but there is no answer: {error}");
            return Ok(());
        }
    };
    paths.peer_api = Path::Ok;
    paths.name = probed.name;
    paths.udp_out = Path::of(probed.heard);
    paths.udp_in = match probed.sent {
        Ok(()) => {
            let arrived = tokio::time::timeout(LAST_CHANCE, back).await;
            Path::of(matches!(arrived, Ok(Ok(_))))
        }
        Err(_) => Path::Untested,
    };
    paths.problem = problem(probe.address, address, paths, probed.sent);
    Ok(())
}

/// What is wrong with the datagrams between this node and another, in words.
fn problem(me: SocketAddr, address: SocketAddr, paths: &Paths, sent: Result<(), String>) -> String {
    let mut problems = Vec::new();
    if paths.udp_out == Path::Failed {
        problems.push(format!(
            "datagrams from here do not arrive there: allow UDP to {address}, as TCP is"
        ));
    }
    if paths.udp_in == Path::Failed {
        problems
            .push(format!("datagrams from there do not arrive here: allow UDP to {me}, as TCP is"));
    }
    if let Err(reason) = sent {
        problems.push(reason);
    }
    problems.join("; ")
}

/// Sends the datagram with this number a few times, for as long as the exchange may need it.
async fn send(context: &Context, nonce: Nonce, to: SocketAddr) {
    let began = tokio::time::Instant::now();
    for after in SENDS {
        tokio::time::sleep_until(began + after).await;
        if context.cluster.send_datagram(nonce, to).await.is_err() {
            return;
        }
    }
}

/// See [`read_as_everything`](crate::server::read_as_everything).
#[cfg(fuzzing)]
pub(in crate::server) fn read_as_everything(bytes: &[u8]) {
    if let Ok(probe) = Probe::decode(bytes) {
        assert_eq!(Probe::decode(&probe.encode()), Ok(probe));
    }
    let _ = Probed::decode(bytes);
}
