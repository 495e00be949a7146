//! Classic histograms become native ones with custom buckets.

use std::sync::Arc;

use model::{BucketSpan, Buckets, Histogram, MetricKind, ResetHint};

use super::{
    Event, Exemplar, LabelList, NativeSample, ParseError, Place, Sample, parse_series, unescape,
};
use crate::page::Source;

#[cfg(test)]
mod tests;

/// The schema of custom buckets.
const CUSTOM: i32 = -53;

/// Collects the series of a classic histogram and gives out one native histogram in their place,
/// or in front of what comes next.
#[derive(Debug)]
pub(crate) struct Collate<S> {
    inner: S,
    /// Whether the classic series are given out too.
    keep: bool,
    family: String,
    kind: MetricKind,
    /// The histogram that is being collected.
    current: Option<Collected>,
    /// The series of the last native histogram of the page: its classic form is left alone.
    native: String,
    /// What came behind the histogram that was given out last.
    held: Option<Held>,
    /// The event that `held` or a histogram is lent from.
    lent: Held,
    place: Place,
}

#[derive(Debug, Default, Clone)]
struct Collected {
    series: String,
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    timestamp: Option<i64>,
    start_timestamp: i64,
    exemplars: Vec<(String, f64, i64)>,
    broken: bool,
}

/// An event that outlives its source.
#[derive(Debug, Default, Clone)]
struct Held {
    text: String,
    other: String,
    what: What,
}

#[derive(Debug, Default, Clone)]
enum What {
    #[default]
    End,
    Help,
    Type(MetricKind),
    Unit,
    Sample {
        value: f64,
        timestamp: Option<i64>,
        start_timestamp: i64,
        exemplar: Option<(f64, Option<i64>)>,
    },
    Histogram {
        histogram: Arc<Histogram>,
        timestamp: Option<i64>,
        start_timestamp: i64,
        exemplars: Vec<(String, f64, Option<i64>)>,
    },
}

impl<S: Source> Collate<S> {
    pub(crate) fn new(inner: S, keep: bool) -> Self {
        let place = inner.place();
        Self {
            inner,
            keep,
            family: String::new(),
            kind: MetricKind::Unknown,
            current: None,
            native: String::new(),
            held: None,
            lent: Held::default(),
            place,
        }
    }

    /// Reads on until there is something to give out.
    fn fill(&mut self) -> Result<(), ParseError> {
        if let Some(held) = self.held.take() {
            self.lent = held;
            return Ok(());
        }
        loop {
            let held = match self.inner.next_event()? {
                Some(event) => Held::of(event),
                None => Held::default(),
            };
            let part = self.part_of(&held);
            let finished = match (&self.current, &part) {
                (Some(current), Some(part)) if current.series == part.series => None,
                _ => self.current.take().and_then(Collected::into_histogram),
            };
            if let Some(part) = part {
                self.current.get_or_insert_with(|| Collected::of(&part, &held)).add(&part, &held);
            }
            self.follow(&held);
            let swallowed = self.is_collected(&held) && !self.keep;
            match finished {
                Some(histogram) => {
                    self.held = (!swallowed).then_some(held);
                    self.lent = histogram;
                    return Ok(());
                }
                None if !swallowed => {
                    self.place = self.inner.place();
                    self.lent = held;
                    return Ok(());
                }
                None => {}
            }
        }
    }

    fn follow(&mut self, held: &Held) {
        match &held.what {
            What::Type(kind) => {
                self.family.clone_from(&held.text);
                self.kind = *kind;
            }
            What::Histogram { .. } => self.native.clone_from(&held.text),
            _ => {}
        }
    }

    fn is_collected(&self, held: &Held) -> bool {
        self.part_of(held).is_some()
    }

    /// What a sample is of a classic histogram.
    fn part_of(&self, held: &Held) -> Option<Part> {
        let What::Sample { .. } = held.what else { return None };
        if self.kind != MetricKind::Histogram {
            return None;
        }
        let mut labels = LabelList::new();
        let name = parse_series(&held.text, &mut labels).ok()?;
        let suffix = name.strip_prefix(self.family.as_str())?;
        let bound = labels.iter().position(|label| label.name == "le");
        let role = match (suffix, bound) {
            ("_bucket", Some(index)) => {
                let bound: f64 = unescape(labels[index].value).parse().ok()?;
                labels.remove(index);
                Role::Bucket(bound)
            }
            ("_count", _) => Role::Count,
            ("_sum", _) => Role::Sum,
            _ => return None,
        };
        let mut series = format!("{{\"{}\"", self.family);
        for label in &labels {
            series.push_str(&format!(",\"{}\"=\"{}\"", label.name, label.value));
        }
        series.push('}');
        (!same_series(&series, &self.native)).then_some(Part { series, role })
    }
}

/// Whether two texts name one series; they may be written in different ways.
fn same_series(one: &str, other: &str) -> bool {
    let (mut one_labels, mut other_labels) = (LabelList::new(), LabelList::new());
    let one = parse_series(one, &mut one_labels);
    let other = parse_series(other, &mut other_labels);
    one.is_ok() && one == other && one_labels == other_labels
}

struct Part {
    series: String,
    role: Role,
}

enum Role {
    Bucket(f64),
    Count,
    Sum,
}

impl Collected {
    fn of(part: &Part, held: &Held) -> Self {
        let mut collected = Self { series: part.series.clone(), ..Self::default() };
        if let What::Sample { timestamp, start_timestamp, .. } = held.what {
            collected.timestamp = timestamp;
            collected.start_timestamp = start_timestamp;
        }
        collected
    }

