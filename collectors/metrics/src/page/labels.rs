//! From the text of a series to the labels that are written.

use std::borrow::Cow;

use model::names::{Scheme, is_label_name, is_metric_name};
use model::{Labels, LabelsRef, MetricKind, encode_label};

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::known::Entry;
use crate::ScrapeConfig;
use crate::parse::{Label, LabelList, parse_series, unescape};

#[cfg(test)]
mod tests;

/// What the labels of a series depend on beside the text of the series and its family.
#[derive(Debug, Clone)]
pub(crate) struct Shape<'t> {
    pub(super) honor_labels: bool,
    pub(super) type_and_unit: bool,
    scheme: Scheme,
    label_limit: usize,
    name_limit: usize,
    value_limit: usize,
    target: Vec<(&'t str, &'t str)>,
    /// The labels of the target in the encoding of label sets.
    encoded: &'t [u8],
}

/// A page whose labels cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LabelError {
    #[error("{0:?} is not a metric name{hint}", hint = LEGACY_HINT)]
    MetricName(String),
    #[error("{0:?} is not a label name{hint}", hint = LEGACY_HINT)]
    LabelName(String),
    #[error("the label {0:?} occurs twice in a series")]
    Twice(String),
    #[error("{0}")]
    Limit(String),
    #[error("{0}")]
    Malformed(String),
}

const LEGACY_HINT: &str = " by metric_name_validation_scheme";

impl LabelError {
    /// Whether a configured limit is at fault, not the page.
    pub(crate) fn is_limit(&self) -> bool {
        matches!(self, Self::Limit(_))
    }
}

/// What a page says of the family of a series, as far as labels depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FamilyContext<'f> {
    /// The last `TYPE`.
    pub(super) kind: MetricKind,
    /// Type and unit of the family that the series belongs to.
    pub(super) metadata: Option<(MetricKind, &'f str)>,
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// As many as a [`LabelList`] and the name need no allocation.
pub(super) type Pairs<'a> = SmallVec<[Pair<'a>; 17]>;

impl<'t> Shape<'t> {
    pub(crate) fn new(config: &ScrapeConfig, target: &'t Labels) -> Self {
        Self {
            honor_labels: config.honor_labels,
            type_and_unit: config.enable_type_and_unit_labels,
            scheme: config.name_validation,
            label_limit: config.label_limit,
            name_limit: config.label_name_length_limit,
            value_limit: config.label_value_length_limit,
            target: target.iter().collect(),
            encoded: target.borrowed().as_encoded(),
        }
    }

