//! A request of 1.0 that was refused for a double: divided until the offenders stand alone.
//!
//! Prometheus writes nothing of such a request and does not say which sample it was. One offender
//! among 2,000 samples is found in two dozen requests. Where whole targets were collected twice,
//! finding their samples one by one would take two requests each; so once one refusal follows
//! another, some samples of each scrape are tried alone, and when the backend has every one of
//! them the scrape is given up as a whole. Of a target whose last scrape was one of those, few samples
//! tell it of the next: where two collect the same for as long as a network is broken, each scrape of one of
//! them costs two or three requests, and its queue keeps up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use tracing::warn;
use xxhash_rust::xxh3::Xxh3;

use crate::config::Protocol;
use crate::telemetry::{Counts, DropReason};
use crate::wire::{self, v1};

use super::{End, Parcel, Sender, now_ms};

/// Requests for the parts of one frame. When they are used up, the frame is divided to its end all
/// the same if the endpoint's [`FullSearches`] allow it; if not, what is left is tried once more as it is, and
/// given up if it is refused: [`DropReason::Untried`].
const BUDGET: usize = 400;
/// So many refusals in a row are unlikely to be about single offenders.
const SUSPICIOUS: usize = 6;
/// The size of parts of which some samples are tried alone, whatever came before: so small that
/// most are doubles if a target was collected twice, and so large that a part is worth the tries.
const WORTH_TRYING: std::ops::Range<usize> = 32..64;
/// Smaller parts are divided to the end: it costs no more than trying samples of them.
const TOO_SMALL: usize = 8;
/// One in so many samples of a part is tried alone: a target has more series than that, so a
/// target that is no double is not missed.
const STRIDE: usize = 32;
/// Samples that are tried alone at least and at most, of a part that is worth it.
const TRIES: std::ops::RangeInclusive<usize> = 8..=32;
/// Samples that are tried alone of a smaller part.
const FEW_TRIES: usize = 4;
/// Samples that are tried alone at one time: they are of different series, so that their order does
/// not matter. More would crowd out the other requests to a backend that is busy with doubles anyway.
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

/// For how long it is remembered that a target was collected twice. Intervals are shorter.
const REMEMBERED: Duration = Duration::from_secs(120);
/// Targets that are remembered at most.
const MOST_REMEMBERED: usize = 100_000;

/// The targets of which the backend had the last scrape that was looked at.
#[derive(Debug, Default)]
pub(super) struct CollectedTwice {
    targets: Mutex<HashMap<u64, Instant>>,
}

impl CollectedTwice {
    fn targets(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        // What is remembered is a guess: half of a change does no harm.
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, origin: &Origin, now: Instant) -> bool {
        let since = self.targets().get(&target(origin)).copied();
        since.is_some_and(|since| now.saturating_duration_since(since) < REMEMBERED)
    }

    fn note(&self, origin: &Origin, is_double: bool, now: Instant) {
        let (_, job, instance) = origin;
        if job.is_empty() && instance.is_empty() {
            // Of no target: they have nothing in common.
            return;
        }
        let mut targets = self.targets();
        if !is_double {
            targets.remove(&target(origin));
            return;
        }
        if targets.len() >= MOST_REMEMBERED {
            targets.retain(|_, since| now.saturating_duration_since(*since) < REMEMBERED);
        }
        if targets.len() < MOST_REMEMBERED {
            targets.insert(target(origin), now);
        }
    }
}

fn target((_, job, instance): &Origin) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(job.as_bytes());
    hash.update(&[0]);
    hash.update(instance.as_bytes());
    hash.digest()
}

/// One sample with the labels of its series.
#[derive(Debug, Clone)]
struct Atom {
    /// Of the sample; that of an exemplar does not matter for the order.
    timestamp: i64,
    series: v1::TimeSeries,
}

/// What tells the samples of one scrape: their instant, job and instance.
type Origin = (i64, String, String);

/// Some samples that were refused together.
#[derive(Debug, Default)]
struct Part {
    atoms: Vec<Atom>,
    /// Most samples that were tried alone around here are doubles.
    is_dense: bool,
}

/// What came of trying some samples of one scrape alone.
#[derive(Debug)]
struct Trial {
    /// The samples that were not tried.
    kept: Vec<Atom>,
    /// How many of those tried the backend has.
    doubles: usize,
    /// How many were to be tried.
    picks: usize,
}

