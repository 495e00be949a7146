//! The front of the queue: which frames may be sent now without disturbing the order of a series.

use std::collections::VecDeque;

use super::frame::{Content, FrameMeta};
use super::lane::{Lane, Overlap};
use crate::telemetry::DropReason;

#[cfg(test)]
mod tests;

/// Frames that the window spans at most, from the oldest that is not finished. It bounds memory,
/// and it is how far acknowledgements may run ahead of each other: the cursor has a bit for each.
pub const SPAN: u64 = 2048;

/// Where the bytes of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The first sequence of the segment that has it.
    pub segment: u64,
    /// The offset of its header in the segment, in bytes.
    pub offset: u64,
}

/// How far a frame of the window has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody sends it.
    Waiting,
    /// It is in flight.
    Taken,
    /// Acknowledged, refused for good, or dropped.
    Finished,
}

/// A frame of the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its header.
    pub meta: FrameMeta,
    /// Where it is on disk; `None` while the disk does not have it.
    pub place: Option<Place>,
    /// How far it has come.
    pub state: State,
    /// A gate that holds back everything behind it.
    closed: bool,
}

impl Entry {
    fn is_gate(&self) -> bool {
        self.meta.content == Content::Gate
    }
}

/// Frames that there is somebody to send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that only this node has written.
    pub plain: bool,
    /// Those that another node may have written, too.
    pub overlap: bool,
}

impl Wanted {
    /// Every frame.
    pub const ALL: Self = Self { plain: true, overlap: true };

    fn has(self, lane: Lane) -> bool {
        if lane.overlap == Overlap::Here { self.overlap } else { self.plain }
    }
}

/// Frames that the log has given up.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// Nobody sends them.
    pub waited: Vec<FrameMeta>,
    /// They are in flight.
    pub flying: Vec<FrameMeta>,
}

/// The oldest frames that are not finished, in order.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// In flight although the log has given them up, and why it has: they still hold their lane.
    orphans: Vec<(FrameMeta, DropReason)>,
    /// What was looked for in vain since something changed.
    absent: Wanted,
}

impl Window {
    /// Whether a frame of this sequence is still within the span.
    pub(super) fn has_room_for(&self, sequence: u64) -> bool {
        self.entries.front().is_none_or(|first| sequence < first.meta.sequence + SPAN)
    }

    /// Adds the next frame; sequences only grow.
    pub(super) fn push(&mut self, meta: FrameMeta, place: Option<Place>) {
        self.absent = Wanted::default();
        debug_assert!(self.entries.back().is_none_or(|last| last.meta.sequence < meta.sequence));
        self.entries.push_back(Entry {
            meta,
            place,
            state: State::Waiting,
            closed: meta.content == Content::Gate,
        });
    }

