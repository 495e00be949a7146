//! Series of remote write 1.0.

use model::{Exemplar, HistogramSample, Sample};

use super::histogram::push_histogram;
use super::proto::{
    delimited, push_double, push_message, push_number, push_varint, sample, varint_len,
};

#[inline]
pub(super) fn push_sample(out: &mut Vec<u8>, labels: &[u8], measured: &Sample) {
    let mut small = sample(measured.value, measured.timestamp, 0);
    push_series(out, labels, small.close());
}

pub(super) fn push_histogram_sample(
    out: &mut Vec<u8>,
    labels: &[u8],
    measured: &HistogramSample,
    scratch: &mut Vec<u8>,
) {
    scratch.clear();
    push_histogram(scratch, &measured.histogram, measured.timestamp, 0);
    push_series_of(out, labels, 4, scratch);
}

pub(super) fn push_exemplar(
    out: &mut Vec<u8>,
    labels: &[u8],
    own_labels: &[u8],
    exemplar: &Exemplar,
    scratch: &mut Vec<u8>,
) {
    scratch.clear();
    scratch.extend_from_slice(own_labels);
    push_double(scratch, 2, exemplar.value);
    push_number(scratch, 3, exemplar.timestamp.cast_unsigned());
    push_series_of(out, labels, 3, scratch);
}

/// A series with one message behind its labels.
fn push_series_of(out: &mut Vec<u8>, labels: &[u8], field: u8, message: &[u8]) {
    let len = labels.len() + 1 + varint_len(message.len() as u64) + message.len();
    out.reserve(len + 6);
    out.push(delimited(1));
    push_varint(out, len as u64);
    out.extend_from_slice(labels);
    push_message(out, field, message);
}

#[inline]
fn push_series(out: &mut Vec<u8>, labels: &[u8], rest: &[u8]) {
    let len = labels.len() + rest.len();
    out.reserve(len + 6);
    out.push(delimited(1));
    push_varint(out, len as u64);
    out.extend_from_slice(labels);
    out.extend_from_slice(rest);
}
