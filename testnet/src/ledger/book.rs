//! What the ledger knows: pure, and written by one task.

use std::collections::{BTreeMap, VecDeque};

use model::{Labels, is_stale};
use serde::Serialize;

use super::account::{Account, MAX_OBJECTIONS, Objection, ObjectionKind, SeriesAccount};
use super::history::{Effect, History};

/// Nodes that can be told apart; more share the last place.
pub const MAX_NODES: usize = 64;

/// How much the ledger remembers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The scrape interval of what is written, in milliseconds: what tells a gap.
    pub interval: i64,
    /// Series; a request with more is refused.
    pub max_series: usize,
    /// Ticks of each series. Older ones stay counted, but a double of them is not recognised.
    pub ticks_per_series: usize,
    /// The same of each `up`, whose ticks a report tells one by one.
    pub ticks_of_up: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A million series with a few ticks each are some hundred megabytes, and 300 targets for a day at 5 s
        // two hundred, or twice that with room to grow.
        Self {
            interval: 15_000,
            max_series: 1_000_000,
            ticks_per_series: 1_000,
            ticks_of_up: 20_000,
        }
    }
}

/// What one request writes.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Who writes.
    pub node: String,
    /// What, in order of the request.
    pub samples: Vec<Sample>,
    /// Whether the protocol lets a receiver keep a part (2.0), or not (1.0).
    pub partial: bool,
}

/// One sample of one series.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value; of a native histogram its sum.
    pub value: f64,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: u16,
    /// In Prometheus' words where they are known.
    pub message: String,
    /// Samples that were stored in spite of it.
    pub written: u64,
}

/// Sums over everything that was written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Series seen.
    pub series: u64,
    /// Samples stored, doubles among them.
    pub samples: u64,
    /// Of these, in requests of remote write 2.0.
    pub samples_v2: u64,
    /// Samples whose series and timestamp had been stored before.
    pub doubles: u64,
    /// Doubles that differ in their value.
    pub conflicts: u64,
    /// Samples that came after a newer one of their series.
    pub late: u64,
    /// Ticks between two stored ones of a series that nobody stored.
    pub missing: u64,
    /// Staleness markers.
    pub stale: u64,
    /// Requests that were refused for what they contained.
    pub refused: u64,
    /// Samples that were refused, each as often as it was sent alone or refused alone.
    pub rejected: u64,
    /// Samples stored by each node.
    pub by_node: BTreeMap<String, u64>,
}

/// Everything that was written.
#[derive(Debug)]
pub struct Book {
    limits: Limits,
    nodes: Vec<String>,
    series: BTreeMap<Labels, History>,
    totals: Totals,
    rejected: BTreeMap<ObjectionKind, u64>,
    objections: VecDeque<Objection>,
    refused: BTreeMap<ObjectionKind, u64>,
}

