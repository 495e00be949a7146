//! Seals that owners send to deputies while they collect, for the case that they crash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use membership::Name;
use model::Seal;
use serde::{Deserialize, Serialize};

use super::limits::{CHECKPOINT_BYTES, CHECKPOINT_MAX, CHECKPOINT_PARCEL};
use super::wire::{self, Packed};
use super::{Malformed, QuestionError, Target};
use crate::{ComponentId, Key};

/// What a node keeps for others: for each key the last seal of its owner. Bounded in bytes; the
/// oldest are forgotten first.
#[derive(Debug, Default)]
pub struct Checkpoints {
    held: BTreeMap<Target, Held>,
    /// Keys in the order in which they came; those that came again are skipped.
    order: VecDeque<(u64, Target)>,
    next: u64,
    bytes: usize,
    changes: u64,
}

#[derive(Debug)]
struct Held {
    from: Name,
    seal: Seal,
    number: u64,
}

/// Checkpoints on their way.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    from: Name,
    to: Name,
    seals: Vec<(String, u64, Packed)>,
}

/// Checkpoints on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Shelf(Vec<(Name, String, u64, Packed)>);

/// The checkpoints of `from` for one deputy, in bodies for [`Checkpoints::handle`]. Seals that are
/// too long for one are left out; how many.
pub fn parcels(from: &Name, to: &Name, seals: Vec<(Target, Seal)>) -> (Vec<Bytes>, usize) {
    let mut bodies = Vec::new();
    let (mut parcel, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    let pack = |seals| wire::encode(&Parcel { from: from.clone(), to: to.clone(), seals });
    for (Target { component, key }, seal) in seals {
        let length = seal.payload.len() + component.len() + 64;
        if length > CHECKPOINT_PARCEL {
            left_out += 1;
            continue;
        }
        if bytes + length > CHECKPOINT_PARCEL {
            bodies.push(pack(std::mem::take(&mut parcel)));
            bytes = 0;
        }
        bytes += length;
        parcel.push((component.to_string(), key.as_u64(), seal.into()));
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
    ) -> Result<BTreeSet<ComponentId>, QuestionError> {
        let mut components = BTreeSet::new();
        let parcel: Parcel = wire::decode::<_, CHECKPOINT_MAX>(body)?;
        if parcel.to != *me {
            return Err(QuestionError::Misdirected(parcel.to));
        }
        for (component, key, seal) in parcel.seals {
            let component = ComponentId::from(component.as_str());
            if !components.contains(&component) {
                components.insert(component.clone());
            }
            self.put(Target { component, key: Key::from(key) }, parcel.from.clone(), seal.into());
        }
        Ok(components)
    }

    /// The checkpoint of a key, if it was `from` who left it, or whoever did where that is not known;
    /// it is not kept any longer.
    pub fn take(&mut self, target: &Target, from: Option<&Name>) -> Option<Seal> {
        self.held.get(target).filter(|held| from.is_none_or(|from| held.from == *from))?;
        self.remove(target)
    }

    /// The checkpoint of a key that `from` left, which stays.
    pub fn find(&self, target: &Target, from: &Name) -> Option<&Seal> {
        self.held.get(target).filter(|held| held.from == *from).map(|held| &held.seal)
    }

    /// How many there are.
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

    /// Bytes of their payloads.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them, for [`Checkpoints::restore`] after a restart.
    pub fn save(&self) -> Bytes {
        let shelf = self.held.iter().map(|(Target { component, key }, held)| {
            let seal = Packed::from(held.seal.clone());
            (held.from.clone(), component.to_string(), key.as_u64(), seal)
        });
        wire::encode(&Shelf(shelf.collect()))
    }

    /// What was saved before a restart.
    ///
    /// # Errors
    /// When it is something else, or broken.
    pub fn restore(saved: &[u8]) -> Result<Self, Malformed> {
        let mut checkpoints = Self::default();
        // Twice the payloads is more than all the rest takes.
        let Shelf(shelf) = wire::decode::<_, { 2 * CHECKPOINT_BYTES }>(saved)?;
        for (from, component, key, seal) in shelf {
            let component = ComponentId::from(component.as_str());
            checkpoints.put(Target { component, key: Key::from(key) }, from, seal.into());
        }
        Ok(checkpoints)
    }

    fn put(&mut self, target: Target, from: Name, seal: Seal) {
        self.remove(&target);
        self.changes += 1;
        self.next += 1;
        self.bytes += seal.payload.len() + OVERHEAD;
        self.order.push_back((self.next, target.clone()));
        self.held.insert(target, Held { from, seal, number: self.next });
        while self.bytes > CHECKPOINT_BYTES || self.order.len() > 2 * self.held.len() + 1024 {
            let Some((number, target)) = self.order.pop_front() else { break };
            if self.held.get(&target).is_some_and(|held| held.number == number) {
                if self.bytes > CHECKPOINT_BYTES {
                    self.remove(&target);
                } else {
                    // Only the order is too long: it is still wanted.
                    self.order.push_back((number, target));
                }
            }
        }
    }

    fn remove(&mut self, target: &Target) -> Option<Seal> {
        let held = self.held.remove(target)?;
        self.changes += 1;
        self.bytes -= held.seal.payload.len() + OVERHEAD;
        Some(held.seal)
    }
}

/// What a checkpoint takes besides its payload, in bytes.
const OVERHEAD: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    fn seal(tick: i64, bytes: usize) -> Seal {
        Seal { version: 1, last_tick: tick, payload: Bytes::from(vec![7; bytes]) }
    }

    fn target(key: u64) -> Target {
        Target::new(&ComponentId::from("c"), Key::from(key))
    }

    #[test]
    fn the_last_checkpoint_of_the_owner_survives_a_restart_and_is_given_once() {
        let (a, b) = (name("a"), name("b"));
        let mut kept = Checkpoints::default();
        for tick in 1..3 {
            let (bodies, left_out) = parcels(&a, &b, vec![(target(1), seal(tick, 10))]);
            assert_eq!((bodies.len(), left_out), (1, 0));
            kept.handle(&b, &bodies[0]).expect("it is for b");
            kept.handle(&a, &bodies[0]).expect_err("it is not for a");
        }
        let mut kept = Checkpoints::restore(&kept.save()).expect("it was saved");
        assert_eq!(kept.len(), 1);
        let changes = kept.changes();
        assert_eq!(kept.take(&target(1), Some(&b)), None);
        assert_eq!(kept.changes(), changes);
        assert_eq!(kept.take(&target(1), Some(&a)), Some(seal(2, 10)));
        assert!(kept.changes() > changes, "what was taken is not to be found after a restart");
        assert_eq!(kept.take(&target(1), None), None);
        assert_eq!(kept.bytes(), 0);
        Checkpoints::restore(b"nonsense").expect_err("it is none");
    }

    #[test]
    fn checkpoints_are_bounded_on_their_way_and_where_they_are_kept() {
        let (a, b) = (name("a"), name("b"));
        let many = (0..200).map(|key| (target(key), seal(1, 1 << 19))).collect();
        let (bodies, left_out) = parcels(&a, &b, many);
        assert_eq!(left_out, 0);
        let mut kept = Checkpoints::default();
        for body in &bodies {
            assert!(body.len() <= CHECKPOINT_MAX);
            kept.handle(&b, body).expect("it is for b");
        }
        assert!(kept.bytes() <= CHECKPOINT_BYTES);
        // The newest are there, the oldest are not.
        assert_eq!(kept.take(&target(0), Some(&a)), None);
        assert!(kept.take(&target(199), None).is_some());
        let huge = vec![(target(1), seal(1, CHECKPOINT_PARCEL))];
        assert_eq!(parcels(&a, &b, huge), (vec![], 1));
        // The same few again and again leave nothing behind.
        for _ in 0..5000 {
            kept.put(target(300), a.clone(), seal(1, 0));
        }
        assert!(kept.order.len() < 4000);
    }
}
