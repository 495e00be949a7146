//! Series of remote write 2.0.

use model::{Exemplar, Family, HistogramSample, Sample};

use super::fields::Fields;
use super::histogram::push_histogram;
use super::proto::{delimited, push_double, push_message, push_number, push_varint, sample};
use super::symbols::Symbols;

/// A request of 2.0 under way.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) symbols: Symbols,
    pub(super) series: Vec<u8>,
    /// The series being written.
    message: Vec<u8>,
    references: Vec<u8>,
}

impl Request {
    #[inline]
    pub(super) fn push_sample(
        &mut self,
        labels: &[u8],
        measured: &Sample,
        family: Option<&Family>,
    ) {
        self.begin(labels);
        let mut small = sample(measured.value, measured.timestamp, measured.start_timestamp);
        self.message.extend_from_slice(small.close());
        self.end(family);
    }

    pub(super) fn push_histogram_sample(
        &mut self,
        labels: &[u8],
        measured: &HistogramSample,
        family: Option<&Family>,
    ) {
        self.begin(labels);
        let mut message = Vec::with_capacity(128);
        let start = measured.start_timestamp;
        push_histogram(&mut message, &measured.histogram, measured.timestamp, start);
        push_message(&mut self.message, 3, &message);
        self.end(family);
    }

    pub(super) fn push_exemplar(&mut self, labels: &[u8], own_labels: &[u8], exemplar: &Exemplar) {
        self.begin(labels);
        self.refer(own_labels);
        let mut message = Vec::with_capacity(32);
        if !self.references.is_empty() {
            push_message(&mut message, 1, &self.references);
        }
        push_double(&mut message, 2, exemplar.value);
        push_number(&mut message, 3, exemplar.timestamp.cast_unsigned());
        push_message(&mut self.message, 4, &message);
        self.end(None);
    }

    #[inline]
    fn begin(&mut self, labels: &[u8]) {
        self.refer(labels);
        self.message.clear();
        push_message(&mut self.message, 1, &self.references);
    }

    #[inline]
    fn refer(&mut self, labels: &[u8]) {
        self.references.clear();
        for field in Fields(labels) {
            let (name, value) = self.symbols.label(field);
            push_varint(&mut self.references, name.into());
            push_varint(&mut self.references, value.into());
        }
    }

    #[inline]
    fn end(&mut self, family: Option<&Family>) {
        if let Some(family) = family {
            let help = self.symbols.string(family.help.as_bytes());
            let unit = self.symbols.string(family.unit.as_bytes());
            self.references.clear();
            push_number(&mut self.references, 1, family.kind as u64);
            push_number(&mut self.references, 3, help.into());
            push_number(&mut self.references, 4, unit.into());
            push_message(&mut self.message, 5, &self.references);
        }
        self.series.reserve(self.message.len() + 6);
        self.series.push(delimited(5));
        push_varint(&mut self.series, self.message.len() as u64);
        self.series.extend_from_slice(&self.message);
    }

    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.series.clear();
    }
}
