//! What was refused, as log lines: each source and reason once a minute, however much arrives.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use membership::Refusal;
use tracing::{debug, warn};

#[cfg(test)]
mod tests;

/// How often the same is said again.
const PAUSE: Duration = Duration::from_secs(60);

/// Sources and reasons that are told apart within [`PAUSE`]. Whoever invents addresses gets no more
/// lines than that.
const MAX: usize = 64;

/// Who was refused lately, and why.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    said: BTreeMap<(IpAddr, &'static str), Said>,
    /// Refusals of sources that had no place.
    others: u64,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    since: u64,
}

/// Whether a line is due, and how many were left out since the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Due { unsaid: u64 },
    Not,
}

impl Refusals {
    /// Writes down that something from `source` was refused. `what` says what it was.
    pub(super) fn note(&mut self, source: IpAddr, what: &str, refusal: &Refusal, now: Instant) {
        if !deserves_attention(refusal) {
            debug!(%source, what, reason = %refusal, "refused");
            return;
        }
        if let Line::Due { unsaid } = self.line(source, refusal.reason(), now) {
            warn!(%source, what, reason = %refusal, unsaid, "refused");
        }
    }

    fn line(&mut self, source: IpAddr, reason: &'static str, now: Instant) -> Line {
        if let Some(said) = self.said.get_mut(&(source, reason)) {
            if now.saturating_duration_since(said.at) < PAUSE {
                said.since += 1;
                return Line::Not;
            }
            let unsaid = std::mem::take(&mut said.since);
            said.at = now;
            return Line::Due { unsaid };
        }
        if self.said.len() >= MAX {
            self.said.retain(|_, said| now.saturating_duration_since(said.at) < PAUSE);
        }
        if self.said.len() >= MAX {
            self.others += 1;
            return Line::Not;
        }
        self.said.insert((source, reason), Said { at: now, since: 0 });
        Line::Due { unsaid: std::mem::take(&mut self.others) }
    }
}

/// Whether an operator can do something about it, or is under attack. The rest happens when
/// addresses are reused and nodes come and go.
fn deserves_attention(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Cluster { .. }
        | Refusal::Key { .. }
        | Refusal::Unsealed
        | Refusal::Forged { .. }
        | Refusal::Replayed
        | Refusal::Version { .. }
        | Refusal::Certificate
        | Refusal::Suite { .. } => true,
        Refusal::TooShort { .. }
        | Refusal::TooLong { .. }
        | Refusal::Stale
        | Refusal::Kind { .. }
        | Refusal::Malformed(_)
        | Refusal::Misdirected(_)
        | Refusal::NameClash(_)
        | Refusal::Out => false,
    }
}
