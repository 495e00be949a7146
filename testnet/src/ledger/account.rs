//! Every series and every tick of a book, and what the book refused.

use std::collections::BTreeMap;
use std::fmt;

use model::Labels;
use serde::Serialize;

use super::book::Sample;
use super::history::Stored;

/// All that a ledger has.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The nodes that wrote, in the order of the bits of [`Stored::by`].
    pub nodes: Vec<String>,
    /// Every series.
    pub series: Vec<SeriesAccount>,
    /// Samples that were refused, by kind.
    pub rejected: BTreeMap<ObjectionKind, u64>,
    /// The last of them, at most [`MAX_OBJECTIONS`].
    pub objections: Vec<Objection>,
    /// Requests that the receiver, or this ledger, answered with a 4xx that is for good, by what it names:
    /// [`ObjectionKind::Duplicate`] or [`ObjectionKind::OutOfOrder`] where one of its samples was refused
    /// for that, and the sender is to find out which.
    pub refused: BTreeMap<ObjectionKind, u64>,
    /// Samples that the receiver shows beside another of the same series and timestamp.
    pub kept_twice: u64,
}

/// One series.
#[derive(Debug, Clone)]
pub struct SeriesAccount {
    /// Its labels.
    pub labels: Labels,
    /// Its ticks, oldest first.
    pub ticks: Vec<Stored>,
}

/// Refused samples that are remembered: of older ones there is the count.
pub const MAX_OBJECTIONS: usize = 200_000;

/// What a receiver has against a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectionKind {
    /// Its series has a sample of this tick, so that nothing is lost.
    Duplicate,
    /// Its series has a newer sample, and none of this tick.
    OutOfOrder,
    /// Something else.
    Other,
}

impl ObjectionKind {
    /// What a receiver's message means, in the words of Prometheus.
    pub fn of(message: &str) -> Self {
        if message.contains("duplicate sample") {
            Self::Duplicate
        } else if message.contains("out of order") || message.contains("out of bounds") {
            Self::OutOfOrder
        } else {
            Self::Other
        }
    }
}

/// A sample that was refused.
#[derive(Debug, Clone)]
pub struct Objection {
    /// Why.
    pub kind: ObjectionKind,
    /// Who wrote it.
    pub node: String,
    /// The sample.
    pub sample: Sample,
    /// The newest timestamp of its series then, where that is known.
    pub newest: Option<i64>,
}

impl fmt::Display for Objection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { labels, timestamp, value } = &self.sample;
        write!(formatter, "{:?} of {}: {value} at {timestamp} for {labels}", self.kind, self.node)?;
        match self.newest {
            Some(newest) => write!(formatter, ", {} ms before the newest", newest - timestamp),
            None => Ok(()),
        }
    }
}

impl Account {
    /// How many ticks there are up to an instant, in milliseconds since the Unix epoch.
    pub fn arrived_until(&self, until: i64) -> usize {
        let ticks = |series: &SeriesAccount| series.ticks.partition_point(|tick| tick.at <= until);
        self.series.iter().map(ticks).sum()
    }

    /// The names of the nodes in a set of bits.
    pub fn names(&self, bits: u64) -> Vec<&str> {
        let chosen = self.nodes.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
        chosen.map(|(_, name)| name.as_str()).collect()
    }
}
