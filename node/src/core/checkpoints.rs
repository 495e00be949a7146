//! Checkpoints: what the deputies of this node's keys are to keep, and what this one keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use membership::Name;
use model::Seal;
use ownership::handover::checkpoints::{Checkpoints, Stamp, parcels};
use ownership::handover::{CHECKPOINT_BYTES, CHECKPOINT_RENEWED, QuestionError, Target};
use ownership::{ComponentId, Key};

use super::{Core, Output};

/// What this node's collectors said of their targets, and which deputy has it: a position that
/// stands still is said again now and then only, and has to follow when the deputy becomes another. Bounded
/// in bytes like what a deputy keeps; what comes beyond that is left out.
#[derive(Debug, Default)]
pub(super) struct Positions {
    by_target: BTreeMap<Target, Position>,
    bytes: usize,
    /// The components whose collectors checkpoint, here or elsewhere.
    components: BTreeSet<ComponentId>,
    /// Something began with a position, or deputies have become others: what they do not have is sent
    /// before anything else happens, since a crash before the next beat would lose all of it.
    pressing: bool,
    /// How many were left out since the last beat.
    left_out: usize,
    /// How many parcels were sent.
    sent: u64,
}

#[derive(Debug)]
struct Position {
    seal: Seal,
    /// Who has been sent it, unless that one may have lost it since.
    deputy: Option<Name>,
    /// When.
    sent: Option<Instant>,
}

impl Positions {
    /// Whether there was room for it.
    fn put(&mut self, target: Target, seal: Seal) -> bool {
        self.remove(&target);
        let bytes = self.bytes + seal.payload.len();
        let fits = bytes <= CHECKPOINT_BYTES;
        if fits {
            self.bytes = bytes;
            self.by_target.insert(target, Position { seal, deputy: None, sent: None });
        }
        fits
    }

    /// A target begins where another node left it: until its collector says more, that is its position.
    pub(super) fn begin(&mut self, target: &Target, seal: &Seal) {
        if self.components.contains(&target.component) {
            self.left_out += usize::from(!self.put(target.clone(), seal.clone()));
            self.pressing = true;
        }
    }

    /// Deputies may have become others.
    pub(super) fn press(&mut self) {
        self.pressing = !self.by_target.is_empty();
    }

    /// Who has been sent what is removed.
    fn remove(&mut self, target: &Target) -> Option<Name> {
        let position = self.by_target.remove(target)?;
        self.bytes -= position.seal.payload.len();
        position.deputy
    }

    /// Who has been sent each of them.
    #[cfg(test)]
    pub(super) fn deputies(&mut self) -> impl Iterator<Item = &mut Option<Name>> {
        self.by_target.values_mut().map(|position| &mut position.deputy)
    }

    /// A node may not have any more what it was sent.
    pub(super) fn forget_deputy(&mut self, name: &Name) {
        for position in self.by_target.values_mut() {
            position.deputy.take_if(|deputy| deputy == name);
        }
    }
}

impl Core {
    /// Takes what collectors know of these targets, for their deputies: a crash of this node loses no
    /// more than what is newer. It is on its way after [`Core::send_checkpoints`]. How many were left
    /// out because there is no room for them.
    pub fn checkpoint(&mut self, component: &ComponentId, seals: Vec<(Key, Seal)>) -> usize {
        self.positions.components.insert(component.clone());
        let put = |(key, seal)| self.positions.put(Target::new(component, key), seal);
        seals.into_iter().map(put).filter(|fits| !fits).count()
    }

    /// Sends what cannot wait for the next beat.
    pub(super) fn send_pressing_checkpoints(&mut self, now: Instant) {
        if std::mem::take(&mut self.positions.pressing) {
            self.positions.left_out = self.send_checkpoints(now);
        }
    }

    /// Sends what no deputy has yet, and what it has had for long. What this node no longer collects is
    /// forgotten, as is what others no longer renew, and what has no deputy waits for one. How many were left
    /// out because they are too long.
    pub fn send_checkpoints(&mut self, now: Instant) -> usize {
        self.checkpoints.expire(now);
        let (me, generation) = (self.me().name.clone(), self.me().generation);
        let collects = |target: &Target| {
            self.handover.standing(target).is_some_and(|standing| standing.collects())
        };
        let over: Vec<Target> =
            self.positions.by_target.keys().filter(|target| !collects(target)).cloned().collect();
        let mut by_deputy: BTreeMap<Name, Vec<(Target, Option<Seal>)>> = BTreeMap::new();
        for target in over {
            let deputy = self.positions.remove(&target);
            // What is another's now may have to be found by it. What is gone has been ended here.
            if let Some(deputy) = deputy
                && !self.assignment.knows(&target.component, target.key)
            {
                by_deputy.entry(deputy).or_default().push((target, None));
            }
        }
        for (target, position) in &mut self.positions.by_target {
            let deputy = self.assignment.placement(target.key).deputy;
            let Some(deputy) = deputy.filter(|deputy| *deputy != me) else { continue };
            let is_old = |sent| now.saturating_duration_since(sent) >= CHECKPOINT_RENEWED;
            if position.deputy.as_ref() != Some(&deputy) || position.sent.is_some_and(is_old) {
                position.deputy = Some(deputy.clone());
                position.sent = Some(now);
                let seal = Some(position.seal.clone());
                by_deputy.entry(deputy).or_default().push((target.clone(), seal));
            }
        }
        let mut left_out = std::mem::take(&mut self.positions.left_out);
        let mut stamp = Stamp { generation, number: self.positions.sent };
        for (deputy, seals) in by_deputy {
            let Some(to) = self.view().find(&deputy).map(|peer| peer.address) else {
                self.positions.forget_deputy(&deputy);
                continue;
            };
            let (bodies, too_long) = parcels(&me, &deputy, &mut stamp, seals);
            left_out += too_long;
            let outputs = bodies.into_iter().map(|body| Output::Checkpoint { to, body });
            self.outputs.extend(outputs);
        }
        self.positions.sent = stamp.number;
        left_out
    }

    /// Notes that an [`Output::Checkpoint`] to `to` did not arrive: it is sent again.
    pub fn handle_checkpoint_failure(&mut self, to: SocketAddr) {
        let view = self.view();
        let there = view.peers.iter().filter(|peer| peer.address == to);
        there.for_each(|peer| self.positions.forget_deputy(&peer.name));
    }

    /// Keeps what another node sends as the owner of keys of which this one is the deputy.
    ///
    /// # Errors
    /// When it is not that, or not for this node; nothing has changed.
    pub fn handle_checkpoints(&mut self, body: &[u8], now: Instant) -> Result<(), QuestionError> {
        let me = self.me().name.clone();
        for component in self.checkpoints.handle(&me, body, now)? {
            self.positions.components.insert(component);
        }
        Ok(())
    }

    /// What this node keeps for others.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Takes up what this node kept for others before it was restarted.
    pub fn restore_checkpoints(&mut self, checkpoints: Checkpoints) {
        // What begins where one of these ends has a position, though nobody here has said so yet.
        self.positions.components.extend(checkpoints.components());
        self.checkpoints = checkpoints;
    }
}
