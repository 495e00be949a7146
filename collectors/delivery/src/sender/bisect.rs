//! A request of 1.0 that was refused for a double: divided until the offenders stand alone.
//!
//! Prometheus writes nothing of such a request and does not say which sample it was. One offender
//! among 2,000 samples is found in two dozen requests. Where whole targets were collected twice,
//! finding their samples one by one would take two requests each; so once one refusal follows
//! another, some samples of each scrape are tried alone, and when the backend has every one of
//! them the scrape is given up as a whole.
//!
//! Where two collect the same for as long as a network is broken, the next scrape meets the same: so the
//! series that were refused are remembered, and a few of those tell whether the others are doubles, too.
//! What has the value that the backend has is taken again, so most of a page may never be refused: it is
//! sent beside them. Each scrape of one target costs three or four requests, that of one among many two,
//! and the queue keeps up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Instant;

use tokio::task::JoinSet;
use tracing::warn;

mod atom;
mod known;
mod trial;

use crate::telemetry::DropReason;
use crate::wire;

use super::{End, Parcel, Sender, now_ms};
use atom::{Atom, Origin, atoms, parcel_of};
pub(super) use known::KnownDoubles;
use trial::{Trial, WORTH_TRYING, are_scrapes};

/// Requests for the parts of one frame. When they are used up, the frame is divided to its end all
/// the same if the endpoint's [`FullSearches`] allow it; if not, what is left is tried once more as it is, and
/// given up if it is refused: [`DropReason::Untried`].
const BUDGET: usize = 400;
/// Such requests for each scrape in a frame of many: two samples of each may be tried with half of them, and
/// what is left of it be divided; one for each sample at most.
const BUDGET_PER_SCRAPE: usize = 8;
/// So many refusals in a row are unlikely to be about single offenders.
const SUSPICIOUS: usize = 6;
/// Smaller parts of which nothing is remembered are divided to the end: it costs no more than trying
/// samples of them.
const TOO_SMALL: usize = 8;
/// Scrapes that are tried at one time: no series is in two of them, so that their order does not matter.
/// More would crowd out the other requests to a backend that is busy with doubles anyway.
const AT_ONCE: usize = 8;

/// Frames that are divided to their end in a row, however many requests that takes: two for each
/// sample at worst, some seconds for 2,000 at two milliseconds each.
const FULL_IN_A_ROW: i64 = 8;
/// How long it takes until another one may be, in milliseconds. Two who collect the same targets with
/// different relabelling make such frames for ever, and what is not refused must not wait behind them.
const FULL_EVERY_MS: i64 = 10_000;

/// How many frames of an endpoint may still be divided to their end.
#[derive(Debug, Default)]
pub(super) struct FullSearches {
    /// The instant up to which the allowance is used, in milliseconds since the Unix epoch.
    used_up_to_ms: AtomicI64,
}

impl FullSearches {
    fn allow(&self, now_ms: i64) -> bool {
        let oldest = now_ms - (FULL_IN_A_ROW - 1) * FULL_EVERY_MS;
        let used = self.used_up_to_ms.fetch_update(Relaxed, Relaxed, |used| {
            // A clock that was set back must not forbid it for longer than a full allowance takes.
            let used = if used > now_ms + FULL_EVERY_MS { oldest } else { used.max(oldest) };
            (used <= now_ms).then_some(used + FULL_EVERY_MS)
        });
        used.is_ok()
    }
}

/// Some samples that were refused together.
#[derive(Debug, Default)]
struct Part {
    atoms: Vec<Atom>,
    /// Most samples that were tried alone around here are doubles.
    is_dense: bool,
}

/// What came of trying some samples alone.
#[derive(Debug, Default)]
struct Tried {
    /// How many were tried.
    samples: usize,
    /// How many of those the backend has.
    doubles: usize,
    /// Scrapes that were given up.
    given_up: usize,
}

/// Dividing one refused frame.
struct Search<'a> {
    sender: &'a Arc<Sender>,
    /// Requests left.
    budget: usize,
    refusals: usize,
    /// Scrapes of which the backend took a sample that was tried alone: what is remembered of their
    /// targets says nothing of them.
    differing: BTreeSet<Origin>,
}

