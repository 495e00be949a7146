//! Suspicions that are held now, and when each becomes a verdict.
//!
//! Lifeguard's dynamic timeout: a suspicion that nobody else shares is given much time, since the one
//! who suspects may be the slow one; each independent confirmation takes away from it, on a logarithmic
//! scale, down to a minimum that suffices for the suspect to hear of it and to contradict.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use foca::Incarnation;

use super::health::Health;
use crate::{Name, Peer};

#[cfg(test)]
mod tests;

/// How many suspects a node that was deaf begins to ask in one probe period: at three questions each, some
/// three hundred datagrams a second.
const ASKED_PER_PERIOD: usize = 32;

/// How many confirmations make a suspicion as certain as it gets. The paper found more not to help.
pub(super) const CONFIRMATIONS: u32 = 3;

/// How many closed ports, found by different nodes, are as good as a death certificate. One may be a
/// firewall between two nodes.
const REFUSALS: usize = 2;

/// How many times the minimum the maximum is: the paper's beta.
const SLOWEST: u32 = 6;

/// The most witnesses that are remembered of one suspicion.
const WITNESSES_MAX: usize = 8;

/// How long suspicions last, in a cluster of a certain size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub min: Duration,
    /// How many confirmations there can be at most: nobody but the suspect and this node counts.
    pub expected: u32,
}

impl Patience {
    pub(super) fn new(min: Duration, size: usize) -> Self {
        let others = u32::try_from(size.saturating_sub(2)).unwrap_or(u32::MAX);
        Self { min, expected: CONFIRMATIONS.min(others) }
    }

    pub(super) fn max(&self) -> Duration {
        self.min * SLOWEST
    }

    /// The time a suspicion lasts that `confirmations` nodes share.
    pub(super) fn timeout(&self, confirmations: u32) -> Duration {
        if confirmations >= self.expected {
            return self.min;
        }
        let certainty = f64::from(confirmations + 1).ln() / f64::from(self.expected + 1).ln();
        self.max() - (self.max() - self.min).mul_f64(certainty)
    }
}

/// What verdicts follow from beyond the suspicion itself. It is the same for all suspects, which are
/// hundreds at the moment in which a large cluster falls apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds {
    /// How many confirmations make a suspicion certain.
    expected: u32,
    /// Whether this node hears from others. What they found counts only then.
    hears: bool,
    /// How long a suspicion lasts that is certain; the same for one that began anew because this node
    /// had been deaf; and by the number of confirmations, one that is not certain.
    certain: Duration,
    renewed: Duration,
    uncertain: [Duration; CONFIRMATIONS as usize],
}

impl Grounds {
    /// Whoever finds everybody silent, or was deaf until now, waits all the longer.
    pub(super) fn new(patience: Patience, health: &Health, hears: bool) -> Self {
        let uncertain = [0, 1, 2].map(|shared| health.stretch(patience.timeout(shared)));
        Self {
            expected: patience.expected,
            hears,
            certain: patience.min,
            renewed: health.stretch(patience.min),
            uncertain,
        }
    }

    /// When the suspicion becomes a verdict.
    pub(super) fn deadline(&self, suspect: &Suspect) -> Instant {
        let shared = suspect.confirmations();
        let certain = shared >= self.expected && (self.expected == 0 || self.hears);
        let timeout = match (certain, suspect.renewed, self.hears) {
            (true, false, _) => self.certain,
            (true, true, _) => self.renewed,
            (false, _, true) => self.uncertain[shared as usize],
            (false, _, false) => self.uncertain[0],
        };
        suspect.since + timeout
    }
}

/// Who found out by itself that a peer is silent.
#[derive(Debug, Clone, Copy)]
struct Witness {
    by: [u8; 8],
    refused: bool,
}

/// One suspicion.
#[derive(Debug)]
pub(super) struct Suspect {
    pub peer: Peer,
    pub incarnation: Incarnation,
    pub started: Instant,
    /// When it began, or when the suspect was last heard from.
    pub since: Instant,
    witnesses: Vec<Witness>,
    /// How many of the witnesses, the first ones, were proved wrong by a message of the suspect.
    discounted: usize,
    /// How many of the others found its port closed.
    refused: usize,
    /// How often this node found the port closed.
    pub refusals: u8,
    /// When the suspect was last told.
    pub told: Option<Instant>,
    pub check: Option<Verification>,
    /// When this node asks it, if nobody has shared the suspicion by then.
    pub last_words: Option<Instant>,
    pub next_knock: Option<Instant>,
    /// Whether it began anew because this node had been deaf.
    pub renewed: bool,
}

/// This node's own look at a peer that others suspect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verification {
    pub next: Instant,
    pub tries: u8,
}

impl Verification {
    /// The tries of those whom chance spares.
    pub(super) const NOT_CHOSEN: u8 = u8::MAX;
}

impl Suspect {
    fn new(peer: Peer, incarnation: Incarnation, now: Instant) -> Self {
        Self {
            peer,
            incarnation,
            started: now,
            since: now,
            witnesses: Vec::new(),
            discounted: 0,
            refused: 0,
            refusals: 0,
            told: None,
            check: None,
            last_words: None,
            next_knock: None,
            renewed: false,
        }
    }

