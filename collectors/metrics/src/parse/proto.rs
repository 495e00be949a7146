//! Delimited protobuf messages (`io.prometheus.client.MetricFamily`), borrowed from the page.

use std::fmt::Write as _;
use std::sync::Arc;

use model::{MetricKind, names};

use super::text::is_suffix;
use super::{Event, Exemplar, NativeSample, ParseError, Place, Sample, format_float};

mod fields;
mod metric;

#[cfg(test)]
mod tests;

use fields::{Fields, take_varint};
use metric::{HistogramFields, MetricFields, SummaryFields};

/// Which forms of a histogram are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramForms {
    /// The native form, where there is one.
    pub native: bool,
    /// The classic form beside the native one.
    pub classic_too: bool,
}

/// Reads a page of delimited protobuf messages. The series it gives out are written as a text
/// page would have them; classic histograms and summaries become their series.
#[derive(Debug)]
pub struct ProtoParser<'a> {
    page: &'a [u8],
    at: usize,
    forms: HistogramForms,
    family: Family<'a>,
    /// Metadata of the family that was not given out yet.
    metadata: u8,
    metric: Option<MetricFields<'a>>,
    /// What is left of the metric.
    parts: std::vec::IntoIter<Part>,
    place: usize,
    series: String,
    labels: String,
}

#[derive(Debug, Default, Clone)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    unit: &'a str,
    kind: MetricKind,
    message: u64,
    bare: bool,
    metrics: Fields<'a>,
}

/// One series of a metric.
#[derive(Debug, Clone, Copy)]
enum Part {
    Plain(f64),
    Count(f64),
    Sum(f64),
    Quantile(usize),
    Bucket(usize),
    Infinity(f64),
    Native,
}

type Result<T> = std::result::Result<T, ParseError>;

const HELP: u8 = 1;
const TYPE: u8 = 2;
const UNIT: u8 = 4;

impl<'a> ProtoParser<'a> {
    /// A reader of a page.
    pub fn new(page: &'a [u8], forms: HistogramForms) -> Self {
        Self {
            page,
            at: 0,
            forms,
            family: Family::default(),
            metadata: 0,
            metric: None,
            parts: Vec::new().into_iter(),
            place: 0,
            series: String::new(),
            labels: String::new(),
        }
    }

    /// Where the metric of the last sample begins.
    pub fn place_of_sample(&self) -> Place {
        Place::Byte(self.place)
    }

