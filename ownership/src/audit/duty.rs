//! Who stands in for an owner that does not collect.
//!
//! Of all who know a target, the one that ranks highest collects it. A node knows that it is this one
//! when every other that ranks higher has said that it does not know the target.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use membership::Name;

use super::{Audit, Facts, Output, Peer, Why};
use crate::Key;
use crate::handover::Target;

impl Audit {
    /// What `owner` does not collect although it should, and this node is the next to know, is
    /// collected here once it has lasted.
    pub(super) fn conclude(&mut self, owner: &Name, facts: Facts<'_>, now: Instant) {
        let Some(peer) = self.peers.get(&owner.hash()) else { return };
        if peer.differences.is_empty() && peer.unowned.is_empty() {
            return;
        }
        let mut unowned = BTreeMap::new();
        for (component, difference) in &peer.differences {
            let lacking = difference.lacking.keys();
            let keys: BTreeSet<&Key> = lacking.chain(difference.idle.keys()).collect();
            for key in keys {
                let target = Target::new(component, *key);
                if let Some(found) = self.is_next(&target, owner, facts) {
                    unowned.insert(target, found);
                }
            }
        }
        let may_start = facts.open && facts.assignment.contains(self.me.name());
        for (target, (why, since)) in &unowned {
            let lasted = now.saturating_duration_since(*since) >= why.patience();
            if may_start && lasted && facts.handover.standing(target).is_none() {
                self.outputs.push_back(Output::Cover {
                    target: target.clone(),
                    owner: owner.clone(),
                    holder: self.coverer(target),
                    overlap: *why == Why::Idle,
                });
            }
        }
        if let Some(peer) = self.peers.get_mut(&owner.hash()) {
            peer.unowned = unowned;
        }
    }

    /// Why `owner` does not collect `target`, if it is the owner, and since when nobody who ranks
    /// above this node knows it.
    fn is_next(&self, target: &Target, owner: &Name, facts: Facts<'_>) -> Option<(Why, Instant)> {
        let Target { component, key } = target;
        let (_, owned_by) = facts.assignment.owners_between(component, *key, *key).next()?;
        if owned_by != Some(owner) {
            return None;
        }
        let why = |name: &Name| self.peers.get(&name.hash())?.differences.get(component)?.why(*key);
        let (mut longest, mut since) = why(owner)?;
        for name in facts.assignment.above(*key, &self.me).filter(|name| *name != owner) {
            let (other, other_since) = why(name)?;
            since = since.max(other_since);
            if other.patience() > longest.patience() {
                longest = other;
            }
        }
        Some((longest, since))
    }

    /// Who collects a target that is not its own.
    fn coverer(&self, target: &Target) -> Option<Name> {
        let covers = |peer: &Peer| {
            let difference = peer.differences.get(&target.component);
            difference.is_some_and(|difference| difference.strays.contains(&target.key))
        };
        self.peers.values().find(|peer| covers(peer)).map(|peer| peer.name.clone())
    }
}