/// Dividing one refused frame.
struct Search<'a> {
    sender: &'a Arc<Sender>,
    /// Requests left.
    budget: usize,
    refusals: usize,
    /// How many samples of each scrape are not known to be doubles.
    rest: BTreeMap<Origin, usize>,
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
        let mut rest: BTreeMap<Origin, usize> = BTreeMap::new();
        atoms.iter().for_each(|atom| *rest.entry(atom.origin()).or_default() += 1);
        let mut search = Search { sender: self, budget: BUDGET, refusals: 0, rest };
        search.run(atoms, reason).await;
        let now = Instant::now();
        for (origin, rest) in search.rest {
            self.collected_twice.note(&origin, rest == 0, now);
        }
    }

    fn give_up(&self, part: &[Atom], reason: DropReason) {
        let Some(first) = part.first() else { return };
        let parcel = parcel_of(part);
        self.telemetry.dropped(reason).add(parcel.counts);
        if let Some(kept_back) = self.doubles.allows(now_ms()) {
            let endpoint = &self.config.name;
            let (reason, samples) = (reason.as_str(), parcel.counts.total());
            let series = shown(&first.series);
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

    fn give_up(&mut self, atoms: &[Atom], reason: DropReason) {
        self.sender.give_up(atoms, reason);
        if reason == DropReason::Untried {
            return;
        }
        for atom in atoms {
            if let Some(rest) = self.rest.get_mut(&atom.origin()) {
                *rest -= 1;
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
        let size = part.atoms.len();
        if size <= 1 || !self.goes_on() {
            let reason = if size <= 1 { reason } else { DropReason::Untried };
            self.give_up(&part.atoms, reason);
            return;
        }
        let times: BTreeSet<i64> = part.atoms.iter().map(|atom| atom.timestamp).collect();
        let is_suspicious = self.refusals >= SUSPICIOUS && size >= WORTH_TRYING.start;
        let is_dense = part.is_dense && size >= TOO_SMALL;
        let is_worth = is_suspicious || is_dense || WORTH_TRYING.contains(&size);
        if (is_worth || self.was_double(&part.atoms)) && are_scrapes(&part.atoms) {
            part = self.try_some(part.atoms, reason).await;
        }
        if part.atoms.is_empty() {
            return;
        }
        self.sender.telemetry.bisections.add(1);
        let Part { atoms, is_dense } = part;
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

    /// Whether most of these samples are of targets that were collected twice before.
    fn was_double(&self, atoms: &[Atom]) -> bool {
        let now = Instant::now();
        let was = |atom: &&Atom| self.sender.collected_twice.has(&atom.origin(), now);
        2 * atoms.iter().filter(was).count() > atoms.len()
    }

    /// Tries some samples of each scrape in a part alone. A scrape of which the backend has all that
    /// was tried is given up; returns what is left to be sent. No series may be there twice.
    async fn try_some(&mut self, atoms: Vec<Atom>, reason: DropReason) -> Part {
        let mut scrapes: BTreeMap<Origin, Vec<Atom>> = BTreeMap::new();
        for atom in atoms {
            scrapes.entry(atom.origin()).or_default().push(atom);
        }
        let alone = scrapes.len() == 1;
        let now = Instant::now();
        // What is left over is for the halves.
        let most = (self.budget / 2).max(1);
        let mut trials = Vec::with_capacity(scrapes.len());
        let mut picked = Vec::new();
        for (number, (origin, scrape)) in scrapes.into_iter().enumerate() {
            let was_double = self.sender.collected_twice.has(&origin, now);
            let picks = picks(&scrape, alone && !was_double);
            let mut kept = Vec::with_capacity(scrape.len());
            for (index, atom) in scrape.into_iter().enumerate() {
                let room = picked.len() < most;
                if room && picks.contains(&index) {
                    picked.push((number, atom));
                } else {
                    kept.push(atom);
                }
            }
            trials.push(Trial { kept, doubles: 0, picks: picks.len() });
        }
        self.budget -= picked.len();
        let tried = picked.len();
        self.try_alone(picked, &mut trials).await;
        let doubles: usize = trials.iter().map(|trial| trial.doubles).sum();
        let (given_up, rest): (Vec<Trial>, Vec<Trial>) =
            trials.into_iter().partition(|trial| trial.doubles == trial.picks);
        given_up.iter().for_each(|trial| self.give_up(&trial.kept, reason));
        let atoms = rest.into_iter().flat_map(|trial| trial.kept).collect();
        Part { atoms, is_dense: 2 * doubles >= tried }
    }

    /// Sends each of these samples by itself, some at one time, and counts the doubles among them
    /// for the scrape whose number is beside it.
    async fn try_alone(&mut self, picked: Vec<(usize, Atom)>, trials: &mut [Trial]) {
        let mut waiting = picked.into_iter();
        let mut flying = JoinSet::new();
        loop {
            for (number, atom) in waiting.by_ref().take(AT_ONCE - flying.len()) {
                let sender = Arc::clone(self.sender);
                flying.spawn(async move {
                    let refused = send(&sender, std::slice::from_ref(&atom)).await;
                    (number, refused, atom)
                });
            }
            let Some(landed) = flying.join_next().await else { break };
            let (number, refused, atom) = landed.expect("sending does not panic");
            match refused {
                Some(reason) => {
                    self.give_up(&[atom], reason);
                    trials[number].doubles += 1;
                }
                None => self.refusals = 0,
            }
        }
    }
}

impl Atom {
    fn origin(&self) -> Origin {
        let label = |name| self.series.label(name).unwrap_or_default().to_owned();
        (self.timestamp, label("job"), label("instance"))
    }
}

/// Which samples of one scrape are tried: some from its page, since of a target that only this node
/// reaches another may have written what it says of the scrape itself; and what differs from scrape to
/// scrape of the same instant, which tells a double best: a receiver takes the same value again.
fn picks(scrape: &[Atom], alone: bool) -> BTreeSet<usize> {
    let is_report = |atom: &Atom| {
        let name = atom.series.label("__name__").unwrap_or_default();
        name == "up" || name.starts_with("scrape_")
    };
    let page: Vec<usize> = (0..scrape.len()).filter(|index| !is_report(&scrape[*index])).collect();
    let all: Vec<usize> = (0..scrape.len()).collect();
    let among = if page.is_empty() { &all } else { &page };
    let size = among.len();
    let tries = match size {
        _ if alone && size < WORTH_TRYING.start => FEW_TRIES.min(size),
        _ if alone => (size / STRIDE).clamp(*TRIES.start(), *TRIES.end()),
        _ => (size / STRIDE).clamp(1, *TRIES.end()),
    };
    let stride = size / tries;
    // Here and there, and not always the same one of each stretch: the doubles may be every other one.
    // A single one is another in each scrape: what is no double may have been missed in the one before.
    let turn = match scrape.first() {
        Some(first) if tries == 1 => first.timestamp as u32,
        _ => 0,
    };
    let somewhere =
        |pick: usize| (pick as u32).wrapping_add(turn).wrapping_mul(0x9e37_79b9) as usize >> 16;
    let mut picks: BTreeSet<usize> =
        (0..tries).map(|pick| among[pick * stride + somewhere(pick + 1) % stride]).collect();
    let tells = |atom: &Atom| atom.series.label("__name__") == Some("scrape_duration_seconds");
    picks.extend(scrape.iter().position(tells));
    picks
}

/// Whether no series is there twice, so that the order does not matter, and there are several samples
/// of each scrape, so that trying some of them is worth it.
fn are_scrapes(atoms: &[Atom]) -> bool {
    let labels = |atom: &Atom| -> Vec<(String, String)> {
        atom.series.labels.iter().map(|l| (l.name.clone(), l.value.clone())).collect()
    };
    let series: BTreeSet<_> = atoms.iter().map(labels).collect();
    let scrapes: BTreeSet<Origin> = atoms.iter().map(Atom::origin).collect();
    series.len() == atoms.len() && scrapes.len() * FEW_TRIES <= atoms.len()
}

/// A series as entries of one sample each.
fn atoms(series: v1::TimeSeries) -> impl Iterator<Item = Atom> {
    let v1::TimeSeries { labels, samples, exemplars, histograms } = series;
    let with = move |timestamp| {
        let series = v1::TimeSeries { labels: labels.clone(), ..v1::TimeSeries::default() };
        Atom { timestamp, series }
    };
    let mut atoms = Vec::with_capacity(1);
    for sample in samples {
        let mut atom = with(sample.timestamp);
        atom.series.samples.push(sample);
        atoms.push(atom);
    }
    for histogram in histograms {
        let mut atom = with(histogram.timestamp);
        atom.series.histograms.push(histogram);
        atoms.push(atom);
    }
    if !exemplars.is_empty() {
        let newest = atoms.iter().map(|atom| atom.timestamp).max();
        let oldest = exemplars.iter().map(|exemplar| exemplar.timestamp).min();
        let mut atom = with(newest.or(oldest).unwrap_or_default());
        atom.series.exemplars = exemplars;
        atoms.push(atom);
    }
    atoms.into_iter()
}

fn parcel_of(part: &[Atom]) -> Parcel {
    let mut parcel = Parcel {
        protocol: Protocol::V1,
        body: Bytes::new(),
        counts: Counts::default(),
        oldest_ms: i64::MAX,
        newest_ms: i64::MIN,
    };
    let timeseries: Vec<v1::TimeSeries> = part.iter().map(|atom| atom.series.clone()).collect();
    super::request::measure(&timeseries, &mut parcel);
    let request = v1::WriteRequest { timeseries, metadata: Vec::new() };
    parcel.body = wire::encode_v1(&request).into();
    parcel
}

/// A series as people write it.
fn shown(series: &v1::TimeSeries) -> String {
    let labels = series.labels.iter().filter(|label| label.name != "__name__");
    let labels: Vec<String> =
        labels.map(|label| format!("{}={:?}", label.name, label.value)).collect();
    format!("{}{{{}}}", series.label("__name__").unwrap_or_default(), labels.join(", "))
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