impl Sender {
    /// Delivers what can be delivered of a parcel that was refused for doubles, and counts all.
    pub(super) async fn bisect(self: &Arc<Self>, refused: &Parcel, reason: DropReason) {
        let request = match wire::decode_v1(&refused.body) {
            Ok(request) => request,
            Err(error) => {
                let reason = error.to_string();
                let what = "dropped a frame that cannot be halved";
                self.complain(&self.losses, what, &reason, refused);
                self.telemetry.dropped(DropReason::Corrupt).add(refused.counts);
                return;
            }
        };
        let atoms: Vec<Atom> = request.timeseries.into_iter().flat_map(atoms).collect();
        let scrapes: BTreeSet<Origin> = atoms.iter().map(Atom::origin).collect();
        let budget = BUDGET.max((BUDGET_PER_SCRAPE * scrapes.len()).min(atoms.len()));
        let differing = BTreeSet::new();
        let mut search = Search { sender: self, budget, refusals: 0, differing };
        search.run(atoms, reason).await;
    }

    /// It was refused alone.
    fn give_up_one(&self, atom: &Atom, reason: DropReason) {
        let atom = std::slice::from_ref(atom);
        self.known_doubles.note(atom, true, Instant::now());
        self.give_up(atom, reason);
    }

    fn give_up(&self, atoms: &[Atom], reason: DropReason) {
        let Some(first) = atoms.first() else { return };
        let counts = parcel_of(atoms).counts;
        self.telemetry.dropped(reason).add(counts);
        if let Some(kept_back) = self.doubles.allows(now_ms()) {
            let endpoint = &self.config.name;
            let (reason, samples, series) = (reason.as_str(), counts.total(), first.shown());
            warn!(endpoint, reason, series, samples, kept_back, "the endpoint refuses samples");
        }
    }
}

/// Sends a part; the reason if it was refused for doubles, else it is dealt with.
async fn send(sender: &Sender, part: &[Atom]) -> Option<DropReason> {
    let mut parcel = parcel_of(part);
    match sender.send(&mut parcel).await {
        End::Doubles(reason) => Some(reason),
        end => {
            sender.count(&parcel, &end);
            sender.known_doubles.forget(part);
            None
        }
    }
}

