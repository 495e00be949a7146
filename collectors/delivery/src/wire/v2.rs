//! `io.prometheus.write.v2.Request`, remote write 2.0 (2.0-rc.4).

use crate::wire::{Error, v1};

/// A request: a table of strings, and series that refer to it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// Every string once; the first is empty.
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    /// One entry a sample, usually; a series may come again.
    #[prost(message, repeated, tag = "5")]
    pub timeseries: Vec<TimeSeries>,
}

/// A series and what was measured of it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries {
    /// Name, value, name, value, ... as indices into the symbols.
    #[prost(uint32, repeated, tag = "1")]
    pub labels_refs: Vec<u32>,
    /// Numbers, older first.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms, older first.
    #[prost(message, repeated, tag = "3")]
    pub histograms: Vec<v1::Histogram>,
    /// Single observations.
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<Exemplar>,
    /// What the target said of the family.
    #[prost(message, optional, tag = "5")]
    pub metadata: Option<Metadata>,
    /// Where release candidates before rc.4 kept the start; read, never written.
    #[prost(int64, tag = "6")]
    pub created_timestamp: i64,
}

/// A number at an instant.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Sample {
    /// The number.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
    /// When the counter began; 0 when unknown.
    #[prost(int64, tag = "3")]
    pub start_timestamp: i64,
}

/// A single observation.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Exemplar {
    /// Its own labels.
    #[prost(uint32, repeated, tag = "1")]
    pub labels_refs: Vec<u32>,
    /// The observed value.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "3")]
    pub timestamp: i64,
}

/// What a target said of a metric family.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Metadata {
    /// A [`model::MetricKind`] as its number.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The help, as an index into the symbols.
    #[prost(uint32, tag = "3")]
    pub help_ref: u32,
    /// The unit, as an index into the symbols.
    #[prost(uint32, tag = "4")]
    pub unit_ref: u32,
}

impl Request {
    /// The labels that a list of references names.
    pub fn labels(&self, references: &[u32]) -> Result<Vec<v1::Label>, Error> {
        if !references.len().is_multiple_of(2) {
            return Err(Error::OddReferences(references.len()));
        }
        let symbol = |reference: u32| {
            self.symbols
                .get(reference as usize)
                .cloned()
                .ok_or(Error::Symbol { reference, symbols: self.symbols.len() })
        };
        references
            .chunks_exact(2)
            .map(|pair| Ok(v1::Label { name: symbol(pair[0])?, value: symbol(pair[1])? }))
            .collect()
    }

    /// The same series in protocol 1.0. Start timestamps and the metadata of series have no place
    /// there and are left out; 1.0 sends metadata on its own.
    pub fn to_v1(&self) -> Result<v1::WriteRequest, Error> {
        let series = |series: &TimeSeries| {
            let exemplars = series.exemplars.iter().map(|exemplar| {
                Ok(v1::Exemplar {
                    labels: self.labels(&exemplar.labels_refs)?,
                    value: exemplar.value,
                    timestamp: exemplar.timestamp,
                })
            });
            let samples = series.samples.iter();
            let histograms = series.histograms.iter();
            Ok(v1::TimeSeries {
                labels: self.labels(&series.labels_refs)?,
                samples: samples
                    .map(|s| v1::Sample { value: s.value, timestamp: s.timestamp })
                    .collect(),
                exemplars: exemplars.collect::<Result<_, Error>>()?,
                histograms: histograms
                    .map(|h| v1::Histogram { start_timestamp: 0, ..h.clone() })
                    .collect(),
            })
        };
        let timeseries = self.timeseries.iter().map(series).collect::<Result<_, Error>>()?;
        Ok(v1::WriteRequest { timeseries, metadata: Vec::new() })
    }
}