    fn add(&mut self, part: &Part, held: &Held) {
        let What::Sample { value, exemplar, .. } = held.what else { return };
        if value.is_sign_negative() && value != 0.0 && !matches!(part.role, Role::Sum) {
            self.broken = true;
        }
        match part.role {
            Role::Bucket(bound) if bound.is_nan() => self.broken = true,
            Role::Bucket(bound) => self.buckets.push((bound, value)),
            Role::Count => self.count = Some(value),
            Role::Sum => self.sum = value,
        }
        if let Some((value, Some(timestamp))) = exemplar {
            self.exemplars.push((held.other.clone(), value, timestamp));
        }
    }

    /// The native histogram; none when the classic one does not fit together.
    fn into_histogram(mut self) -> Option<Held> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|later, first| later.0 == first.0);
        let count = self.count.or(self.buckets.last().map(|(_, count)| *count))?;
        if self.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let cumulative = self.buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        if self.broken || !cumulative || self.buckets.last()?.1 != count {
            return None;
        }
        let bounds = self.buckets.iter().map(|(bound, _)| *bound).filter(|b| b.is_finite());
        let histogram = Histogram {
            schema: CUSTOM,
            zero_threshold: 0.0,
            sum: self.sum,
            reset: ResetHint::Unknown,
            positive_spans: vec![BucketSpan {
                offset: 0,
                length: u32::try_from(self.buckets.len()).ok()?,
            }],
            negative_spans: Vec::new(),
            custom_bounds: bounds.collect(),
            buckets: self.counts(count),
        };
        let exemplars = self.exemplars.into_iter();
        Some(Held {
            text: self.series,
            other: String::new(),
            what: What::Histogram {
                histogram: Arc::new(histogram),
                timestamp: self.timestamp,
                start_timestamp: self.start_timestamp,
                exemplars: exemplars.map(|(labels, v, at)| (labels, v, Some(at))).collect(),
            },
        })
    }

    fn counts(&self, count: f64) -> Buckets {
        let mut before = 0.0;
        let counts = self.buckets.iter().map(|(_, sum)| sum - std::mem::replace(&mut before, *sum));
        let whole = |value: f64| value.fract() == 0.0 && value < 9e15;
        if !self.buckets.iter().all(|(_, count)| whole(*count)) {
            return Buckets::Float {
                count,
                zero_count: 0.0,
                positive_counts: counts.collect(),
                negative_counts: Vec::new(),
            };
        }
        let mut before = 0;
        let deltas = counts.map(|count| {
            let count = count as i64;
            count - std::mem::replace(&mut before, count)
        });
        Buckets::Integer {
            count: count as u64,
            zero_count: 0,
            positive_deltas: deltas.collect(),
            negative_deltas: Vec::new(),
        }
    }
}

impl Held {
    fn of(event: Event<'_>) -> Self {
        let (text, other, what) = match event {
            Event::Help { name, help } => (name, help, What::Help),
            Event::Type { name, kind } => (name, "", What::Type(kind)),
            Event::Unit { name, unit } => (name, unit, What::Unit),
            Event::Sample(sample) => {
                let exemplar = sample.exemplar;
                (
                    sample.series,
                    exemplar.map_or("", |exemplar| exemplar.labels),
                    What::Sample {
                        value: sample.value,
                        timestamp: sample.timestamp,
                        start_timestamp: sample.start_timestamp,
                        exemplar: exemplar.map(|exemplar| (exemplar.value, exemplar.timestamp)),
                    },
                )
            }
            Event::Histogram(sample) => {
                let exemplars = sample.exemplars.iter();
                (
                    sample.series,
                    "",
                    What::Histogram {
                        histogram: sample.histogram,
                        timestamp: sample.timestamp,
                        start_timestamp: sample.start_timestamp,
                        exemplars: exemplars
                            .map(|e| (e.labels.to_owned(), e.value, e.timestamp))
                            .collect(),
                    },
                )
            }
        };
        Self { text: text.to_owned(), other: other.to_owned(), what }
    }

    fn lend(&mut self) -> Option<Event<'_>> {
        let (text, other) = (self.text.as_str(), self.other.as_str());
        Some(match &mut self.what {
            What::End => return None,
            What::Help => Event::Help { name: text, help: other },
            What::Type(kind) => Event::Type { name: text, kind: *kind },
            What::Unit => Event::Unit { name: text, unit: other },
            What::Sample { value, timestamp, start_timestamp, exemplar } => Event::Sample(Sample {
                series: text,
                value: *value,
                timestamp: *timestamp,
                start_timestamp: *start_timestamp,
                exemplar: exemplar.map(|(value, timestamp)| Exemplar {
                    labels: other,
                    value,
                    timestamp,
                }),
                expected: false,
            }),
            What::Histogram { histogram, timestamp, start_timestamp, exemplars } => {
                Event::Histogram(NativeSample {
                    series: text,
                    histogram: histogram.clone(),
                    timestamp: *timestamp,
                    start_timestamp: *start_timestamp,
                    exemplars: exemplars
                        .iter()
                        .map(|(labels, value, timestamp)| Exemplar {
                            labels,
                            value: *value,
                            timestamp: *timestamp,
                        })
                        .collect(),
                })
            }
        })
    }
}

impl<S: Source> Source for Collate<S> {
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        self.fill()?;
        Ok(self.lent.lend())
    }

    /// The inner source cannot use it: what it reads is not what is given out.
    fn expect(&mut self, _: usize, _: u64) {}

    fn place(&self) -> Place {
        self.place
    }
}
