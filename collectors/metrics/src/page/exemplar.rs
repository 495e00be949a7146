//! The labels of exemplars.

use model::encode_labels;

use super::labels::Pairs;
use crate::parse::{LabelList, parse_exemplar_labels, unescape};

/// Appends the labels of an exemplar in the encoding of label sets. Says whether that was
/// possible: labels with one name twice are no set, and an exemplar is not worth its page.
pub(super) fn write_labels(text: &str, out: &mut Vec<u8>) -> bool {
    let mut labels = LabelList::new();
    if parse_exemplar_labels(text, &mut labels).is_err() {
        return false;
    }
    let mut pairs: Pairs<'_> =
        labels.iter().map(|label| (unescape(label.name), unescape(label.value))).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return false;
    }
    encode_labels(out, pairs.iter().map(|(name, value)| (&**name, &**value)));
    true
}
