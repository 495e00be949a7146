//! Seals that owners send to deputies while they collect, for the case that they crash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use membership::Name;
use model::Seal;
use serde::{Deserialize, Serialize};

use super::limits::{CHECKPOINT_BYTES, CHECKPOINT_KEPT, CHECKPOINT_MAX, CHECKPOINT_PARCEL};
use super::wire::{self, Packed};
use super::{Malformed, QuestionError, Target};
use crate::{ComponentId, Key};

#[cfg(test)]
mod tests;

/// What a node keeps for others: for each key the last seal of its owner. Bounded in bytes and in time; the
/// oldest are forgotten first.
///
/// A key that has changed hands may have a seal of each of its owners here: that of the one before may be
/// late, and must not take the place of the other.
#[derive(Debug, Clone, Default)]
pub struct Checkpoints {
    held: BTreeMap<Target, Vec<Held>>,
    /// Keys in the order in which they came; those that came again are skipped.
    order: VecDeque<(u64, Target)>,
    /// How many seals there are.
    count: usize,
    next: u64,
    bytes: usize,
    changes: u64,
    evicted: u64,
}

#[derive(Debug, Clone)]
struct Held {
    from: Name,
    stamp: Stamp,
    seal: Seal,
    number: u64,
    came: Instant,
}

/// Which of two parcels of an owner is the later one: they may overtake each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The owner's generation.
    pub generation: u64,
    /// How many parcels it has sent before, in this generation or ones before.
    pub number: u64,
}

/// Checkpoints on their way.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    from: Name,
    to: Name,
    stamp: Stamp,
    /// Nothing where the target is gone, and its series were ended.
    seals: Vec<(String, u64, Option<Packed>)>,
}

/// Checkpoints on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Shelf(Vec<(Name, Stamp, String, u64, Packed)>);