    /// The frame of a sequence.
    pub(super) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.index(sequence).map(|index| &self.entries[index])
    }

    /// The frames, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Where a frame has come to lie on disk.
    pub(super) fn set_place(&mut self, sequence: u64, place: Place) {
        if let Some(index) = self.index(sequence) {
            self.entries[index].place = Some(place);
        }
    }

    /// Takes the oldest waiting frame among those wanted that has to wait for no unfinished older one,
    /// and that no closed gate is before.
    pub(super) fn take(&mut self, wanted: Wanted) -> Option<FrameMeta> {
        let Wanted { plain, overlap } = wanted;
        if (!plain || self.absent.plain) && (!overlap || self.absent.overlap) {
            return None;
        }
        let taken = self.look(wanted);
        if taken.is_none() {
            self.absent.plain |= plain;
            self.absent.overlap |= overlap;
        }
        taken
    }

    fn look(&mut self, wanted: Wanted) -> Option<FrameMeta> {
        // The writer takes an orphan for delivered, so nothing of its lane may pass it.
        let whole =
            |(meta, _): &(FrameMeta, DropReason)| Lane { overlap: Overlap::Before, ..meta.lane };
        let mut blocked: Vec<Lane> = self.orphans.iter().map(whole).collect();
        for entry in &mut self.entries {
            if entry.state == State::Finished {
                continue;
            }
            if entry.is_gate() {
                if entry.closed {
                    return None;
                }
                continue;
            }
            let lane = entry.meta.lane;
            // What costs most is asked last.
            let is_free = |blocked: &[Lane]| !blocked.iter().any(|e| lane.waits_for(*e));
            if entry.state == State::Waiting && wanted.has(lane) && is_free(&blocked) {
                entry.state = State::Taken;
                return Some(entry.meta);
            }
            if !blocked.contains(&lane) {
                blocked.push(lane);
            }
        }
        None
    }

    /// Puts a frame that was taken back into the queue; returns it if the log has given it up, so that
    /// there is no place for it, and why.
    pub(super) fn put_back(&mut self, sequence: u64) -> Option<(FrameMeta, DropReason)> {
        self.absent = Wanted::default();
        if let Some(orphan) = self.orphans.iter().position(|(meta, _)| meta.sequence == sequence) {
            return Some(self.orphans.swap_remove(orphan));
        }
        if let Some(index) = self.index(sequence) {
            self.entries[index].state = State::Waiting;
        }
        None
    }

    /// Marks a frame as finished. Returns whether it was of the window and not finished before.
    pub(super) fn finish(&mut self, sequence: u64) -> bool {
        self.absent = Wanted::default();
        if let Some(orphan) = self.orphans.iter().position(|(meta, _)| meta.sequence == sequence) {
            self.orphans.swap_remove(orphan);
            return false;
        }
        let Some(index) = self.index(sequence) else { return false };
        let entry = &mut self.entries[index];
        if entry.state == State::Finished {
            return false;
        }
        entry.state = State::Finished;
        while self.entries.front().is_some_and(|entry| entry.state == State::Finished) {
            self.entries.pop_front();
        }
        true
    }

    /// Gives up every frame up to and including `last`, and keeps the lanes of those in flight until
    /// they are finished.
    pub(super) fn give_up(&mut self, last: u64, reason: DropReason) -> GivenUp {
        self.absent = Wanted::default();
        let mut given_up = GivenUp::default();
        while let Some(entry) = self.entries.front()
            && entry.meta.sequence <= last
        {
            match entry.state {
                State::Waiting => given_up.waited.push(entry.meta),
                State::Taken => {
                    self.orphans.push((entry.meta, reason));
                    given_up.flying.push(entry.meta);
                }
                State::Finished => {}
            }
            self.entries.pop_front();
        }
        while self.entries.front().is_some_and(|entry| entry.state == State::Finished) {
            self.entries.pop_front();
        }
        given_up
    }

    /// Opens a gate or closes it again.
    pub(super) fn set_closed(&mut self, sequence: u64, closed: bool) {
        self.absent = Wanted::default();
        if let Some(index) = self.index(sequence) {
            self.entries[index].closed = closed;
        }
    }

    /// The gates that nothing which waits is before, but for overlaps: what is behind a gate may have
    /// nothing to do with those.
    pub(super) fn reached_gates(&self) -> impl Iterator<Item = u64> {
        let is_passed = |e: &&Entry| {
            e.is_gate() || e.state != State::Waiting || e.meta.lane.overlap == Overlap::Here
        };
        let reached = self.entries.iter().take_while(is_passed);
        reached.filter(|e| e.is_gate() && e.state == State::Waiting).map(|e| e.meta.sequence)
    }

    /// The requests that are not finished, oldest first; gates are none.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| !e.is_gate() && e.state != State::Finished)
    }

    /// The requests that are not finished and the gates that are closed.
    pub(super) fn holding(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.state != State::Finished && (e.closed || !e.is_gate()))
    }

    /// The oldest frame that is not finished.
    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&sequence, |entry| entry.meta.sequence).ok()
    }
}
