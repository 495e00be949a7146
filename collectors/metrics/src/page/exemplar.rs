//! The labels of exemplars.

use model::encode_labels;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::labels::Pairs;
use crate::parse::{Exemplar, LabelList, parse_exemplar_labels, unescape};

/// The most characters that names and values of an exemplar have together, by OpenMetrics: backends refuse
/// longer ones.
const MAX_LABELS: usize = 128;

/// Appends the labels of an exemplar in the encoding of label sets. Says whether that was
/// possible: labels with one name twice are no set, some are too long, and an exemplar is not worth its
/// page. On `false` nothing was appended.
pub(super) fn write_labels(text: &str, out: &mut Vec<u8>) -> bool {
    let mut labels = LabelList::new();
    if parse_exemplar_labels(text, &mut labels).is_err() {
        return false;
    }
    let mut pairs: Pairs<'_> =
        labels.iter().map(|label| (unescape(label.name), unescape(label.value))).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let characters = pairs.iter().map(|(name, value)| name.chars().count() + value.chars().count());
    if characters.sum::<usize>() > MAX_LABELS || pairs.windows(2).any(|p| p[0].0 == p[1].0) {
        return false;
    }
    encode_labels(out, pairs.iter().map(|(name, value)| (&**name, &**value)));
    true
}

/// What tells an exemplar of a series from others, of which both have the labels in their encoding.
pub(super) fn hash(series: &[u8], own: &[u8], exemplar: &Exemplar<'_>) -> u64 {
    let labels = xxh3_64_with_seed(own, xxh3_64(series));
    let mut measured = [0; 16];
    measured[..8].copy_from_slice(&exemplar.value.to_le_bytes());
    measured[8..].copy_from_slice(&exemplar.timestamp.unwrap_or(i64::MIN).to_le_bytes());
    xxh3_64_with_seed(&measured, labels)
}