impl Search<'_> {
    async fn run(&mut self, atoms: Vec<Atom>, reason: DropReason) {
        let mut parts = Vec::new();
        self.divide(Part { atoms, is_dense: false }, reason, &mut parts).await;
        while let Some(part) = parts.pop() {
            self.budget = self.budget.saturating_sub(1);
            match send(self.sender, &part.atoms).await {
                Some(reason) => self.divide(part, reason, &mut parts).await,
                None => self.refusals = 0,
            }
        }
    }

    /// Whether there are requests left, or the frame may have as many as it needs.
    fn goes_on(&mut self) -> bool {
        if self.budget == 0 && self.sender.full_searches.allow(now_ms()) {
            self.budget = usize::MAX;
        }
        self.budget > 0
    }

    /// Puts the halves of a refused part on the stack, the earlier one on top: a series keeps its
    /// order. Drops what is a double.
    async fn divide(&mut self, mut part: Part, reason: DropReason, parts: &mut Vec<Part>) {
        self.refusals += 1;
        if let [atom] = &part.atoms[..] {
            return self.sender.give_up_one(atom, reason);
        }
        if !self.goes_on() {
            return self.sender.give_up(&part.atoms, DropReason::Untried);
        }
        if are_scrapes(&part.atoms) {
            if self.try_known(&mut part.atoms, reason).await > 0 {
                // Nothing of what is left is known to be a double.
                parts.extend(Some(part).filter(|part| !part.atoms.is_empty()));
                return;
            }
            let size = part.atoms.len();
            let is_suspicious = self.refusals >= SUSPICIOUS && size >= WORTH_TRYING.start;
            let is_dense = part.is_dense && size >= TOO_SMALL;
            if is_suspicious || is_dense || WORTH_TRYING.contains(&size) {
                let trials = trial::of_all(std::mem::take(&mut part.atoms));
                let tried = self.try_alone(trials, reason, &mut part.atoms).await;
                part.is_dense = tried.samples > 0 && 2 * tried.doubles >= tried.samples;
            }
        }
        if part.atoms.is_empty() {
            return;
        }
        self.sender.telemetry.bisections.add(1);
        let Part { atoms, is_dense } = part;
        let times: BTreeSet<i64> = atoms.iter().map(|atom| atom.timestamp).collect();
        let (earlier, later) = match times.iter().nth(times.len() / 2) {
            Some(pivot) if times.len() > 1 => {
                atoms.into_iter().partition(|atom| atom.timestamp < *pivot)
            }
            _ => {
                let mut earlier = atoms;
                let later = earlier.split_off(earlier.len() / 2);
                (earlier, later)
            }
        };
        let halves: [Vec<Atom>; 2] = [later, earlier];
        let halves = halves.into_iter().filter(|half| !half.is_empty());
        parts.extend(halves.map(|atoms| Part { atoms, is_dense }));
    }

    /// Tries some samples of the scrapes of which something is remembered. Returns how many scrapes were given
    /// up; what is left stays.
    async fn try_known(&mut self, atoms: &mut Vec<Atom>, reason: DropReason) -> usize {
        let mut since = self.sender.known_doubles.since(atoms);
        for (atom, since) in atoms.iter().zip(&mut since) {
            if self.differing.contains(&atom.origin()) {
                *since = None;
            }
        }
        let trials = trial::of_known(atoms, &since);
        self.try_alone(trials, reason, atoms).await.given_up
    }

    /// Whether trying a few samples of a scrape may tell about the others. Once the backend took one of it, only
    /// many do: whoever collects the same may have found that one there, and left the others to this node.
    fn may_tell(&self, trial: &Trial) -> bool {
        let differs = trial.origin.is_some_and(|origin| self.differing.contains(&origin));
        let least = if differs { trial::MANY_TRIES } else { 1 };
        trial.picks.len() >= least
    }

    /// Tries some scrapes, several at one time. Of one of which the backend has all that was picked the
    /// doubtful samples are given up; what was not dealt with goes to the `rest`.
    async fn try_alone(
        &mut self,
        trials: Vec<Trial>,
        reason: DropReason,
        rest: &mut Vec<Atom>,
    ) -> Tried {
        // What is left over is for the halves.
        let mut left = self.budget.div_ceil(2);
        let mut waiting = Vec::new();
        for trial in trials {
            match left.checked_sub(trial.picks.len()) {
                Some(less) if self.may_tell(&trial) => {
                    left = less;
                    waiting.push(trial);
                }
                _ => rest.append(&mut trial.cancelled()),
            }
        }
        let mut waiting = waiting.into_iter();
        let mut flying = JoinSet::new();
        let mut tried = Tried::default();
        loop {
            for trial in waiting.by_ref().take(AT_ONCE - flying.len()) {
                flying.spawn(attempt(Arc::clone(self.sender), trial));
            }
            let Some(landed) = flying.join_next().await else { break };
            let mut trial = landed.expect("sending does not panic");
            self.budget = self.budget.saturating_sub(trial.requests);
            tried.samples += trial.tried;
            tried.doubles += trial.doubles;
            if trial.is_double() {
                tried.given_up += 1;
                self.sender.known_doubles.note(&trial.doubtful, false, Instant::now());
                self.sender.give_up(&trial.doubtful, reason);
            } else {
                self.refusals = 0;
                self.differing.extend(trial.origin);
                rest.append(&mut trial.doubtful);
            }
            rest.append(&mut trial.others);
        }
        tried
    }
}

/// Sends what is picked of a scrape, one sample after the other, until the backend takes one; then all that
/// is left, in one request. So whoever collects the same finds all that it picks only where all is, and
/// what it gives up for that is not overtaken by what it sends next.
async fn attempt(sender: Arc<Sender>, mut trial: Trial) -> Trial {
    let mut picks = std::mem::take(&mut trial.picks).into_iter();
    for atom in picks.by_ref() {
        trial.tried += 1;
        trial.requests += 1;
        let Some(reason) = send(&sender, std::slice::from_ref(&atom)).await else { break };
        trial.doubles += 1;
        sender.give_up_one(&atom, reason);
    }
    if !trial.is_double() {
        trial.doubtful.extend(picks);
        trial.doubtful.append(&mut trial.others);
        if !trial.doubtful.is_empty() {
            trial.requests += 1;
            if send(&sender, &trial.doubtful).await.is_none() {
                trial.doubtful.clear();
            }
        }
    }
    trial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_frames_are_divided_to_their_end_and_then_one_every_ten_seconds() {
        let searches = FullSearches::default();
        let allowed = |now: i64| (0..20).filter(|_| searches.allow(now)).count();
        assert_eq!(allowed(1_000_000), 8);
        assert_eq!(allowed(1_009_999), 0);
        assert_eq!(allowed(1_010_000), 1);
        assert_eq!(allowed(1_035_000), 2);
        assert_eq!(allowed(1_500_000), 8);
        assert_eq!(allowed(3_000), 8, "the clock was set back");
    }
}
