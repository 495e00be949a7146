//! The samples of a request, one by one.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::config::Protocol;
use crate::sender::{Parcel, request};
use crate::telemetry::Counts;
use crate::wire::{self, v1};

/// One sample with the labels of its series.
#[derive(Debug, Clone)]
pub(super) struct Atom {
    /// Of the sample; that of an exemplar does not matter for the order.
    pub(super) timestamp: i64,
    /// The hash of its labels.
    pub(super) name: u64,
    /// The hash of its job and instance, if it has them.
    pub(super) target: Option<u64>,
    pub(super) series: v1::TimeSeries,
}

/// What tells the samples of one scrape: their instant and target.
pub(super) type Origin = (i64, Option<u64>);

impl Atom {
    pub(super) fn origin(&self) -> Origin {
        (self.timestamp, self.target)
    }

    /// Receivers take those again without a word.
    pub(super) fn is_exemplar(&self) -> bool {
        !self.series.exemplars.is_empty()
    }

    /// Whether it is what a node says of a scrape itself.
    pub(super) fn is_report(&self) -> bool {
        let name = self.series.label("__name__").unwrap_or_default();
        name == "up" || name.starts_with("scrape_")
    }

    /// Whether it differs from scrape to scrape of the same instant.
    pub(super) fn tells(&self) -> bool {
        self.series.label("__name__") == Some("scrape_duration_seconds")
    }

    /// Its series as people write it.
    pub(super) fn shown(&self) -> String {
        let labels = self.series.labels.iter().filter(|label| label.name != "__name__");
        let labels: Vec<String> =
            labels.map(|label| format!("{}={:?}", label.name, label.value)).collect();
        let name = self.series.label("__name__").unwrap_or_default();
        format!("{name}{{{}}}", labels.join(", "))
    }
}

/// A series as entries of one sample each.
pub(super) fn atoms(series: v1::TimeSeries) -> impl Iterator<Item = Atom> {
    let v1::TimeSeries { labels, samples, exemplars, histograms } = series;
    let name = hash(labels.iter().flat_map(|label| [&label.name, &label.value]));
    let of_target = labels.iter().filter(|label| matches!(label.name.as_str(), "job" | "instance"));
    let of_target: Vec<&String> = of_target.flat_map(|label| [&label.name, &label.value]).collect();
    let target = (!of_target.is_empty()).then(|| hash(of_target.into_iter()));
    let with = move |timestamp| {
        let series = v1::TimeSeries { labels: labels.clone(), ..v1::TimeSeries::default() };
        Atom { timestamp, name, target, series }
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

fn hash<'a>(texts: impl Iterator<Item = &'a String>) -> u64 {
    let mut hash = Xxh3::new();
    for text in texts {
        hash.update(text.as_bytes());
        // Not in UTF-8.
        hash.update(&[0xff]);
    }
    hash.digest()
}

pub(super) fn parcel_of(part: &[Atom]) -> Parcel {
    let mut parcel = Parcel {
        protocol: Protocol::V1,
        body: Bytes::new(),
        counts: Counts::default(),
        oldest_ms: i64::MAX,
        newest_ms: i64::MIN,
    };
    let timeseries: Vec<v1::TimeSeries> = part.iter().map(|atom| atom.series.clone()).collect();
    request::measure(&timeseries, &mut parcel);
    let request = v1::WriteRequest { timeseries, metadata: Vec::new() };
    parcel.body = wire::encode_v1(&request).into();
    parcel
}