    /// A hash of all of it; the same in every process of one version.
    pub(super) fn hash64(&self) -> u64 {
        let utf8 = self.scheme == Scheme::Utf8;
        let switches = [self.honor_labels, self.type_and_unit, utf8];
        let limits = [self.label_limit, self.name_limit, self.value_limit];
        let mut seed = 0;
        for switch in switches {
            seed = seed << 1 | u64::from(switch);
        }
        for limit in limits {
            seed = (seed ^ limit as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        xxh3_64_with_seed(self.encoded, seed)
    }

    /// Appends the labels of a series to the arena. On an error the arena may hold a part.
    pub(super) fn write(
        &self,
        series: &str,
        family: FamilyContext<'_>,
        arena: &mut Vec<u8>,
    ) -> Result<(), LabelError> {
        let mut labels = LabelList::new();
        let name = parse_series(series, &mut labels)
            .map_err(|error| LabelError::Malformed(error.to_string()))?;
        let pairs = self.page_pairs(name, &labels, family)?;
        let start = arena.len();
        if self.conflicts(&pairs) && !self.honor_labels {
            self.write_exported(pairs, arena);
        } else {
            self.write_merged(&pairs, arena);
        }
        let written = LabelsRef::from_encoded(&arena[start..]);
        if arena.len() - start > Entry::MAX_LABELS {
            return Err(LabelError::Limit(format!(
                "the labels of a series take more than {} bytes",
                Entry::MAX_LABELS
            )));
        }
        self.check_limits(written)
    }

    /// Name and labels of the page, unescaped and sorted.
    fn page_pairs<'a>(
        &self,
        name: &'a str,
        labels: &[Label<'a>],
        family: FamilyContext<'a>,
    ) -> Result<Pairs<'a>, LabelError> {
        let name = unescape(name);
        if !is_metric_name(&name, self.scheme) {
            return Err(LabelError::MetricName(name.into_owned()));
        }
        let mut pairs = Pairs::new();
        pairs.push((Cow::Borrowed("__name__"), name));
        let metadata = family.metadata.filter(|_| self.type_and_unit);
        let (kind, unit) = metadata.map_or(("", ""), |(kind, unit)| (kind_label(kind), unit));
        for label in labels {
            let name = unescape(label.name);
            if !is_label_name(&name, self.scheme) {
                return Err(LabelError::LabelName(name.into_owned()));
            }
            // What the family says beats what the series says.
            let beaten = (name == "__type__" && !kind.is_empty())
                || (name == "__unit__" && !unit.is_empty());
            if !beaten {
                let value = normal_bound(family.kind, &name, unescape(label.value));
                pairs.push((name, value));
            }
        }
        for (name, value) in [("__type__", kind), ("__unit__", unit)] {
            if !value.is_empty() {
                pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        }
        // Pages are mostly sorted already, which this sort notices.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        match pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(LabelError::Twice(pair[0].0.to_string())),
            None => Ok(pairs),
        }
    }

    fn conflicts(&self, pairs: &[Pair<'_>]) -> bool {
        let mut target = self.target.iter().peekable();
        pairs.iter().any(|(name, _)| {
            while target.next_if(|(other, _)| *other < name.as_ref()).is_some() {}
            target.peek().is_some_and(|(other, _)| *other == name.as_ref())
        })
    }

    /// Merges two sorted lists; of one name the page's wins, even if it is empty, which is the
    /// page's way to have no such label.
    fn write_merged(&self, pairs: &[Pair<'_>], arena: &mut Vec<u8>) {
        let mut target = self.target.iter().peekable();
        for (name, value) in pairs {
            while let Some((name, value)) = target.next_if(|(other, _)| *other < name.as_ref()) {
                encode_label(arena, name, value);
            }
            target.next_if(|(other, _)| *other == name.as_ref());
            if !value.is_empty() {
                encode_label(arena, name, value);
            }
        }
        for (name, value) in target {
            encode_label(arena, name, value);
        }
    }

    /// The target's labels win; the page's get `exported_` in front of their names until nobody
    /// has that name.
    fn write_exported<'a>(&'a self, mut pairs: Pairs<'a>, arena: &mut Vec<u8>) {
        let is_target = |name: &str| self.target.binary_search_by(|(n, _)| (*n).cmp(name)).is_ok();
        pairs.retain(|(_, value)| !value.is_empty());
        let (mut beaten, mut pairs): (Pairs<'a>, Pairs<'a>) =
            pairs.into_iter().partition(|pair| is_target(&pair.0));
        for (name, value) in &self.target {
            pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
        }
        beaten.sort_by_key(|(name, _)| name.len());
        for (name, value) in beaten {
            let mut name = format!("exported_{name}");
            while pairs.iter().any(|(other, _)| *other == name) {
                name.insert_str(0, "exported_");
            }
            pairs.push((Cow::Owned(name), value));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in &pairs {
            encode_label(arena, name, value);
        }
    }

    fn check_limits(&self, labels: LabelsRef<'_>) -> Result<(), LabelError> {
        if self.label_limit == 0 && self.name_limit == 0 && self.value_limit == 0 {
            return Ok(());
        }
        let metric = || shortened(labels.get("__name__").unwrap_or_default());
        let count = labels.iter().count();
        if self.label_limit > 0 && count > self.label_limit {
            return Err(LabelError::Limit(format!(
                "label_limit exceeded (metric: {}, number of labels: {count}, limit: {})",
                metric(),
                self.label_limit
            )));
        }
        for (name, value) in labels.iter() {
            for (limit, part, argument) in [
                (self.name_limit, name, "label_name_length_limit"),
                (self.value_limit, value, "label_value_length_limit"),
            ] {
                if limit > 0 && part.len() > limit {
                    return Err(LabelError::Limit(format!(
                        "{argument} exceeded (metric: {}, label name: {}, length: {}, limit: {limit})",
                        metric(),
                        shortened(name),
                        part.len(),
                    )));
                }
            }
        }
        Ok(())
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(50).collect()
}

/// How `__type__` names a type; unknown is not worth a label.
fn kind_label(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Unknown => "",
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::GaugeHistogram => "gaugehistogram",
        MetricKind::Summary => "summary",
        MetricKind::Info => "info",
        MetricKind::StateSet => "stateset",
    }
}

/// Bounds and quantiles are numbers: `le="1"` and `le="1.0"` are one series, written as floats.
fn normal_bound<'a>(kind: MetricKind, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_bound =
        matches!((kind, name), (MetricKind::Histogram, "le") | (MetricKind::Summary, "quantile"));
    if !is_bound || is_normal(&value) {
        return value;
    }
    match value.parse::<f64>() {
        Ok(number) => Cow::Owned(crate::parse::format_float(number)),
        Err(_) => value,
    }
}

/// Whether a bound is obviously as it would be written: digits around one point.
fn is_normal(value: &str) -> bool {
    if value == "+Inf" {
        return true;
    }
    let Some((whole, fraction)) = value.split_once('.') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole_is_normal = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    // Very long or very small numbers are written with an exponent.
    whole_is_normal
        && digits(fraction)
        && (fraction == "0" || !fraction.ends_with('0'))
        && value.len() < 15
        && !fraction.starts_with("0000")
}
