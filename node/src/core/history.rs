//! What moved, and why.
//!
//! Who owns a key follows from the participants alone. So the changes of the participants, of which
//! there are few, tell the moves of every key, of which there are many, and nothing is kept for each
//! key but what really happened on this node.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use membership::Name;
pub use ownership::handover::MoveCause as ChangeCause;
use ownership::{ComponentId, Key, Ranking};

use super::StopReason;
use super::arrivals::Arrival;

#[cfg(test)]
mod tests;

/// Changes kept. A guess: a rolling restart of 100 nodes is 200 changes.
const CHANGES: usize = 256;

/// Starts and stops kept at least: about half a megabyte. More are where a node collects more targets than
/// half of that: two for each that it collects, so that a crash that moves all of them at once is told of all.
const RECORDS: usize = 4096;

/// The participants became others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When this node found out.
    pub at: Instant,
    /// Who joined, sorted.
    pub joined: Vec<Name>,
    /// Who no longer takes part, sorted by name.
    pub left: Vec<Gone>,
}

/// A node that no longer takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its name.
    pub name: Name,
    /// Why.
    pub cause: ChangeCause,
    /// When this node itself last heard from it, where it is out of reach.
    pub last_heard: Option<Instant>,
}

impl Change {
    /// Why a key that was `from`'s became another's: what became of `from`, or a join if that one is there
    /// still.
    pub fn cause(&self, from: Option<&Name>) -> ChangeCause {
        let gone = self.left.iter().find(|gone| Some(&gone.name) == from);
        gone.map_or(ChangeCause::Joined, |gone| gone.cause)
    }
}

/// A key changed hands as a result of a [`Change`], or came to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMove {
    /// When this node found out.
    pub at: Instant,
    /// The owner before.
    pub from: Option<Name>,
    /// The owner after.
    pub to: Option<Name>,
    /// Why.
    pub cause: ChangeCause,
}

/// This node started or stopped to collect a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// Whose key.
    pub component: ComponentId,
    /// Which.
    pub key: Key,
    /// Why it stopped; `None` when it started.
    pub stopped: Option<StopReason>,
    /// What brought it about.
    pub cause: ChangeCause,
    /// Who collected it before, as far as is known; `None` when it stopped.
    pub from: Option<Name>,
    /// The last tick of the node before that is known of, in milliseconds since the Unix epoch; `None`
    /// when that node left no word.
    pub last_tick: Option<i64>,
    /// The first tick that was collected here since, in milliseconds since the Unix epoch; `None`
    /// before, and when it stopped.
    pub first_tick: Option<i64>,
    /// When this node itself last heard from the node before, where that one is out of reach and could
    /// not say what its last tick was: it may have collected until then, and longer.
    pub last_heard: Option<Instant>,
    /// How long it took from wanting the key to starting it.
    pub took: Duration,
    /// Whether both nodes may have collected it for a while.
    pub overlap: bool,
}

/// The last moves. Bounded; the oldest are forgotten first.
#[derive(Debug, Default)]
pub struct History {
    changes: VecDeque<Change>,
    /// How many there ever were.
    changes_ever: u64,
    records: VecDeque<Record>,
    /// How many records were forgotten, which is the number of the first that is not.
    forgotten: u64,
    /// The starts that have no first tick yet, by their numbers.
    tickless: BTreeSet<(Key, u64)>,
}

impl History {
    pub(super) fn push_change(&mut self, change: Change) {
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        self.changes_ever += 1;
    }

    /// How many changes of the participants there ever were, those that are forgotten included.
    pub(super) fn changes_ever(&self) -> u64 {
        self.changes_ever
    }

    /// Notes a start or a stop of this node, which collects so many keys.
    pub(super) fn push_record(&mut self, record: Record, collected: usize) {
        let most = RECORDS.max(2 * collected);
        while self.records.len() >= most
            && let Some(first) = self.records.pop_front()
        {
            self.tickless.remove(&(first.key, self.forgotten));
            self.forgotten += 1;
        }
        if record.stopped.is_none() {
            let number = self.forgotten + self.records.len() as u64;
            self.tickless.insert((record.key, number));
        }
        self.records.push_back(record);
    }

    /// Notes the first tick that was collected of a key since its last start, by `at`.
    pub(super) fn note_first_tick(
        &mut self,
        component: &ComponentId,
        key: Key,
        tick: i64,
        at: Instant,
    ) {
        let of_key = self.tickless.range((key, 0)..=(key, u64::MAX)).map(|(_, number)| *number);
        let before = of_key.filter_map(|number| {
            let place = usize::try_from(number - self.forgotten).ok()?;
            let record = self.records.get(place)?;
            (record.at <= at && record.component == *component).then_some((number, place))
        });
        let before: Vec<(u64, usize)> = before.collect();
        if let Some((_, place)) = before.last() {
            self.records[*place].first_tick = Some(tick);
        }
        // Nor will those before it have one.
        for (number, _) in before {
            self.tickless.remove(&(key, number));
        }
    }

    /// Whether this node has started and stopped more than it remembers.
    pub fn has_forgotten(&self) -> bool {
        self.forgotten > 0
    }

    /// How a key came to this node first since an instant: who had it before, and why it came.
    pub(super) fn came(
        &self,
        component: &str,
        key: Key,
        since: Instant,
    ) -> Option<(&Name, ChangeCause)> {
        // What is forgotten may have been before the first that is not.
        self.records.front().filter(|first| !self.has_forgotten() || first.at < since)?;
        let after = self.records.partition_point(|record| record.at < since);
        let mut later = self.records.range(after..);
        let first = later.find(|record| record.key == key && *record.component == *component)?;
        Some((first.from.as_ref()?, first.cause))
    }

    /// The last changes of the participants, oldest first.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.changes.iter()
    }

    /// What this node started and stopped last, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// When this node last heard from the node called `name`, if that one is out of reach.
    pub(super) fn last_heard(&self, name: &Name) -> Option<Instant> {
        for change in self.changes.iter().rev() {
            if let Some(gone) = change.left.iter().find(|gone| gone.name == *name) {
                return gone.last_heard;
            }
            if change.joined.contains(name) {
                break;
            }
        }
        None
    }

    /// The moves of `key` since its target came by `arrival`, in a cluster whose participants are `now`,
    /// oldest first. The first of them is that it came, unless nobody took part then, or too much has
    /// happened since to tell who did.
    pub(super) fn moves<'a>(
        &self,
        key: Key,
        arrival: &Arrival,
        now: impl IntoIterator<Item = &'a Name>,
    ) -> Vec<KeyMove> {
        let mut names: BTreeSet<Name> = now.into_iter().cloned().collect();
        let owner =
            |names: &BTreeSet<Name>| names.iter().collect::<Ranking>().of(key).next().cloned();
        let mut moves = Vec::new();
        let mut to = owner(&names);
        let since = usize::try_from(self.changes_ever - arrival.changes).unwrap_or(usize::MAX);
        for change in self.changes.iter().rev().take(since) {
            for name in &change.joined {
                names.remove(name);
            }
            names.extend(change.left.iter().map(|gone| gone.name.clone()));
            let from = owner(&names);
            if from != to {
                let to = std::mem::replace(&mut to, from.clone());
                let cause = change.cause(from.as_ref());
                moves.push(KeyMove { at: change.at, from, to, cause });
            }
        }
        if since <= self.changes.len() && to.is_some() {
            moves.push(KeyMove { at: arrival.at, from: None, to, cause: arrival.cause });
        }
        moves.reverse();
        moves
    }
}
