//! Checkpoints: what the deputies of this node's keys are to keep, and what this one keeps.

use std::collections::BTreeMap;

use membership::Name;
use model::Seal;
use ownership::handover::checkpoints::{Checkpoints, parcels};
use ownership::handover::{QuestionError, Target};
use ownership::{ComponentId, Key};

use super::{Core, Output};

impl Core {
    /// Sends what collectors know of these targets to their deputies, so that a crash of this node
    /// loses no more than what is newer. Those that this node does not collect, and those without a
    /// deputy, are left out. How many were left out because they are too long.
    pub fn checkpoint(&mut self, component: &ComponentId, seals: Vec<(Key, Seal)>) -> usize {
        let me = self.me().name.clone();
        let mut by_deputy: BTreeMap<Name, Vec<(Target, Seal)>> = BTreeMap::new();
        for (key, seal) in seals {
            let target = Target::new(component, key);
            let collects = self.handover.standing(&target).is_some_and(|s| s.collects());
            let deputy = self.assignment.placement(key).deputy.filter(|deputy| *deputy != me);
            if let (Some(deputy), true) = (deputy, collects) {
                by_deputy.entry(deputy).or_default().push((target, seal));
            }
        }
        let mut left_out = 0;
        for (deputy, seals) in by_deputy {
            let Some(to) = self.view().find(&deputy).map(|peer| peer.address) else { continue };
            let (bodies, too_long) = parcels(&me, &deputy, seals);
            left_out += too_long;
            let outputs = bodies.into_iter().map(|body| Output::Checkpoint { to, body });
            self.outputs.extend(outputs);
        }
        left_out
    }

    /// Keeps what another node sends as the owner of keys of which this one is the deputy.
    ///
    /// # Errors
    /// When it is not that, or not for this node; nothing has changed.
    pub fn handle_checkpoints(&mut self, body: &[u8]) -> Result<(), QuestionError> {
        let me = self.me().name.clone();
        self.checkpoints.handle(&me, body)
    }

    /// What this node keeps for others.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Takes up what this node kept for others before it was restarted.
    pub fn restore_checkpoints(&mut self, checkpoints: Checkpoints) {
        self.checkpoints = checkpoints;
    }
}
