//! `POST /api/v1/cluster/check`: which paths between this node and the others work.
//!
//! Gossip needs UDP both ways, everything else TCP, on one port number. Each peer and each seed is
//! asked over TCP to listen for a datagram and to send one: what does not arrive names the path that
//! fails.

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
use crate::cluster::{Closed, ClusterState, Nonce, OutOfReach, SeedLookup};

mod exchange;
mod places;
#[cfg(test)]
mod tests;

pub(in crate::server) use exchange::respond;
use exchange::{Probe, Probed};

/// Where a node asks another to take part in its check.
pub(in crate::server) const CHECK_PATH: &str = "/api/v1/peer/check";

/// Peers and seeds that are checked: all that are known not to answer, as far as they go, and of the others
/// some by chance; more of them say nothing new about this node.
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
    /// Whether nothing failed and nothing is wrong with the seeds.
    pub ok: bool,
    /// What is wrong besides paths that fail: that it has not joined, seeds that lead nowhere.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Every peer and seed that was checked, by name, and seeds that are out of reach.
    pub paths: Vec<Paths>,
    /// Peers and seeds beyond the limit, which were not checked.
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

impl Paths {
    fn untested(address: SocketAddr, name: String) -> Self {
        Self {
            address: address.to_string(),
            name,
            tcp: Path::Untested,
            peer_api: Path::Untested,
            udp_out: Path::Untested,
            udp_in: Path::Untested,
            connect_seconds: None,
            problem: String::new(),
        }
    }

    /// Nobody is asked there, whose answer could not come back.
    fn out_of_reach(lost: &OutOfReach) -> Self {
        let problem = format!("left out, though {} leads there: {}", lost.seed, lost.reason);
        Self { problem, ..Self::untested(lost.address, String::new()) }
    }
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
    let (places, left_out) = places::chosen(&state, MAX_CHECKED, &mut rand::rng());
    let mut paths = Vec::new();
    let mut checks = JoinSet::new();
    for (address, name) in places {
        if checks.len() == AT_ONCE {
            paths.extend(checks.join_next().await.and_then(Result::ok));
        }
        let context = Arc::clone(context);
        checks.spawn(async move { one(&context, me, address, name).await });
    }
    paths.extend(checks.join_all().await);
    let paths: Result<Vec<Paths>, Closed> = paths.into_iter().collect();
    Some(paths.map(|mut paths| {
        paths.extend(state.out_of_reach.iter().map(Paths::out_of_reach));
        paths.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
        let failed_lookup = state.lookups.iter().any(|lookup| lookup.outcome == "failed");
        let problems = problems(&state);
        let fails = failed_lookup || paths.iter().any(|paths| !paths.problem.is_empty());
        Check {
            node: state.node_name.clone(),
            address: me.map(|me| me.to_string()).unwrap_or_default(),
            ok: !fails && problems.is_empty(),
            problems,
            paths,
            left_out,
            lookups: state.lookups.clone(),
        }
    }))
}

/// What keeps this node from others, or may, beyond the paths that fail. In words.
fn problems(state: &ClusterState) -> Vec<String> {
    let mut problems = Vec::new();
    if !state.enabled {
        return problems;
    }
    if !state.joined {
        let clash = state.name_clash.as_ref();
        let clash = clash.map(|clash| format!("another live node has its name: {clash}"));
        let why = clash.or_else(|| state.why_not_joined());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        problems.push(format!("this node has not joined a cluster{why}"));
    }
    if let (true, Some(error)) = (state.joined, &state.seeds_error) {
        problems.push(format!("its seeds cannot all be used: {error}"));
    }
    // Out of reach is what is listed with the paths.
    let dead_ends = state.dead_ends().into_keys();
    let unknown =
        dead_ends.filter(|seed| !state.out_of_reach.iter().any(|lost| lost.seed == *seed));
    problems.extend(unknown.map(|seed| format!("no other node is found: {seed} does not exist")));
    problems
}

async fn one(
    context: &Context,
    me: Option<SocketAddr>,
    address: SocketAddr,
    name: String,
) -> Result<Paths, Closed> {
    let mut paths = Paths::untested(address, name);
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
