//! Series of remote write 1.0.

use model::{Exemplar, HistogramSample, Sample};

use super::histogram::push_histogram;
use super::proto::{delimited, push_double, push_message, push_number, push_varint, sample};

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
    let mut message = std::mem::take(scratch);
    message.clear();
    let start = message.len();
    push_histogram(&mut message, &measured.histogram, measured.timestamp, 0);
    let mut field = Vec::with_capacity(message.len() + 8);
    push_message(&mut field, 4, &message[start..]);
    push_series(out, labels, &field);
    *scratch = message;
}

pub(super) fn push_exemplar(
    out: &mut Vec<u8>,
    labels: &[u8],
    own_labels: &[u8],
    exemplar: &Exemplar,
) {
    let mut message = Vec::with_capacity(own_labels.len() + 24);
    message.extend_from_slice(own_labels);
    push_double(&mut message, 2, exemplar.value);
    push_number(&mut message, 3, exemplar.timestamp.cast_unsigned());
    let mut field = Vec::with_capacity(message.len() + 8);
    push_message(&mut field, 3, &message);
    push_series(out, labels, &field);
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
