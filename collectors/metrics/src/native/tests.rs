use proptest::prelude::*;

use super::*;

fn integer(schema: i32, spans: &[(i32, u32)], deltas: &[i64]) -> Histogram {
    let spans =
        spans.iter().map(|(offset, length)| BucketSpan { offset: *offset, length: *length });
    Histogram {
        schema,
        zero_threshold: 0.0,
        sum: 0.0,
        reset: model::ResetHint::Unknown,
        positive_spans: spans.collect(),
        negative_spans: Vec::new(),
        buckets: Buckets::Integer {
            count: 0,
            zero_count: 0,
            positive_deltas: deltas.to_vec(),
            negative_deltas: Vec::new(),
        },
        custom_bounds: Vec::new(),
    }
}

/// Index and count of every positive bucket.
fn buckets(histogram: &Histogram) -> Vec<(i64, i64)> {
    let Buckets::Integer { positive_deltas, .. } = &histogram.buckets else { unreachable!() };
    let mut deltas = positive_deltas.iter();
    let (mut index, mut count) = (0, 0);
    let mut buckets = Vec::new();
    for span in &histogram.positive_spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            count += deltas.next().unwrap();
            buckets.push((index, count));
            index += 1;
        }
    }
    assert!(deltas.next().is_none());
    buckets
}

#[test]
fn neighbours_are_merged() {
    // Buckets 0, 1, 2, 3 and 6 become 0, 1, 2 and 3.
    let mut histogram = integer(1, &[(0, 4), (2, 1)], &[1, 1, 1, 1, 1]);
    halve(&mut histogram);
    assert_eq!(histogram.schema, 0);
    assert_eq!(buckets(&histogram), [(0, 1), (1, 5), (2, 4), (3, 5)]);
    assert_eq!(histogram.positive_spans.len(), 1);
}

#[test]
fn a_bucket_limit_makes_a_histogram_coarser_until_it_fits() {
    let mut histogram = integer(2, &[(1, 8)], &[1, 0, 0, 0, 0, 0, 0, 0]);
    assert!(reduce(&mut histogram, &Limits { buckets: 2, max_schema: 8 }));
    assert_eq!(histogram.schema, 0);
    assert_eq!(buckets(&histogram), [(1, 4), (2, 4)]);
    let mut far = integer(-3, &[(0, 1), (100, 1)], &[1, 0]);
    assert!(!reduce(&mut far, &Limits { buckets: 1, max_schema: 8 }));
    let mut custom = integer(-53, &[(0, 3)], &[1, 0, 0]);
    assert!(!reduce(&mut custom, &Limits { buckets: 2, max_schema: 8 }));
}

#[test]
fn a_factor_is_a_resolution() {
    for (factor, schema) in
        [(0.0, 8), (1.0, 8), (1.002, 8), (1.09, 4), (1.1, 3), (2.0, 0), (4.0, -1), (1e9, -4)]
    {
        assert_eq!(Limits::new(0, factor).max_schema, schema, "{factor}");
    }
}

proptest! {
    #[test]
    fn merging_keeps_every_observation(
        spans in prop::collection::vec((0..6_i32, 0..5_u32), 0..5),
        first in -20..20_i32,
        counts in prop::collection::vec(0..9_i64, 20),
        schema in -3..=8_i32,
    ) {
        let mut spans = spans;
        if let Some(span) = spans.first_mut() {
            span.0 = first;
        }
        let length: u32 = spans.iter().map(|(_, length)| length).sum();
        let mut last = 0;
        let deltas: Vec<i64> = counts[..length as usize]
            .iter()
            .map(|count| count - std::mem::replace(&mut last, *count))
            .collect();
        let mut histogram = integer(schema, &spans, &deltas);
        let mut expected = std::collections::BTreeMap::<i64, i64>::new();
        for (index, count) in buckets(&histogram) {
            *expected.entry((index + 1).div_euclid(2)).or_default() += count;
        }
        halve(&mut histogram);
        prop_assert_eq!(buckets(&histogram), expected.into_iter().collect::<Vec<_>>());
        prop_assert!(histogram.positive_spans.iter().skip(1).all(|span| span.offset > 0));
    }
}
