//! Whom a node that looks for its cluster asks in the place of one that was no help.

use std::net::SocketAddr;
use std::time::Instant;

use rand::seq::IteratorRandom;

use super::sync::{Answer, INSTEAD_MAX};
use super::{Farewell, Swim};

impl Swim {
    /// Nothing came of asking somebody: a node that has not joined asks a seed that it has not tried yet
    /// in its place, so that it has tried all of them soon, however many there are.
    pub(super) fn ask_another(&mut self, now: Instant) {
        let looks = self.joined.is_none() && self.farewell == Farewell::No && !self.is_checking();
        let (limit, me) = (self.config.max_join_peers, self.me.address);
        if looks && let Some(address) = self.seeds.untried(limit, me, &mut self.rng) {
            let ask = self.ask_for_state();
            self.ask(address, ask, now);
        }
    }

    /// Asks those whom the node at `to` names in its place.
    pub(super) fn ask_instead(&mut self, to: SocketAddr, instead: &[SocketAddr], now: Instant) {
        // Whom one names that was named itself is not asked: two that name each other would keep a
        // newcomer busy. Nor is a seed, which has its own turn.
        let looks = self.joined.is_none() && self.farewell == Farewell::No && !self.is_checking();
        if !looks || !self.seeds.contain(to) {
            return;
        }
        for address in instead.iter().take(INSTEAD_MAX) {
            if *address != self.me.address && !self.seeds.contain(*address) {
                let ask = self.ask_for_state();
                self.ask(*address, ask, now);
            }
        }
    }

    /// Who takes no part names others who do: whoever keeps it out and who told of that one, or some of
    /// those it leaves.
    pub(super) fn out(&mut self) -> Answer {
        let clash = self.clash.as_ref();
        let first = clash.map(|clash| clash.first.address);
        let mut instead: Vec<SocketAddr> =
            first.into_iter().chain(clash.and_then(|clash| clash.told_by)).collect();
        let room = INSTEAD_MAX - instead.len();
        let left = self.live.peers().map(|peer| peer.address);
        instead.extend(left.sample(&mut self.rng, room));
        Answer::Out { instead }
    }
}
