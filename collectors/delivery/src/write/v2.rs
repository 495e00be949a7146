//! Series of remote write 2.0.

use model::{Family, HistogramSample, Sample};

use super::attached::Along;
use super::fields::Fields;
use super::histogram::push_histogram;
use super::proto::{
    delimited, push_bytes, push_double, push_message, push_number, push_varint, sample,
};
use super::symbols::Symbols;

/// A request of 2.0 under way.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) symbols: Symbols,
    pub(super) series: Vec<u8>,
    /// The series being written.
    message: Vec<u8>,
    references: Vec<u8>,
    /// The exemplar being written.
    exemplar: Vec<u8>,
    previous: Previous,
}

/// The series before, whose labels the next one mostly shares, each in the same place.
#[derive(Debug, Default)]
struct Previous {
    block: Vec<u8>,
    labels: Vec<Label>,
    /// The labels of the series under way, until it becomes the previous one.
    under_way: Vec<Label>,
    /// Help and unit of the last family.
    family: (u32, u32),
}

/// Where a label ends in its block, and its references.
#[derive(Debug, Clone, Copy)]
struct Label {
    end: usize,
    name: u32,
    value: u32,
}

impl Request {
    #[inline]
    pub(super) fn push_sample(
        &mut self,
        labels: &[u8],
        measured: &Sample,
        family: Option<&Family>,
        along: Along<'_>,
    ) {
        self.begin(labels);
        let mut small = sample(measured.value, measured.timestamp, measured.start_timestamp);
        self.message.extend_from_slice(small.close());
        self.push_exemplars(along);
        self.end(family);
    }

    pub(super) fn push_histogram_sample(
        &mut self,
        labels: &[u8],
        measured: &HistogramSample,
        family: Option<&Family>,
        along: Along<'_>,
        scratch: &mut Vec<u8>,
    ) {
        self.begin(labels);
        scratch.clear();
        let start = measured.start_timestamp;
        push_histogram(scratch, &measured.histogram, measured.timestamp, start);
        push_message(&mut self.message, 3, scratch);
        self.push_exemplars(along);
        self.end(family);
    }

    /// Those of the series under way: there may be none without a sample.
    #[inline]
    fn push_exemplars(&mut self, along: Along<'_>) {
        for (exemplar, own_labels) in along.iter() {
            self.refer(own_labels);
            let message = &mut self.exemplar;
            message.clear();
            push_bytes(message, 1, &self.references);
            push_double(message, 2, exemplar.value);
            push_number(message, 3, exemplar.timestamp.cast_unsigned());
            push_message(&mut self.message, 4, message);
        }
    }

    #[inline]
    fn begin(&mut self, labels: &[u8]) {
        self.refer_as_before(labels);
        self.message.clear();
        push_message(&mut self.message, 1, &self.references);
    }

    /// Refers to the labels of a series; a label that the series before had in the same place is
    /// compared and not looked up.
    #[inline]
    fn refer_as_before(&mut self, labels: &[u8]) {
        let Previous { block, labels: known, under_way, .. } = &mut self.previous;
        self.references.clear();
        under_way.clear();
        let (mut rest, mut start) = (labels, 0);
        let mut known_labels = known.iter();
        while !rest.is_empty() {
            let before = known_labels.next();
            let bytes = before.map_or(&[][..], |label| &block[start..label.end]);
            let (name, value, len) = match before {
                Some(label) if rest.starts_with(bytes) => (label.name, label.value, bytes.len()),
                _ => {
                    let field = Fields(rest).next().expect("the block has not ended");
                    let (name, value) = self.symbols.label(field);
                    (name, value, field.whole.len())
                }
            };
            start += bytes.len();
            rest = &rest[len..];
            under_way.push(Label { end: labels.len() - rest.len(), name, value });
            push_varint(&mut self.references, name.into());
            push_varint(&mut self.references, value.into());
        }
        block.clear();
        block.extend_from_slice(labels);
        std::mem::swap(known, under_way);
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
            let (help, unit) = self.previous.family;
            let help = self.symbols.string_or(help, family.help.as_bytes());
            let unit = self.symbols.string_or(unit, family.unit.as_bytes());
            self.previous.family = (help, unit);
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
        self.previous.labels.clear();
        self.previous.family = (0, 0);
    }
}
