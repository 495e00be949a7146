//! Rumours that wait to be passed on.

use std::collections::VecDeque;

use super::trailer::{RUMOURS, Rumour};

/// The most that wait. More suspicions than this at once are a partition, and then there is nobody
/// to tell on the other side.
const WAITING_MAX: usize = 1024;

/// Rumours, those told least often first.
#[derive(Debug, Default)]
pub(super) struct Rumours {
    waiting: VecDeque<(Rumour, u8)>,
}

impl Rumours {
    /// Passes `rumour` on `times` times, before all others. The oldest give way to it.
    pub(super) fn push(&mut self, rumour: Rumour, times: u8) {
        self.waiting.retain(|(other, _)| {
            (other.suspect, other.by) != (rumour.suspect, rumour.by)
                && (other.suspect != rumour.suspect || other.incarnation >= rumour.incarnation)
        });
        self.waiting.push_front((rumour, times));
        self.waiting.truncate(WAITING_MAX);
    }

    /// Passes nothing on about `suspect` any more.
    pub(super) fn drop_suspect(&mut self, suspect: [u8; 8]) {
        self.waiting.retain(|(rumour, _)| rumour.suspect != suspect);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next to be told, at most as many as one datagram takes.
    pub(super) fn next(&self) -> impl Iterator<Item = &Rumour> {
        self.waiting.iter().take(RUMOURS).map(|(rumour, _)| rumour)
    }

    /// Notes that the first `count` were told: they queue up behind the others, or are done.
    pub(super) fn told(&mut self, count: usize) {
        for _ in 0..count {
            let Some((rumour, times)) = self.waiting.pop_front() else { return };
            if times > 1 {
                self.waiting.push_back((rumour, times - 1));
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
