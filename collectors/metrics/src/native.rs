//! Limits of native histograms: too fine ones are merged.

use model::{BucketSpan, Buckets, Histogram};

#[cfg(test)]
mod tests;

/// The coarsest resolution of exponential buckets.
const MIN_SCHEMA: i32 = -4;
/// The finest.
const MAX_SCHEMA: i32 = 8;

/// How large a histogram may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Buckets, 0 for any number.
    pub(crate) buckets: usize,
    /// The finest resolution.
    pub(crate) max_schema: i32,
}

impl Limits {
    /// Limits from the arguments of a scrape: a factor of growth is a resolution.
    pub(crate) fn new(buckets: usize, min_factor: f64) -> Self {
        let max_schema = if min_factor <= 1.0 {
            MAX_SCHEMA
        } else {
            // The finest schema of the coarser ones: its growth 2^(2^-schema) is at most the factor.
            let floor = min_factor.log2().log2().floor();
            (-(floor.clamp(-8.0, 4.0) as i32)).clamp(MIN_SCHEMA, MAX_SCHEMA)
        };
        Self { buckets, max_schema }
    }
}

/// Merges buckets until the histogram is within the limits; says whether that was possible.
pub(crate) fn reduce(histogram: &mut Histogram, limits: &Limits) -> bool {
    let exponential = (MIN_SCHEMA..=MAX_SCHEMA).contains(&histogram.schema);
    if exponential {
        while histogram.schema > limits.max_schema {
            halve(histogram);
        }
    }
    if limits.buckets == 0 {
        return true;
    }
    while bucket_count(histogram) > limits.buckets {
        if !exponential || histogram.schema <= MIN_SCHEMA {
            return false;
        }
        halve(histogram);
    }
    true
}

fn bucket_count(histogram: &Histogram) -> usize {
    match &histogram.buckets {
        Buckets::Integer { positive_deltas, negative_deltas, .. } => {
            positive_deltas.len() + negative_deltas.len()
        }
        Buckets::Float { positive_counts, negative_counts, .. } => {
            positive_counts.len() + negative_counts.len()
        }
    }
}

/// Halves the resolution: two neighbouring buckets become one.
fn halve(histogram: &mut Histogram) {
    histogram.schema -= 1;
    match &mut histogram.buckets {
        Buckets::Integer { positive_deltas, negative_deltas, .. } => {
            for (spans, deltas) in [
                (&mut histogram.positive_spans, positive_deltas),
                (&mut histogram.negative_spans, negative_deltas),
            ] {
                let mut count = 0_i64;
                let counts: Vec<i64> = deltas
                    .iter()
                    .map(|delta| {
                        count = count.wrapping_add(*delta);
                        count
                    })
                    .collect();
                let merged = merge(spans, &counts, i64::wrapping_add);
                let mut last = 0;
                *deltas = merged
                    .iter()
                    .map(|count| count.wrapping_sub(std::mem::replace(&mut last, *count)))
                    .collect();
            }
        }
        Buckets::Float { positive_counts, negative_counts, .. } => {
            for (spans, counts) in [
                (&mut histogram.positive_spans, positive_counts),
                (&mut histogram.negative_spans, negative_counts),
            ] {
                *counts = merge(spans, counts, |a, b| a + b);
            }
        }
    }
}

/// Merges counts whose buckets become one; the spans become those of the result.
///
/// Bucket `i` ends at `base^i`, so buckets `2k - 1` and `2k` make bucket `k`.
fn merge<T: Copy>(spans: &mut Vec<BucketSpan>, counts: &[T], add: impl Fn(T, T) -> T) -> Vec<T> {
    let mut merged: Vec<T> = Vec::with_capacity(counts.len() / 2 + 1);
    let mut merged_spans: Vec<BucketSpan> = Vec::with_capacity(spans.len());
    let mut counts = counts.iter().copied();
    let mut index = 0_i64;
    let mut last: Option<i64> = None;
    for span in spans.iter() {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { break };
            let target = (index + 1) >> 1;
            index += 1;
            match last {
                Some(before) if before == target => {
                    let bucket = merged.last_mut().expect("there was one before");
                    *bucket = add(*bucket, count);
                    continue;
                }
                Some(before) if before + 1 == target => {
                    let span = merged_spans.last_mut().expect("there was one before");
                    span.length += 1;
                }
                _ => {
                    let gap = target - last.map_or(0, |before| before + 1);
                    let offset = i32::try_from(gap).unwrap_or(i32::MAX);
                    merged_spans.push(BucketSpan { offset, length: 1 });
                }
            }
            merged.push(count);
            last = Some(target);
        }
    }
    *spans = merged_spans;
    merged
}
