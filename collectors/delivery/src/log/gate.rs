//! Gates: places in a log that hold back what is behind them until another node has delivered.
//!
//! When a series moves, the log of the node that collected it before may still hold samples of it,
//! and a backend without an out-of-order window refuses those once it has seen a newer one. So the
//! first thing that the new owner appends is a gate: *nothing behind here is sent while a live node
//! has frames of `origin` that were sealed up to `until`*. The gate is a frame like any other: it
//! survives a restart, and it travels with the frames behind it when another node adopts them.
//!
//! # Nobody waits in a circle
//!
//! A frame behind a gate is sealed, by what its header says, later than the gate's `until`: the log
//! never stamps a lower time again ([`Log`] keeps a floor). It waits only for frames that are
//! stamped `until` or earlier. So each frame waits for frames with a strictly smaller stamp, stamps
//! travel unchanged when frames are adopted, and a strictly falling chain cannot come back to where
//! it began. Nothing in this depends on the clocks: nodes whose clocks differ stamp ahead of time,
//! as Lamport's clocks do.
//!
//! A gate counts as a frame here: a series that moves on before anything was collected of it still
//! waits for the node before, by way of the gate that it leaves behind.
//!
//! What depends on the clocks is that `until` is late enough: what the origin handed to its log
//! before the move must be stamped by then. [`MARGIN_MS`] allows for clocks that differ, for the
//! half second that a frame stays open, and for what is on its way from a collector to the log. It
//! is used up where a series moves twice within less than the clocks differ, or than moves may come
//! behind one another and share a gate.

use std::sync::Arc;

use super::frame::{Content, FrameMeta, HEADER, u64_at};
use super::lane::Lane;
use super::window::State;
use super::{Log, NewFrame};
use crate::telemetry::Counts;

/// How much later than the move frames may be stamped and still be waited for. Clocks that are
/// kept by NTP differ by some tens of milliseconds, tests allow 200; frames stay open for 500.
pub const MARGIN_MS: i64 = 2_500;
/// A move that comes so soon behind another from the same node that so much of the margin is left is
/// covered by that one's gate. The less is left, the longer have a node's last gates to be ago when
/// it gives something away, since its stamps run ahead of its clock by a margin then.
const COVERED_MS: i64 = 2_000;
/// How far ahead of this node's clock stamps may run at most: a node whose clock is wrong by more
/// is not waited for in full. It bounds how much longer than the age cap a frame can be kept.
const AHEAD_MS: i64 = 10 * 60_000;
/// How far ahead the stamps of a log may run in sum.
pub(super) const FLOOR_AHEAD_MS: i64 = AHEAD_MS + MARGIN_MS + 1;
/// The longest name of an origin, in bytes: that of a node.
const MAX_ORIGIN: usize = 255;

/// A gate that has not been opened for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its place in the log.
    pub sequence: u64,
    /// The name of the node whose frames go first.
    pub origin: Arc<str>,
    /// The stamp of the last frame that is waited for, in milliseconds since the Unix epoch.
    pub until: i64,
    /// Open for now.
    passes: bool,
}

/// What a log has that is not delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    /// The stamp of the oldest frame or closed gate, in milliseconds since the Unix epoch.
    pub stamp_ms: Option<i64>,
    /// Whether a gate is open only for now.
    pub passes: bool,
}

impl Oldest {
    /// What two logs have in sum.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            stamp_ms: [self.stamp_ms, other.stamp_ms].into_iter().flatten().min(),
            passes: self.passes || other.passes,
        }
    }
}

/// What is known of the frames that a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are not waited for any more: the gate is done with.
    Clear,
    /// A live node has some.
    Hold,
    /// Nobody who lives has any, but a node that does not may come back with some. What is behind
    /// the gate is sent; once the backend has taken some of it, waiting has no point any more.
    Pass,
}

impl Log {
    /// Has everything that is appended from now on wait until no live node has frames of `origin`
    /// any more that were sealed up to `until_ms`. Returns the sequence of the gate that does it,
    /// which is one that is open for now only where that `may_pass`; `None` when neither the disk
    /// nor the memory has room for one.
    pub fn depend(
        &mut self,
        origin: &str,
        until_ms: i64,
        may_pass: bool,
        now_ms: i64,
    ) -> Option<u64> {
        let origin = truncated(origin);
        let at = until_ms.clamp(now_ms, now_ms.saturating_add(AHEAD_MS));
        let covers = |gate: &&Gate| {
            *gate.origin == *origin && at + COVERED_MS <= gate.until && (may_pass || !gate.passes)
        };
        if let Some(gate) = self.gates.iter().find(covers) {
            return Some(gate.sequence);
        }
        let until = at + MARGIN_MS;
        let sequence = self.next;
        let gate = Gate { sequence, origin: origin.into(), until, passes: false };
        self.floor_ms = self.floor_ms.max(until + 1);
        self.gates.push(gate.clone());
        self.append(gate.frame(), now_ms);
        if self.next == sequence {
            self.gates.pop();
            return None;
        }
        Some(sequence)
    }