impl Book {
    /// An empty book.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { interval: limits.interval.max(1), ..limits };
        Self {
            limits,
            nodes: Vec::new(),
            series: BTreeMap::new(),
            totals: Totals::default(),
            rejected: BTreeMap::new(),
            objections: VecDeque::new(),
            refused: BTreeMap::new(),
        }
    }

    /// All that is known.
    pub fn account(&self) -> Account {
        let series = self.series.iter().map(|(labels, history)| SeriesAccount {
            labels: labels.clone(),
            ticks: history.ticks().to_vec(),
        });
        let mut account = Account {
            nodes: self.nodes.clone(),
            series: series.collect(),
            rejected: self.rejected.clone(),
            objections: self.objections.iter().cloned().collect(),
            refused: self.refused.clone(),
            kept_twice: 0,
        };
        for objection in &mut account.objections {
            if self.is_there(objection) {
                objection.kind = ObjectionKind::Duplicate;
                count_as_duplicate(&mut account.rejected);
            }
        }
        account
    }

    /// Whether a sample that is said to be out of order is one of a tick that is stored: a receiver says
    /// so of whatever comes late.
    fn is_there(&self, objection: &Objection) -> bool {
        let Sample { labels, timestamp, .. } = &objection.sample;
        let has = |history: &History| history.has(*timestamp, self.limits.interval);
        objection.kind == ObjectionKind::OutOfOrder && self.series.get(labels).is_some_and(has)
    }

    /// Notes that a request was answered with a 4xx. What there is against which sample is known when
    /// there is but one, and the status says that it is about what was sent.
    pub fn note_refusal(&mut self, writing: &Writing, status: u16, message: &str) {
        let kind = if status == 400 { ObjectionKind::of(message) } else { ObjectionKind::Other };
        self.refuse(kind);
        if let ([sample], 400) = (writing.samples.as_slice(), status) {
            self.reject(kind, &writing.node, sample, None);
        }
    }

    /// Forgets what was refused so far; the sums have it still.
    pub fn forget_refusals(&mut self) {
        self.rejected.clear();
        self.objections.clear();
        self.refused.clear();
    }

    fn refuse(&mut self, kind: ObjectionKind) {
        self.totals.refused += 1;
        *self.refused.entry(kind).or_default() += 1;
    }

    fn reject(&mut self, kind: ObjectionKind, node: &str, sample: &Sample, newest: Option<i64>) {
        self.totals.rejected += 1;
        *self.rejected.entry(kind).or_default() += 1;
        if self.objections.len() == MAX_OBJECTIONS
            && let Some(oldest) = self.objections.pop_front()
            && self.is_there(&oldest)
        {
            count_as_duplicate(&mut self.rejected);
        }
        let (node, sample) = (node.to_owned(), sample.clone());
        self.objections.push_back(Objection { kind, node, sample, newest });
    }

    /// The sums.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The interval that tells a gap, in milliseconds.
    pub fn interval(&self) -> i64 {
        self.limits.interval
    }

    pub(super) fn series(&self) -> impl Iterator<Item = (&Labels, &History)> {
        self.series.iter()
    }

    /// The names of the nodes in a set of bits.
    pub(super) fn names(&self, bits: u64) -> Vec<String> {
        let chosen = self.nodes.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
        chosen.map(|(_, name)| name.clone()).collect()
    }

    /// Stores what a request writes, whatever it is. Returns the number of samples.
    ///
    /// # Errors
    ///
    /// When there would be too many series; nothing is stored then.
    pub fn accept(&mut self, writing: &Writing) -> Result<u64, Refusal> {
        self.check_room(writing)?;
        let (bit, name) = self.node(&writing.node);
        for sample in &writing.samples {
            self.store(sample, bit);
        }
        let written = writing.samples.len() as u64;
        self.totals.samples_v2 += if writing.partial { written } else { 0 };
        *self.totals.by_node.entry(name).or_default() += written;
        Ok(written)
    }

    /// Stores what Prometheus would store: nothing that is older than the newest sample of its
    /// series, and no other value for the newest. Where the protocol knows no partial write, one
    /// such sample refuses the request as a whole.
    ///
    /// # Errors
    ///
    /// When a sample was refused; the refusal says how many were stored all the same.
    pub fn accept_as_prometheus(&mut self, writing: &Writing) -> Result<u64, Refusal> {
        self.check_room(writing)?;
        let mut newest = BTreeMap::new();
        let mut good = Vec::with_capacity(writing.samples.len());
        let mut problem = None;
        let mut bad = Vec::new();
        for sample in &writing.samples {
            let stored = || self.series.get(&sample.labels).and_then(History::newest);
            let last = newest.get(&sample.labels).copied().or_else(stored);
            match last.and_then(|last| Some((last.0, objection(last, sample)?))) {
                Some((newest, objection)) => {
                    problem.get_or_insert(objection);
                    bad.push((ObjectionKind::of(objection), sample, newest));
                }
                None => {
                    newest.insert(&sample.labels, (sample.timestamp, sample.value));
                    good.push(sample.clone());
                }
            }
        }
        let Some(message) = problem else { return self.accept(writing) };
        self.refuse(ObjectionKind::of(message));
        // A request of several that is refused as a whole is sent again in parts, until what is
        // refused stands alone: that is when it is counted.
        if writing.partial || writing.samples.len() == 1 {
            for (kind, sample, newest) in bad {
                self.reject(kind, &writing.node, sample, Some(newest));
            }
        }
        let refusal = |written| Refusal { status: 400, message: message.to_owned(), written };
        if !writing.partial {
            return Err(refusal(0));
        }
        let written = self.accept(&Writing { samples: good, ..writing.clone() })?;
        Err(refusal(written))
    }

    fn check_room(&mut self, writing: &Writing) -> Result<(), Refusal> {
        // Cautious: a request with known series alone may be refused when the book is all but full.
        if self.series.len() + writing.samples.len() <= self.limits.max_series {
            return Ok(());
        }
        let is_new = |sample: &&Sample| !self.series.contains_key(&sample.labels);
        let new = writing.samples.iter().filter(is_new).count();
        if self.series.len() + new <= self.limits.max_series {
            return Ok(());
        }
        self.totals.refused += 1;
        let message = format!("the ledger is full: {} series", self.series.len());
        Err(Refusal { status: 507, message, written: 0 })
    }

    fn node(&mut self, name: &str) -> (u64, String) {
        let known = self.nodes.iter().position(|node| node == name);
        let index = known.unwrap_or_else(|| {
            if self.nodes.len() < MAX_NODES {
                self.nodes.push(name.to_owned());
            }
            self.nodes.len() - 1
        });
        (1 << index, self.nodes[index].clone())
    }

    fn store(&mut self, sample: &Sample, bit: u64) {
        let Limits { interval, ticks_per_series, ticks_of_up, .. } = self.limits;
        let is_up = sample.labels.get("__name__") == Some("up");
        let keep = if is_up { ticks_of_up } else { ticks_per_series };
        let history = match self.series.get_mut(&sample.labels) {
            Some(history) => history,
            None => {
                self.totals.series += 1;
                self.series.entry(sample.labels.clone()).or_default()
            }
        };
        let Effect { double, conflict, late, missing } =
            history.store(sample.timestamp, sample.value, bit, interval, keep);
        let totals = &mut self.totals;
        totals.samples += 1;
        totals.stale += u64::from(is_stale(sample.value));
        totals.doubles += u64::from(double);
        totals.conflicts += u64::from(conflict);
        totals.late += u64::from(late);
        totals.missing = totals.missing.saturating_add_signed(missing);
    }
}

/// Counts a sample that was said to be out of order as the duplicate that it is.
fn count_as_duplicate(rejected: &mut BTreeMap<ObjectionKind, u64>) {
    *rejected.entry(ObjectionKind::OutOfOrder).or_default() -= 1;
    *rejected.entry(ObjectionKind::Duplicate).or_default() += 1;
}

/// What Prometheus has against a sample, given the newest one of its series.
fn objection((at, value): (i64, f64), sample: &Sample) -> Option<&'static str> {
    if sample.timestamp < at {
        return Some("out of order sample");
    }
    let differs = sample.value.to_bits() != value.to_bits();
    (sample.timestamp == at && differs).then_some("duplicate sample for timestamp")
}
