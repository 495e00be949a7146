//! Whom a check looks for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rand::Rng;
use rand::seq::SliceRandom as _;

use crate::cluster::{ClusterState, SeedStatus};

/// Somebody to look for: where, and the name if it is known.
pub(super) type Place = (SocketAddr, String);

/// Up to `most` places, and how many were left out. Those where nobody is known to answer come first: they
/// are what a check is for. Of the others it is chance that decides, so that the next check looks at others.
pub(super) fn chosen(state: &ClusterState, most: usize, rng: &mut impl Rng) -> (Vec<Place>, usize) {
    let failed = |seed: &&SeedStatus| matches!(seed.outcome, "unreachable" | "refused");
    let failed: BTreeSet<SocketAddr> =
        state.seeds.iter().filter(failed).map(|seed| seed.address).collect();
    let live: BTreeSet<SocketAddr> = state.peers.iter().map(|peer| peer.address).collect();
    let is_silent = |address: &SocketAddr| !live.contains(address) || failed.contains(address);
    let (mut silent, mut others): (Vec<Place>, Vec<Place>) =
        places(state).into_iter().partition(|(address, _)| is_silent(address));
    silent.shuffle(rng);
    others.shuffle(rng);
    silent.append(&mut others);
    let left_out = silent.len().saturating_sub(most);
    silent.truncate(most);
    (silent, left_out)
}

/// The addresses of peers, with their names, and of seeds that do not lead to this node. An address
/// of the other family that does not answer is none: it is a second one of somebody.
pub(super) fn places(state: &ClusterState) -> BTreeMap<SocketAddr, String> {
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
