//! What has been opened already, so that nothing is acted upon twice.
//!
//! Whoever seals counts. Whoever opens keeps, for each session, the highest number it has opened
//! and which of the [`WINDOW`] numbers up to it: what is below these is too old to tell.
//!
//! This is the memory of one process. What was recorded before a restart is told by other means,
//! none of which needs a clock: a datagram names the generation of the node that it is for, which
//! grows with every boot, and a question over TCP names its life, see [`crate::Channel`]. What is
//! left to somebody on the way is to hold back a datagram and deliver it later, once; and, after
//! [`SESSIONS`] boots of others, to repeat a datagram of a session that was forgotten.

use std::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::seal::SessionId;

#[cfg(test)]
mod tests;

/// How far a message may be overtaken by later ones of its session and still be accepted. A node
/// sends some tens of datagrams a second, a few hundred in a burst, so this is several seconds.
pub(crate) const WINDOW: u64 = 2048;

/// Sessions that are remembered. Each boot of a node begins one; only who has a key can begin any.
/// The least recently heard is forgotten first. Full, they take about 6 MB.
pub(crate) const SESSIONS: usize = 16_384;

const WORDS: usize = (WINDOW / 64) as usize;

/// The numbers of one session.
#[derive(Debug, Clone)]
struct Window {
    newest: u64,
    /// Bit n is about the number of the window that is n modulo [`WINDOW`].
    seen: Box<[u64; WORDS]>,
}

impl Window {
    fn new(first: u64) -> Self {
        let mut window = Self { newest: first, seen: Box::new([0; WORDS]) };
        window.mark(first);
        window
    }

    fn place(number: u64) -> (usize, u64) {
        ((number % WINDOW / 64) as usize, 1 << (number % 64))
    }

    fn mark(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.seen[word] |= bit;
    }

    fn admit(&mut self, number: u64) -> Result<(), Refusal> {
        if number > self.newest {
            if number - self.newest >= WINDOW {
                self.seen.fill(0);
            } else {
                for skipped in self.newest + 1..number {
                    let (word, bit) = Self::place(skipped);
                    self.seen[word] &= !bit;
                }
            }
            self.newest = number;
        } else if self.newest - number >= WINDOW {
            return Err(Refusal::Stale);
        } else {
            let (word, bit) = Self::place(number);
            if self.seen[word] & bit != 0 {
                return Err(Refusal::Replayed);
            }
        }
        self.mark(number);
        Ok(())
    }
}

/// The windows of all sessions.
#[derive(Debug, Clone)]
pub(crate) struct Replays {
    sessions: BTreeMap<SessionId, (Window, u64)>,
    /// The sessions by when they were last heard, on a clock that counts messages.
    order: BTreeMap<u64, SessionId>,
    clock: u64,
    limit: usize,
}

impl Default for Replays {
    fn default() -> Self {
        Self::with_limit(SESSIONS)
    }
}

impl Replays {
    fn with_limit(limit: usize) -> Self {
        Self { sessions: BTreeMap::new(), order: BTreeMap::new(), clock: 0, limit }
    }

    /// Notes message `number` of `session`, which must be authentic. Whether another session was
    /// forgotten for it.
    ///
    /// # Errors
    /// When it was noted before, or is too old to tell.
    pub(crate) fn admit(&mut self, session: SessionId, number: u64) -> Result<bool, Refusal> {
        self.clock += 1;
        if let Some((window, heard)) = self.sessions.get_mut(&session) {
            window.admit(number)?;
            self.order.remove(heard);
            *heard = self.clock;
            self.order.insert(self.clock, session);
            return Ok(false);
        }
        let full = self.sessions.len() >= self.limit;
        if full && let Some((_, oldest)) = self.order.pop_first() {
            self.sessions.remove(&oldest);
        }
        self.sessions.insert(session, (Window::new(number), self.clock));
        self.order.insert(self.clock, session);
        Ok(full)
    }
}
