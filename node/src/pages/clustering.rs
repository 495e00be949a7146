//! The page of the cluster: who takes part, how well they hear each other, and where this node
//! looks for others.

use askama::Template;

use super::moves::{Drawn, drawn};
use super::{Frame, age, duration, moment};
use crate::cluster::{ClusterState, Detail, PeerDetail, PeerStatus};
use crate::server::{Audit, Check, Moves};

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The cluster as this node sees it.
    pub cluster: &'a ClusterState,
    /// The same in motion.
    pub detail: &'a Detail,
    /// What the nodes found when they compared what they know and collect.
    pub audit: &'a Audit,
    /// What the nodes started and stopped lately.
    pub moves: &'a Moves,
    /// What came of a check of all paths, if one was asked for.
    pub check: Option<&'a Check>,
    /// Whether one was asked for while another was under way.
    pub check_refused: bool,
    /// The time, in milliseconds since the Unix epoch.
    pub now: i64,
}

/// A peer's part of all targets, as a bar.
struct Share {
    name: String,
    address: String,
    state: &'static str,
    is_self: bool,
    suspected: bool,
    since: String,
    targets: usize,
    percent: f64,
    /// How far the bar reaches, against the longest.
    width: f64,
}

/// How a peer is heard, and what this node is compared with it.
struct Voice {
    name: String,
    is_self: bool,
    generation: u64,
    /// Empty for this node itself.
    last_heard: String,
    round_trip: String,
    /// Whether it sees what this node sees; empty when nobody knows.
    view: &'static str,
    /// The digest of what it sees, as it last said; empty when nobody knows.
    digest: String,
    suspicion: String,
    /// How far its clock is ahead; empty when nobody knows.
    clock: String,
    /// Whether that is too far for ticks that move.
    clock_differs: bool,
    /// Whether it runs the configuration that this node runs; empty when nobody knows.
    config: &'static str,
}

/// A place where this node looks for others.
struct Place {
    address: String,
    result: String,
    asked: String,
    remembered: bool,
}

#[derive(Template)]
#[template(path = "clustering.html")]
struct Clustering<'a> {
    frame: &'a Frame,
    cluster: &'a ClusterState,
    detail: &'a Detail,
    audit: &'a Audit,
    notes: Vec<String>,
    moves: Option<Drawn>,
    /// Nodes that did not say what they moved.
    silent: Vec<String>,
    check: Option<&'a Check>,
    check_refused: bool,
    shares: Vec<Share>,
    voices: Vec<Voice>,
    places: Vec<Place>,
    fair: f64,
    total: usize,
}

/// The cluster: its peers, their states, how the targets are shared among them, and what this node
/// knows of everybody.
///
/// # Errors
///
/// When the template fails, which only a bug can cause.
pub fn clustering(frame: &Frame, shown: Shown<'_>) -> Result<String, askama::Error> {
    let Shown { cluster, detail, audit, moves, check, check_refused, now } = shown;
    let total: usize = cluster.peers.iter().map(|peer| peer.targets).sum();
    let most = cluster.peers.iter().map(|peer| peer.targets).max().unwrap_or(0).max(1);
    let participants = cluster.count("participant").max(1);
    let fair = 100.0 * (total as f64 / participants as f64 / most as f64).min(1.0);
    let places = cluster.seeds.iter().map(|seed| Place {
        address: seed.address.to_string(),
        result: seed.result.clone(),
        asked: moment(seed.at.unwrap_or(0), now),
        remembered: seed.remembered,
    });
    Clustering {
        frame,
        cluster,
        detail,
        audit,
        notes: audit.notes(),
        moves: drawn(moves, now),
        silent: moves.silent().collect(),
        check,
        check_refused,
        shares: cluster.peers.iter().map(|peer| share(peer, total, most, now)).collect(),
        voices: cluster
            .peers
            .iter()
            .map(|peer| voice(peer, cluster.digest, (detail, audit), now))
            .collect(),
        places: places.collect(),
        fair,
        total,
    }
    .render()
}

fn share(peer: &PeerStatus, total: usize, most: usize, now: i64) -> Share {
    Share {
        name: peer.name.clone(),
        address: peer.address.to_string(),
        state: peer.state,
        is_self: peer.is_self,
        suspected: peer.suspected,
        since: age(now - peer.since),
        targets: peer.targets,
        percent: 100.0 * peer.targets as f64 / total.max(1) as f64,
        width: 100.0 * peer.targets as f64 / most as f64,
    }
}

fn voice(peer: &PeerStatus, digest: u64, (detail, audit): (&Detail, &Audit), now: i64) -> Voice {
    let audited = audit.peers.iter().find(|audited| audited.name == peer.name);
    let unknown = PeerDetail::default();
    let known = detail.peers.get(&peer.name).unwrap_or(&unknown);
    let seen = if peer.is_self { Some(digest) } else { known.digest };
    Voice {
        name: peer.name.clone(),
        is_self: peer.is_self,
        generation: peer.generation,
        last_heard: match known.last_heard {
            _ if peer.is_self => String::new(),
            Some(at) => moment(at, now),
            None => "by hearsay".to_owned(),
        },
        round_trip: known.round_trip_seconds.map(duration).unwrap_or_default(),
        digest: seen.map(|digest| format!("{digest:016x}")).unwrap_or_default(),
        view: match seen {
            _ if peer.is_self => "its own",
            None => "",
            Some(theirs) if theirs == digest => "the same",
            Some(_) => "another",
        },
        clock: audited.and_then(|audited| audited.clock_skew_seconds).map_or_else(
            String::new,
            |seconds| match seconds < 0.0 {
                true => format!("{} behind", duration(-seconds)),
                false => format!("{} ahead", duration(seconds)),
            },
        ),
        clock_differs: audited.is_some_and(|audited| audited.clock_differs),
        config: match audited {
            Some(audited) if audited.config_differs => "another",
            Some(audited) if audited.config_sha256.is_some() => "the same",
            _ => "",
        },
        suspicion: match &known.suspicion {
            None => String::new(),
            Some(suspicion) => format!(
                "for {}, confirmed by {}; dead in {}",
                age(now - suspicion.since),
                suspicion.confirmations,
                duration(suspicion.left as f64 / 1000.0)
            ),
        },
    }
}