/// The checkpoints of `from` for one deputy, in bodies for [`Checkpoints::handle`], of which each takes the
/// next `stamp`. What has no seal is gone, and no longer kept. Seals that are too long for a body are left out;
/// how many.
pub fn parcels(
    from: &Name,
    to: &Name,
    stamp: &mut Stamp,
    seals: Vec<(Target, Option<Seal>)>,
) -> (Vec<Bytes>, usize) {
    let mut bodies = Vec::new();
    let (mut parcel, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    let mut pack = |seals| {
        stamp.number += 1;
        wire::encode(&Parcel { from: from.clone(), to: to.clone(), stamp: *stamp, seals })
    };
    for (Target { component, key }, seal) in seals {
        let payload = seal.as_ref().map_or(0, |seal| seal.payload.len());
        let length = payload + component.len() + 64;
        if length > CHECKPOINT_PARCEL {
            left_out += 1;
            continue;
        }
        if bytes + length > CHECKPOINT_PARCEL {
            bodies.push(pack(std::mem::take(&mut parcel)));
            bytes = 0;
        }
        bytes += length;
        parcel.push((component.to_string(), key.as_u64(), seal.map(Packed::from)));
    }
    if !parcel.is_empty() {
        bodies.push(pack(parcel));
    }
    (bodies, left_out)
}

impl Checkpoints {
    /// Takes what another node sends to `me`; of which components it is.
    ///
    /// # Errors
    /// When it is not that; nothing has changed.
    pub fn handle(
        &mut self,
        me: &Name,
        body: &[u8],
        now: Instant,
    ) -> Result<BTreeSet<ComponentId>, QuestionError> {
        let mut components = BTreeSet::new();
        let parcel: Parcel = wire::decode::<_, CHECKPOINT_MAX>(body)?;
        if parcel.to != *me {
            return Err(QuestionError::Misdirected(parcel.to));
        }
        let (from, stamp) = (parcel.from, parcel.stamp);
        for (component, key, seal) in parcel.seals {
            let component = ComponentId::from(component.as_str());
            if !components.contains(&component) {
                components.insert(component.clone());
            }
            let target = Target { component, key: Key::from(key) };
            match seal {
                Some(seal) => self.put(target, (from.clone(), stamp), seal.into(), now),
                None => {
                    self.remove(&target, |held| held.from == from && held.stamp < stamp);
                }
            }
        }
        Ok(components)
    }

    /// The checkpoint of a key, if it was `from` who left it, or the last that there is where it is not
    /// known who collected it; none of it is kept any longer.
    pub fn take(&mut self, target: &Target, from: Option<&Name>) -> Option<Seal> {
        let of_key = self.held.get(target)?.iter();
        let found = of_key.filter(|held| from.is_none_or(|from| held.from == *from));
        let seal = found.max_by_key(|held| held.number)?.seal.clone();
        self.remove(target, |_| true);
        Some(seal)
    }

    /// The checkpoint of a key that `from` left in a generation before this one, which stays.
    pub fn find_before(&self, target: &Target, from: &Name, generation: u64) -> Option<&Seal> {
        let earlier = |held: &&Held| held.from == *from && held.stamp.generation < generation;
        self.held.get(target)?.iter().find(earlier).map(|held| &held.seal)
    }

    /// Forgets what its owner has not renewed for [`CHECKPOINT_KEPT`]: its target is gone, or has another
    /// deputy.
    pub fn expire(&mut self, now: Instant) {
        while let Some((number, target)) = self.order.front() {
            let number = *number;
            let held = self.held.get(target).and_then(|of_key| {
                of_key.iter().find(|held| held.number == number).map(|held| held.came)
            });
            if held.is_some_and(|came| now.saturating_duration_since(came) < CHECKPOINT_KEPT) {
                return;
            }
            if let Some((number, target)) = self.order.pop_front() {
                self.remove(&target, |held| held.number == number);
            }
        }
    }

    /// Of how many keys there are some.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// How often something was put in or taken out; as long as that is the same, so is what
    /// [`Self::save`] returns.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes of their payloads, with what each takes besides.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many were forgotten because there was no room for them.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Of which components there are some.
    pub fn components(&self) -> BTreeSet<ComponentId> {
        self.held.keys().map(|target| target.component.clone()).collect()
    }

    /// All of them, for [`Checkpoints::restore`] after a restart.
    pub fn save(&self) -> Bytes {
        let all =
            self.held.iter().flat_map(|(target, of_key)| of_key.iter().map(move |h| (target, h)));
        let shelf = all.map(|(Target { component, key }, held)| {
            let seal = Packed::from(held.seal.clone());
            (held.from.clone(), held.stamp, component.to_string(), key.as_u64(), seal)
        });
        wire::encode(&Shelf(shelf.collect()))
    }

    /// What was saved before a restart, as if it had come now.
    ///
    /// # Errors
    /// When it is something else, or broken.
    pub fn restore(saved: &[u8], now: Instant) -> Result<Self, Malformed> {
        let mut checkpoints = Self::default();
        // Twice the payloads is more than all the rest takes.
        let Shelf(shelf) = wire::decode::<_, { 2 * CHECKPOINT_BYTES }>(saved)?;
        for (from, stamp, component, key, seal) in shelf {
            let component = ComponentId::from(component.as_str());
            let target = Target { component, key: Key::from(key) };
            checkpoints.put(target, (from, stamp), seal.into(), now);
        }
        Ok(checkpoints)
    }

    fn put(&mut self, target: Target, (from, stamp): (Name, Stamp), seal: Seal, now: Instant) {
        let of_key = self.held.get(&target).map_or(&[][..], Vec::as_slice);
        let before = of_key.iter().find(|held| held.from == from);
        if before.is_some_and(|before| before.stamp >= stamp) {
            // That one was sent later.
            return;
        }
        // What is only said again needs not be written to disk again.
        let changes = self.changes + u64::from(before.is_none_or(|before| before.seal != seal));
        let oldest = of_key.iter().map(|held| held.number).min();
        let full = before.is_none() && of_key.len() >= OWNERS;
        self.remove(&target, |held| held.from == from || full && Some(held.number) == oldest);
        self.changes = changes;
        self.next += 1;
        self.bytes += seal.payload.len() + OVERHEAD;
        self.count += 1;
        self.order.push_back((self.next, target.clone()));
        let held = Held { from, stamp, seal, number: self.next, came: now };
        self.held.entry(target).or_default().push(held);
        while self.bytes > CHECKPOINT_BYTES
            && let Some((number, target)) = self.order.pop_front()
        {
            self.evicted += u64::from(self.remove(&target, |held| held.number == number));
        }
        if self.order.len() > 2 * self.count + 1024 {
            let held = &self.held;
            let is_held = |number: u64, target: &Target| {
                held.get(target).is_some_and(|of_key| of_key.iter().any(|h| h.number == number))
            };
            self.order.retain(|(number, target)| is_held(*number, target));
        }
    }

    /// Removes some of the seals of a key; whether there were any.
    fn remove(&mut self, target: &Target, which: impl Fn(&Held) -> bool) -> bool {
        let Some(of_key) = self.held.get_mut(target) else { return false };
        let before = self.count;
        of_key.retain(|held| {
            let goes = which(held);
            if goes {
                self.count -= 1;
                self.bytes -= held.seal.payload.len() + OVERHEAD;
            }
            !goes
        });
        if of_key.is_empty() {
            self.held.remove(target);
        }
        self.changes += u64::from(self.count != before);
        self.count != before
    }
}

/// Owners of which a key may have a seal: more than these do not follow each other while parcels are on
/// their way.
const OWNERS: usize = 4;

/// What a checkpoint takes besides its payload, in bytes.
const OVERHEAD: usize = 200;
