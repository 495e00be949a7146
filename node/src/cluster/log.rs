//! What happens in the cluster, as log lines.

use crate::core::Gate;
use membership::{Cause, Event};
use tracing::{error, info, warn};

/// Writes down that new targets may be started from now on, or may not.
pub(super) fn gate(open: bool, gate: &Gate) {
    let minimum = gate.wait_for_size();
    if !open {
        warn!(minimum, "the minimum cluster size is not met; nothing new is started until it is");
    } else if gate.is_expired() {
        warn!(
            minimum,
            "the deadline for the minimum cluster size has passed; starting all the same"
        );
    } else {
        info!(minimum, "the minimum cluster size is reached");
    }
}

/// Writes an event down.
pub(super) fn event(event: &Event) {
    match event {
        Event::Up(peer) => {
            info!(peer = %peer.name, address = %peer.address, state = %peer.state, "peer is up");
        }
        Event::Down { peer, cause, .. } => {
            let (peer, address) = (&peer.name, peer.address);
            match cause {
                Cause::Left => info!(%peer, %address, "peer left"),
                Cause::Failed => warn!(%peer, %address, "peer failed"),
                Cause::Withdrawn => info!(%peer, %address, "peer lost from sight"),
            }
        }
        Event::Changed { from, to, .. } => {
            let peer = &to.name;
            if from.address != to.address {
                info!(%peer, from = %from.address, to = %to.address, "peer changed its address");
            }
            if from.state != to.state {
                info!(%peer, from = %from.state, to = %to.state, "peer changed its state");
            }
        }
        Event::Me { from, to } => {
            if from.state != to.state {
                info!(from = %from.state, to = %to.state, "this node changed its state");
            }
            if from.generation != to.generation {
                // It was taken for dead, or its clock went back, or a namesake was there.
                warn!(
                    generation = to.generation,
                    "others know of another life of this node, or take it for dead; it goes on \
                     under a higher generation"
                );
            }
        }
        Event::Joined { seed } => {
            info!(seed = %seed.name, address = %seed.address, "joined the cluster");
        }
        Event::Formed => info!("this node is a cluster of its own"),
        Event::Isolated => warn!("all peers are gone; looking for them at the seeds"),
        Event::NameClash { mine, theirs } => error!(
            name = %mine.name,
            mine = %mine.address,
            theirs = %theirs.address,
            "another live node has this node's name; this one stays out of the cluster until \
             that one is gone: give it another --cluster.node-name"
        ),
    }
}
