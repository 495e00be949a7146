//! What is asked leaves in batches.

use std::collections::BTreeSet;
use std::time::Instant;

use membership::Name;

use super::asking::Matter;
use super::limits::{BATCH_KEYS, CLAIM_TIMEOUT, REQUESTS_PER_PEER};
use super::phase::{Phase, Stage};
use super::under_way::{Asked, UnderWay};
use super::wire::{self, Ask, Had, Question};
use super::{Handover, Output, Target};

impl Handover {
    /// Sends what is queued, in batches, as far as there is room.
    pub(super) fn send(&mut self, now: Instant) {
        if self.queues.is_empty() {
            return;
        }
        let has_room = |asked: &UnderWay, to: &Name| asked.of(to) < REQUESTS_PER_PEER;
        let ready = self.queues.keys().filter(|(to, _)| has_room(&self.asked, to)).cloned();
        for (to, matter) in ready.collect::<Vec<_>>() {
            let place = (to, matter);
            let Some(mut queue) = self.queues.remove(&place) else { continue };
            let to = &place.0;
            queue.retain(|target| self.is_queued(target, to, matter));
            while has_room(&self.asked, to) && !queue.is_empty() {
                let rest = queue.iter().nth(BATCH_KEYS).cloned();
                let rest = rest.map(|first| queue.split_off(&first)).unwrap_or_default();
                self.ask(to, matter, std::mem::replace(&mut queue, rest), now);
            }
            if !queue.is_empty() {
                self.queues.insert(place, queue);
            }
        }
    }

    fn is_queued(&self, target: &Target, to: &Name, matter: Matter) -> bool {
        match (self.phase(target), matter) {
            (Some(Phase::Claiming(claiming)), Matter::Claim) => {
                claiming.stage == Stage::Queued && claiming.ask == *to
            }
            (Some(Phase::Yielding(yielding)), Matter::Offer) => {
                yielding.stage == Stage::Queued && yielding.to.as_ref() == Some(to)
            }
            _ => false,
        }
    }

    fn ask(&mut self, to: &Name, matter: Matter, targets: BTreeSet<Target>, now: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        for target in &targets {
            match self.phase_mut(target) {
                Some(Phase::Claiming(claiming)) => {
                    claiming.stage = Stage::Asked(id);
                    if !std::mem::replace(&mut claiming.tried, true) {
                        claiming.deadline = claiming.deadline.max(now + CLAIM_TIMEOUT);
                    }
                    self.arm(target);
                }
                Some(Phase::Yielding(yielding)) => yielding.stage = Stage::Asked(id),
                _ => {}
            }
        }
        let groups = wire::group(&targets);
        let ask = match matter {
            Matter::Claim => Ask::Claim { life: self.life, groups, had: self.had(&targets, now) },
            Matter::Offer => Ask::Offer(groups),
        };
        let question = Question { from: self.me.name().clone(), to: to.clone(), ask };
        let targets = targets.into_iter().collect();
        self.asked.insert(id, Asked { to: to.clone(), matter, targets });
        self.outputs.push_back(Output::Ask { to: to.clone(), id, body: question.encode() });
    }

    /// Which of these this node has had lately, and until when.
    fn had(&self, targets: &BTreeSet<Target>, now: Instant) -> Vec<Had> {
        let had = |(place, target): (usize, &Target)| {
            let ago = now.saturating_duration_since(self.given.had(target)?).as_millis();
            Some(Had { place: u16::try_from(place).ok()?, ago: u32::try_from(ago).ok()? })
        };
        targets.iter().enumerate().filter_map(had).collect()
    }
}
