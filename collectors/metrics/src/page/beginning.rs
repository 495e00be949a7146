//! `_created` lines of OpenMetrics: when the series of a metric began.
//!
//! They stand behind the samples of their metric, so the samples are told afterwards.

use model::{Batch, LabelsRef, MetricKind, Sample};

use super::labels::LabelError;
use crate::parse::{LabelList, parse_series, unescape};

/// Whether a series of a family is such a line.
pub(super) fn is_beginning(series: &str, family: &str, kind: MetricKind) -> bool {
    if !matches!(kind, MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary) {
        return false;
    }
    let mut labels = LabelList::new();
    parse_series(series, &mut labels)
        .is_ok_and(|name| name.strip_prefix(family).is_some_and(|suffix| suffix == "_created"))
}

/// Tells the samples of the metric, which are the last in the batches, when they began; those
/// that began after `zeros_after` get a zero in front.
pub(super) fn set(
    batches: [Option<&mut Batch>; 2],
    series: &str,
    family: &str,
    began: i64,
    zeros_after: i64,
) -> Result<(), LabelError> {
    let mut labels = LabelList::new();
    parse_series(series, &mut labels).map_err(|error| LabelError::Malformed(error.to_string()))?;
    let wanted: Vec<_> = labels.iter().map(|l| (unescape(l.name), unescape(l.value))).collect();
    let is_part = |labels: LabelsRef<'_>| {
        wanted.iter().all(|(name, value)| {
            // A label of the page may have made room for one of the target.
            labels.get(name) == Some(value)
                || labels.get(&format!("exported_{name}")) == Some(value)
        })
    };
    for batch in batches.into_iter().rev().flatten() {
        let mut index = batch.samples.len();
        while index > 0 {
            index -= 1;
            let sample = batch.samples[index];
            let in_family =
                batch.family(sample.family).is_some_and(|known| *known.name == *unescape(family));
            if !in_family || !is_part(batch.labels(sample.labels)) {
                return Ok(());
            }
            batch.samples[index].start_timestamp = began;
            if began > zeros_after && began < sample.timestamp {
                let zero =
                    Sample { timestamp: began, start_timestamp: began, value: 0.0, ..sample };
                batch.samples.insert(index, zero);
            }
        }
    }
    Ok(())
}