    /// The gates before which nothing waits: those whose verdict is wanted.
    pub fn reached_gates(&self) -> Vec<Gate> {
        let gate = |sequence| self.gates.iter().find(|gate| gate.sequence == sequence).cloned();
        self.window.reached_gates().filter_map(gate).collect()
    }

    /// The gates that are open for now.
    pub fn passing_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|gate| gate.passes)
    }

    /// Whether some gate is there.
    pub fn has_gates(&self) -> bool {
        !self.gates.is_empty()
    }

    /// Acts on what was learned about a gate. Returns the sequences of frames behind it that are
    /// in flight and should not be: those of a gate that closes again.
    pub fn judge(&mut self, sequence: u64, verdict: Verdict, now_ms: i64) -> Vec<u64> {
        let Some(gate) = self.gates.iter_mut().find(|gate| gate.sequence == sequence) else {
            return Vec::new();
        };
        match verdict {
            Verdict::Clear => self.remove_gate(sequence, now_ms),
            Verdict::Pass => {
                gate.passes = true;
                self.window.set_closed(sequence, false);
            }
            Verdict::Hold => {
                let closes = std::mem::take(&mut gate.passes);
                self.window.set_closed(sequence, true);
                if closes {
                    let flying = self.window.unfinished().filter(|e| e.state == State::Taken);
                    let behind = flying.map(|entry| entry.meta.sequence);
                    return behind.filter(|flying| *flying > sequence).collect();
                }
            }
        }
        Vec::new()
    }

    /// What is not delivered, gates among it: what has waited for another node here and moves on
    /// waits for that node still.
    ///
    /// # Errors
    ///
    /// Those of reading the log.
    pub fn oldest_pending(&mut self) -> std::io::Result<Oldest> {
        let passes = self.gates.iter().any(|gate| gate.passes);
        loop {
            let stamps = self.window.holding().map(|entry| entry.meta.sealed_ms);
            let oldest = stamps.min();
            if oldest.is_some() {
                return Ok(Oldest { stamp_ms: oldest, passes });
            }
            if self.fill()? == 0 {
                // The window is full of gates: what is behind them is as old as can be.
                let stamp_ms = (!self.is_empty()).then_some(i64::MIN);
                return Ok(Oldest { stamp_ms, passes });
            }
        }
    }

    /// Takes note of a gate that the window was given.
    pub(super) fn note_gate(&mut self, meta: &FrameMeta, now_ms: i64) {
        if self.gates.iter().any(|gate| gate.sequence == meta.sequence) {
            return;
        }
        match self.payload(meta) {
            Ok(payload) => match payload.and_then(|payload| Gate::read(meta.sequence, &payload)) {
                Some(gate) => self.gates.push(gate),
                None => {
                    self.telemetry.corruptions.add(1);
                    self.telemetry.corrupt_bytes.add(meta.frame_len());
                    self.window.finish(meta.sequence);
                }
            },
            Err(error) => {
                // What cannot be read cannot be honoured; holding for ever would be worse.
                self.complain("could not read a gate of the log", &error, now_ms);
                self.window.finish(meta.sequence);
            }
        }
    }

    /// Opens for good the gates that let pass what has just been delivered.
    pub(super) fn open_passed_gates(&mut self, delivered: u64, now_ms: i64) {
        let passed = |gate: &&Gate| gate.passes && gate.sequence < delivered;
        while let Some(sequence) = self.gates.iter().find(passed).map(|gate| gate.sequence) {
            self.remove_gate(sequence, now_ms);
        }
    }

    fn remove_gate(&mut self, sequence: u64, now_ms: i64) {
        self.gates.retain(|gate| gate.sequence != sequence);
        if let Some(meta) = self.window.get(sequence).map(|entry| entry.meta)
            && self.window.finish(sequence)
        {
            self.forget(&meta);
            self.advance(now_ms);
        }
    }
}

impl Gate {
    fn frame(&self) -> NewFrame {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(&self.until.to_le_bytes());
        bytes.extend_from_slice(self.origin.as_bytes());
        NewFrame {
            bytes,
            oldest_ms: self.until,
            newest_ms: self.until,
            counts: Counts::default(),
            lane: Lane::UNORDERED,
            content: Content::Gate,
            origins: Vec::new(),
        }
    }

    fn read(sequence: u64, payload: &[u8]) -> Option<Self> {
        if !(8..=8 + MAX_ORIGIN).contains(&payload.len()) {
            return None;
        }
        let origin = std::str::from_utf8(&payload[8..]).ok()?.into();
        Some(Self { sequence, origin, until: u64_at(payload, 0).cast_signed(), passes: false })
    }
}

fn truncated(origin: &str) -> &str {
    let longest = (0..=origin.len().min(MAX_ORIGIN)).rev();
    let end = longest.into_iter().find(|end| origin.is_char_boundary(*end));
    &origin[..end.unwrap_or(0)]
}
