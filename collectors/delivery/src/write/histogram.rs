//! Native histograms on the wire; the message is the same in both versions but for the start.

use model::{BucketSpan, Buckets, Histogram};

use super::proto::{
    fixed64, push_double, push_number, push_small_message, push_varint, varint, varint_len, zigzag,
};

/// Appends the fields of a histogram message.
pub(super) fn push_histogram(
    out: &mut Vec<u8>,
    histogram: &Histogram,
    timestamp: i64,
    start_timestamp: i64,
) {
    // The count and the zero count are one-ofs: which one it is says whether this is a float
    // histogram, so they are written even when they are zero.
    match &histogram.buckets {
        Buckets::Integer { count, .. } => {
            out.push(varint(1));
            push_varint(out, *count);
        }
        Buckets::Float { count, .. } => {
            out.push(fixed64(2));
            out.extend_from_slice(&count.to_le_bytes());
        }
    }
    push_double(out, 3, histogram.sum);
    push_number(out, 4, zigzag(histogram.schema.into()) & u64::from(u32::MAX));
    push_double(out, 5, histogram.zero_threshold);
    match &histogram.buckets {
        Buckets::Integer { zero_count, negative_deltas, positive_deltas, .. } => {
            out.push(varint(6));
            push_varint(out, *zero_count);
            push_spans(out, 8, &histogram.negative_spans);
            push_deltas(out, 9, negative_deltas);
            push_spans(out, 11, &histogram.positive_spans);
            push_deltas(out, 12, positive_deltas);
        }
        Buckets::Float { zero_count, negative_counts, positive_counts, .. } => {
            out.push(fixed64(7));
            out.extend_from_slice(&zero_count.to_le_bytes());
            push_spans(out, 8, &histogram.negative_spans);
            push_doubles(out, 10, negative_counts);
            push_spans(out, 11, &histogram.positive_spans);
            push_doubles(out, 13, positive_counts);
        }
    }
    push_number(out, 14, histogram.reset as u64);
    push_number(out, 15, timestamp.cast_unsigned());
    push_doubles(out, 16, &histogram.custom_bounds);
    push_number(out, 17, start_timestamp.cast_unsigned());
}

fn push_spans(out: &mut Vec<u8>, field: u8, spans: &[BucketSpan]) {
    for span in spans {
        push_small_message(out, field, |message| {
            push_number(message, 1, zigzag(span.offset.into()) & u64::from(u32::MAX));
            push_number(message, 2, span.length.into());
        });
    }
}

fn push_deltas(out: &mut Vec<u8>, field: u8, deltas: &[i64]) {
    if !deltas.is_empty() {
        let len: usize = deltas.iter().map(|delta| varint_len(zigzag(*delta))).sum();
        push_varint(out, u64::from(field) << 3 | 2);
        push_varint(out, len as u64);
        deltas.iter().for_each(|delta| push_varint(out, zigzag(*delta)));
    }
}

fn push_doubles(out: &mut Vec<u8>, field: u8, values: &[f64]) {
    if !values.is_empty() {
        push_varint(out, u64::from(field) << 3 | 2);
        push_varint(out, values.len() as u64 * 8);
        values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }
}
