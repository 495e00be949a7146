//! Who was given what, for those who ask later or again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use membership::Name;
use model::Seal;

use super::limits::{FETCHED_WITHIN, GIVEN_BYTES, GIVEN_FOR, GIVEN_KEYS, SOON_LIMIT, TRAVELS};
use super::{MoveCause, Target};

/// The keys that this node gave away lately. Bounded in time, number and bytes; what is forgotten
/// too early costs a seal, or an overlap.
#[derive(Debug, Default)]
pub(super) struct Given {
    entries: BTreeMap<Target, Gift>,
    order: VecDeque<(Instant, Target)>,
    bytes: usize,
    /// Those whose claimants have been told to ask again and have not yet, by when they were given: a
    /// node that leaves waits for them.
    unfetched: BTreeSet<(Instant, Target)>,
    /// Those that this node let go of and gave to nobody, by when it did.
    let_go: BTreeMap<Target, Instant>,
    let_go_order: VecDeque<(Instant, Target)>,
}

#[derive(Debug)]
pub(super) struct Gift {
    pub to: Name,
    /// Which process of that name asked for it; nothing where it is not known that one did.
    pub life: Option<u64>,
    /// Kept for the case that the answer got lost, as long as there is room.
    pub seal: Option<Seal>,
    /// Why it was given.
    pub cause: MoveCause,
    pub at: Instant,
}

impl Given {
    pub(super) fn insert(
        &mut self,
        target: Target,
        (to, life): (Name, Option<u64>),
        seal: Option<Seal>,
        cause: MoveCause,
        now: Instant,
    ) {
        self.remove(&target);
        let length = seal.as_ref().map_or(0, |seal| seal.payload.len());
        let seal = seal.filter(|_| self.bytes + length <= GIVEN_BYTES);
        self.bytes += seal.as_ref().map_or(0, |seal| seal.payload.len());
        self.order.push_back((now, target.clone()));
        self.unfetched.insert((now, target.clone()));
        self.entries.insert(target, Gift { to, life, seal, cause, at: now });
        self.expire(now);
    }

    /// This node does not collect a key any more, and gave it to nobody.
    pub(super) fn let_go(&mut self, target: &Target, now: Instant) {
        self.let_go.insert(target.clone(), now);
        self.let_go_order.push_back((now, target.clone()));
        self.expire(now);
    }

    /// When this node last had a key, as far as that is known and matters still.
    pub(super) fn had(&self, target: &Target) -> Option<Instant> {
        let given = self.entries.get(target).map(|gift| gift.at);
        given.max(self.let_go.get(target).copied())
    }

    /// Whether what was given to a node may not have arrived there yet.
    pub(super) fn travels(&self, target: &Target, to: &Name, now: Instant) -> bool {
        self.find(target).is_some_and(|gift| gift.to == *to && now < gift.at + TRAVELS)
    }

    pub(super) fn find(&self, target: &Target) -> Option<&Gift> {
        self.entries.get(target)
    }

    /// The claimant has its answer, or will have it in this moment.
    pub(super) fn fetched(&mut self, target: &Target) {
        if let Some(gift) = self.entries.get(target) {
            self.unfetched.remove(&(gift.at, target.clone()));
        }
    }

    /// How many claimants will ask again for what was given to them.
    pub(super) fn unfetched(&self) -> usize {
        self.unfetched.len()
    }

    /// When the first of them is waited for no longer.
    pub(super) fn due(&self) -> Option<Instant> {
        self.unfetched.first().map(|(at, _)| *at + FETCHED_WITHIN)
    }

    pub(super) fn remove(&mut self, target: &Target) -> Option<Gift> {
        let gift = self.entries.remove(target)?;
        self.unfetched.remove(&(gift.at, target.clone()));
        self.bytes -= gift.seal.as_ref().map_or(0, |seal| seal.payload.len());
        Some(gift)
    }

    /// Forgets what is old, and the oldest of too many.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            self.unfetched.pop_first();
        }
        while let Some((at, target)) = self.let_go_order.front() {
            // Nobody gives again what it gave before that.
            let old = now.saturating_duration_since(*at) > SOON_LIMIT;
            if !old && self.let_go_order.len() <= GIVEN_KEYS {
                break;
            }
            if self.let_go.get(target) == Some(at) {
                self.let_go.remove(target);
            }
            self.let_go_order.pop_front();
        }
        while let Some((at, target)) = self.order.front() {
            let old = now.saturating_duration_since(*at) > GIVEN_FOR;
            // An entry that was replaced since leaves its place in the order behind.
            let stale = self.entries.get(target).is_none_or(|gift| gift.at != *at);
            let many = self.entries.len() > GIVEN_KEYS || self.order.len() > 2 * GIVEN_KEYS;
            if !old && !stale && !many {
                break;
            }
            let Some((_, target)) = self.order.pop_front() else { break };
            if !stale {
                self.remove(&target);
            }
        }
    }
}