    /// Adds a witness; whether that is news which is worth passing on.
    pub(super) fn witness(&mut self, by: [u8; 8], refused: bool) -> bool {
        if let Some(at) = self.witnesses.iter().position(|known| known.by == by) {
            let known = &mut self.witnesses[at];
            let news = refused && !known.refused;
            known.refused |= refused;
            self.refused += usize::from(news && at >= self.discounted);
            return news;
        }
        if self.witnesses.len() >= WITNESSES_MAX {
            return false;
        }
        self.witnesses.push(Witness { by, refused });
        self.refused += usize::from(refused);
        self.witnesses.len() <= CONFIRMATIONS as usize + 1 || refused && self.refused <= REFUSALS
    }

    /// Whether `by` has testified.
    pub(super) fn is_witness(&self, by: [u8; 8]) -> bool {
        self.witnesses.iter().any(|witness| witness.by == by)
    }

    /// How many nodes beyond the first found it silent since it was last heard from.
    pub(super) fn confirmations(&self) -> u32 {
        let counting = self.witnesses.len() - self.discounted;
        u32::try_from(counting.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Has this node ask it after twice the time that a certain suspicion lasts, somewhat spread: one that
    /// nobody shares by then may be about an incarnation that everybody else knows to be contradicted,
    /// so that nobody will contradict it unless asked.
    pub(super) fn ask_later(&mut self, min: Duration) {
        let spread = min.mul_f64((self.peer.name.hash() % 1024) as f64 / 1024.0);
        self.last_words = Some(self.started + 2 * min + spread);
    }

    /// Whether enough nodes, of which there are `others`, found nobody listening there. The only one
    /// left has to find so twice.
    pub(super) fn is_certain(&self, others: usize) -> bool {
        if others > 1 {
            self.refused >= REFUSALS.min(others)
        } else {
            self.refused > 0 && self.refusals >= 2
        }
    }

    /// It was heard from: what was found out before does not count any more, and those who looked
    /// for themselves look again.
    pub(super) fn heard(&mut self, now: Instant) {
        self.since = now;
        self.refusals = 0;
        self.discounted = self.witnesses.len();
        self.refused = 0;
        self.next_knock = None;
        if let Some(check) = &mut self.check
            && check.tries != Verification::NOT_CHOSEN
        {
            *check = Verification { next: now, tries: 0 };
        }
    }
}

/// All of them, by [`Name::hash`]: they are looked up for every peer that a datagram mentions.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    table: BTreeMap<u64, Suspect>,
}

impl Suspicions {
    /// The suspicion of `peer`, which begins now unless it is held already; whether it is new.
    pub(super) fn hold(
        &mut self,
        peer: &Peer,
        incarnation: Incarnation,
        now: Instant,
    ) -> (&mut Suspect, bool) {
        let new = self
            .table
            .get(&peer.name.hash())
            .is_none_or(|held| held.peer != *peer || held.incarnation != incarnation);
        let fresh = || Suspect::new(peer.clone(), incarnation, now);
        let held = self.table.entry(peer.name.hash()).or_insert_with(fresh);
        if new {
            *held = fresh();
        }
        (held, new)
    }

    /// This node was deaf and hears again: what it and others who were deaf with it found meanwhile says
    /// more about them than about the suspects, whose contradictions are on their way. That happens
    /// once to each suspicion, and more often only while it is younger than `limit`, if there is one, or
    /// else whoever hears little would never come to a verdict.
    pub(super) fn renew(&mut self, now: Instant, limit: Option<Duration>, period: Duration) {
        let young = |suspect: &Suspect| limit.is_none_or(|limit| now < suspect.started + limit);
        let renewed = |suspect: &&mut Suspect| !suspect.renewed || young(suspect);
        for (number, suspect) in self.table.values_mut().filter(renewed).enumerate() {
            suspect.renewed = true;
            suspect.heard(now);
            // One that lives answers, and contradicts. Where many are suspected, not all are asked at once.
            let turn = u32::try_from(number / ASKED_PER_PERIOD).unwrap_or(u32::MAX);
            let next = now + period.saturating_mul(turn);
            suspect.check = Some(Verification { next, tries: 0 });
        }
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Suspect> {
        self.table.get(&name.hash())
    }

    pub(super) fn get_mut(&mut self, name: &Name) -> Option<&mut Suspect> {
        self.table.get_mut(&name.hash())
    }

    pub(super) fn release(&mut self, name: &Name) -> Option<Suspect> {
        self.table.remove(&name.hash())
    }

    /// In no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Suspect> {
        self.table.values()
    }

    /// The names of those of which `holds`, sorted.
    pub(super) fn names(&self, mut holds: impl FnMut(&Suspect) -> bool) -> Vec<Name> {
        let chosen = self.iter().filter(|suspect| holds(suspect));
        let mut names: Vec<Name> = chosen.map(|suspect| suspect.peer.name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }
}