    /// The next thing that the page says; `None` at its end.
    ///
    /// # Errors
    ///
    /// Where the page is malformed. Nothing can be read after that.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        loop {
            if self.metadata != 0 {
                return Ok(Some(self.next_metadata()));
            }
            if let Some(part) = self.parts.next() {
                return self.event(part).map(Some);
            }
            if !self.next_metric()? && !self.next_family()? {
                return Ok(None);
            }
        }
    }

    fn next_metadata(&mut self) -> Event<'a> {
        let Family { name, help, unit, kind, .. } = self.family;
        if self.metadata & HELP != 0 {
            self.metadata &= !HELP;
            return Event::Help { name, help };
        }
        if self.metadata & UNIT != 0 {
            self.metadata &= !UNIT;
            return Event::Unit { name, unit };
        }
        self.metadata = 0;
        Event::Type { name, kind }
    }

    fn next_family(&mut self) -> Result<bool> {
        if self.at == self.page.len() {
            return Ok(false);
        }
        let mut rest = &self.page[self.at..];
        let start = self.at;
        let message = take_varint(&mut rest)
            .and_then(|length| rest.get(..usize::try_from(length).ok()?))
            .ok_or_else(|| ParseError::in_bytes(start, "a message is longer than the page"))?;
        let begin = self.page.len() - rest.len();
        self.at = begin + message.len();
        self.family = Family::read(message, begin)?;
        self.check_family(start)?;
        self.metadata = HELP | TYPE;
        if !self.family.unit.is_empty() {
            self.metadata |= UNIT;
        }
        Ok(true)
    }

    fn check_family(&self, start: usize) -> Result<()> {
        let Family { name, unit, kind, .. } = &self.family;
        let fail = |reason: String| Err(ParseError::in_bytes(start, reason));
        if name.is_empty() {
            return fail("a metric family has no name".into());
        }
        let stem = match kind {
            MetricKind::Counter => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        if !is_suffix(stem, unit) && !is_suffix(name, unit) {
            return fail(format!("the unit {unit:?} is not the last part of {name:?}"));
        }
        Ok(())
    }

    fn next_metric(&mut self) -> Result<bool> {
        while let Some(field) = self.family.metrics.next()? {
            if field.number != 4 {
                continue;
            }
            self.place = field.at;
            let metric = MetricFields::read(field.message()?, field.at)?;
            self.parts = self.parts_of(&metric)?.into_iter();
            self.metric = Some(metric);
            return Ok(true);
        }
        Ok(false)
    }

    fn parts_of(&self, metric: &MetricFields<'a>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        match self.family.message {
            2 => {
                let empty = SummaryFields::default();
                let summary = metric.summary.as_ref().unwrap_or(&empty);
                parts.push(Part::Count(summary.count as f64));
                parts.push(Part::Sum(summary.sum));
                parts.extend((0..summary.quantiles.len()).map(Part::Quantile));
            }
            4 | 5 => {
                let empty = HistogramFields::default();
                let histogram = metric.histogram.as_ref().unwrap_or(&empty);
                let native = self.forms.native && histogram.is_native();
                if native {
                    histogram.check(self.place)?;
                    parts.push(Part::Native);
                }
                if !native || (self.forms.classic_too && !histogram.buckets.is_empty()) {
                    parts.push(Part::Count(histogram.total()));
                    parts.push(Part::Sum(histogram.sum));
                    parts.extend((0..histogram.buckets.len()).map(Part::Bucket));
                    if histogram.buckets.last().is_none_or(|b| b.upper_bound != f64::INFINITY) {
                        parts.push(Part::Infinity(histogram.total()));
                    }
                }
            }
            _ => parts.push(Part::Plain(metric.value)),
        }
        Ok(parts)
    }

    fn event(&mut self, part: Part) -> Result<Event<'_>> {
        let metric = self.metric.as_ref().expect("parts are parts of a metric");
        let histogram = metric.histogram.as_ref();
        let bucket = |index: usize| histogram.and_then(|h| h.buckets.get(index));
        let quantile = |index: usize| metric.summary.as_ref().and_then(|s| s.quantiles.get(index));
        let (suffix, label, value, exemplar) = match part {
            Part::Plain(value) => ("", None, value, metric.exemplar.as_ref()),
            Part::Count(value) => ("_count", None, value, None),
            Part::Sum(value) => ("_sum", None, value, None),
            Part::Infinity(value) => {
                ("_bucket", Some(("le", format_float(f64::INFINITY))), value, None)
            }
            Part::Quantile(index) => {
                let (quantile, value) = *quantile(index).expect("one part for each quantile");
                ("", Some(("quantile", format_float(quantile))), value, None)
            }
            Part::Bucket(index) => {
                let bucket = bucket(index).expect("one part for each bucket");
                let label = ("le", format_float(bucket.upper_bound));
                ("_bucket", Some(label), bucket.count, bucket.exemplar.as_ref())
            }
            Part::Native => ("", None, 0.0, None),
        };
        self.series.clear();
        write_series(&mut self.series, &self.family, suffix, metric, label.as_ref());
        self.labels.clear();
        if let Part::Native = part {
            return Ok(Event::Histogram(self.native()));
        }
        let exemplar = exemplar.map(|exemplar| {
            write_labels(&mut self.labels, &exemplar.labels);
            (exemplar.value, exemplar.timestamp)
        });
        Ok(Event::Sample(Sample {
            series: &self.series,
            value: if value.is_nan() { super::number::NAN } else { value },
            timestamp: metric.timestamp,
            start_timestamp: metric.start_timestamp,
            exemplar: exemplar.map(|(value, timestamp)| Exemplar {
                labels: &self.labels,
                value,
                timestamp,
            }),
            expected: false,
        }))
    }

    fn native(&mut self) -> NativeSample<'_> {
        let metric = self.metric.as_ref().expect("parts are parts of a metric");
        let fields = metric.histogram.as_ref().expect("only histograms are native");
        let mut ends = Vec::new();
        for exemplar in fields.native_exemplars() {
            write_labels(&mut self.labels, &exemplar.labels);
            ends.push((self.labels.len(), exemplar.value, exemplar.timestamp));
        }
        let mut start = 0;
        let exemplars = ends
            .into_iter()
            .map(|(end, value, timestamp)| {
                let labels = &self.labels[std::mem::replace(&mut start, end)..end];
                Exemplar { labels, value, timestamp }
            })
            .collect();
        NativeSample {
            series: &self.series,
            histogram: Arc::new(fields.to_histogram(self.family.message == 5)),
            timestamp: metric.timestamp,
            start_timestamp: metric.start_timestamp,
            exemplars,
        }
    }
}

impl<'a> Family<'a> {
    fn read(message: &'a [u8], begin: usize) -> Result<Self> {
        let mut family = Self { metrics: Fields::new(message, begin), ..Self::default() };
        let mut fields = family.metrics.clone();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => family.name = field.text()?,
                2 => family.help = field.text()?,
                3 => {
                    family.message = field.varint()?;
                    family.kind = match family.message {
                        0 => MetricKind::Counter,
                        1 => MetricKind::Gauge,
                        2 => MetricKind::Summary,
                        3 => MetricKind::Unknown,
                        4 => MetricKind::Histogram,
                        5 => MetricKind::GaugeHistogram,
                        _ => return Err(field.error("unknown type of a metric family")),
                    };
                }
                5 => family.unit = field.text()?,
                _ => {}
            }
        }
        if family.message == 0 {
            family.kind = MetricKind::Counter;
        }
        family.bare = names::is_metric_name(family.name, names::Scheme::Legacy);
        Ok(family)
    }
}

fn write_series(
    out: &mut String,
    family: &Family<'_>,
    suffix: &str,
    metric: &MetricFields<'_>,
    label: Option<&(&str, String)>,
) {
    if family.bare {
        out.push_str(family.name);
        out.push_str(suffix);
        if metric.labels.is_empty() && label.is_none() {
            return;
        }
        out.push('{');
    } else {
        out.push_str("{\"");
        push_escaped(out, family.name);
        out.push_str(suffix);
        out.push_str("\",");
    }
    for (name, value) in &metric.labels {
        write_label(out, name, value);
    }
    if let Some((name, value)) = label {
        write_label(out, name, value);
    }
    out.pop();
    out.push('}');
}

fn write_labels(out: &mut String, labels: &[(&str, &str)]) {
    out.push('{');
    for (name, value) in labels {
        write_label(out, name, value);
    }
    out.push('}');
}

fn write_label(out: &mut String, name: &str, value: &str) {
    if names::is_label_name(name, names::Scheme::Legacy) {
        out.push_str(name);
    } else {
        out.push('"');
        push_escaped(out, name);
        out.push('"');
    }
    out.push_str("=\"");
    push_escaped(out, value);
    out.push_str("\",");
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => {
                let _ = out.write_char(c);
            }
        }
    }
}
