//! The messages within a metric family.

use model::{BucketSpan, Buckets, Histogram, ResetHint};

use super::super::ParseError;
use super::fields::{Field, Fields};

type Result<T> = std::result::Result<T, ParseError>;

#[derive(Debug, Default)]
pub(super) struct MetricFields<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Of a counter, gauge or untyped metric.
    pub(super) value: f64,
    pub(super) exemplar: Option<ExemplarFields<'a>>,
    pub(super) summary: Option<SummaryFields>,
    pub(super) histogram: Option<HistogramFields<'a>>,
    pub(super) timestamp: Option<i64>,
    pub(super) start_timestamp: i64,
}

#[derive(Debug, Default)]
pub(super) struct SummaryFields {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) quantiles: Vec<(f64, f64)>,
}

#[derive(Debug, Default)]
pub(super) struct HistogramFields<'a> {
    count: u64,
    count_float: f64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<BucketFields<'a>>,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative: Side,
    positive: Side,
    exemplars: Vec<ExemplarFields<'a>>,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

#[derive(Debug, Default)]
pub(super) struct BucketFields<'a> {
    pub(super) upper_bound: f64,
    pub(super) count: f64,
    pub(super) exemplar: Option<ExemplarFields<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct ExemplarFields<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
    pub(super) timestamp: Option<i64>,
}

impl<'a> MetricFields<'a> {
    pub(super) fn read(message: &'a [u8], begin: usize) -> Result<Self> {
        let mut metric = Self::default();
        let mut fields = Fields::new(message, begin);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => metric.labels.push(label(&field)?),
                2 | 5 => metric.read_number(&field)?,
                3 => metric.read_counter(&field)?,
                4 => metric.read_summary(&field)?,
                // Zero stands for none, as elsewhere in this format.
                6 => metric.timestamp = Some(field.int()?).filter(|timestamp| *timestamp != 0),
                7 => metric.read_histogram(&field)?,
                _ => {}
            }
        }
        Ok(metric)
    }

    fn read_number(&mut self, field: &Field<'a>) -> Result<()> {
        each(field, |field| {
            if field.number == 1 {
                self.value = field.double()?;
            }
            Ok(())
        })
    }

    fn read_counter(&mut self, field: &Field<'a>) -> Result<()> {
        each(field, |field| {
            match field.number {
                1 => self.value = field.double()?,
                2 => self.exemplar = Some(ExemplarFields::read(&field)?),
                3 => self.start_timestamp = timestamp(&field)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn read_summary(&mut self, field: &Field<'a>) -> Result<()> {
        let mut summary = SummaryFields::default();
        each(field, |field| {
            match field.number {
                1 => summary.count = field.varint()?,
                2 => summary.sum = field.double()?,
                3 => {
                    let mut quantile = (0.0, 0.0);
                    each(&field, |field| {
                        match field.number {
                            1 => quantile.0 = field.double()?,
                            2 => quantile.1 = field.double()?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    summary.quantiles.push(quantile);
                }
                4 => self.start_timestamp = timestamp(&field)?,
                _ => {}
            }
            Ok(())
        })?;
        self.summary = Some(summary);
        Ok(())
    }

    fn read_histogram(&mut self, field: &Field<'a>) -> Result<()> {
        let mut histogram = HistogramFields::default();
        each(field, |field| {
            match field.number {
                1 => histogram.count = field.varint()?,
                2 => histogram.sum = field.double()?,
                3 => histogram.buckets.push(BucketFields::read(&field)?),
                4 => histogram.count_float = field.double()?,
                5 => histogram.schema = field.zigzag()? as i32,
                6 => histogram.zero_threshold = field.double()?,
                7 => histogram.zero_count = field.varint()?,
                8 => histogram.zero_count_float = field.double()?,
                9 => histogram.negative.spans.push(span(&field)?),
                10 => field.zigzags(&mut histogram.negative.deltas)?,
                11 => field.doubles(&mut histogram.negative.counts)?,
                12 => histogram.positive.spans.push(span(&field)?),
                13 => field.zigzags(&mut histogram.positive.deltas)?,
                14 => field.doubles(&mut histogram.positive.counts)?,
                15 => self.start_timestamp = timestamp(&field)?,
                16 => histogram.exemplars.push(ExemplarFields::read(&field)?),
                _ => {}
            }
            Ok(())
        })?;
        self.histogram = Some(histogram);
        Ok(())
    }
}

impl<'a> BucketFields<'a> {
    fn read(field: &Field<'a>) -> Result<Self> {
        let mut bucket = Self::default();
        let mut float = 0.0;
        each(field, |field| {
            match field.number {
                1 => bucket.count = field.varint()? as f64,
                2 => bucket.upper_bound = field.double()?,
                3 => bucket.exemplar = Some(ExemplarFields::read(&field)?),
                4 => float = field.double()?,
                _ => {}
            }
            Ok(())
        })?;
        if float != 0.0 {
            bucket.count = float;
        }
        Ok(bucket)
    }
}

impl<'a> ExemplarFields<'a> {
    fn read(field: &Field<'a>) -> Result<Self> {
        let mut exemplar = Self::default();
        each(field, |field| {
            match field.number {
                1 => exemplar.labels.push(label(&field)?),
                2 => exemplar.value = field.double()?,
                3 => exemplar.timestamp = Some(timestamp(&field)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(exemplar)
    }
}

impl<'a> HistogramFields<'a> {
    /// All observations.
    pub(super) fn total(&self) -> f64 {
        if self.count_float == 0.0 { self.count as f64 } else { self.count_float }
    }

    /// Whether there is a native form. An empty one says so with an empty span.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    fn is_float(&self) -> bool {
        self.count_float > 0.0 || self.zero_count_float > 0.0
    }

    /// Whether the native form fits together.
    pub(super) fn check(&self, at: usize) -> Result<()> {
        let fail = |reason: &str| Err(ParseError::in_bytes(at, reason));
        if !(-4..=8).contains(&self.schema) {
            return fail("a native histogram has an unknown schema");
        }
        for side in [&self.negative, &self.positive] {
            let buckets = if self.is_float() { side.counts.len() } else { side.deltas.len() };
            let spans: u64 = side.spans.iter().map(|span| u64::from(span.length)).sum();
            if spans != buckets as u64 {
                return fail("the spans of a native histogram do not fit its buckets");
            }
            if side.spans.iter().skip(1).any(|span| span.offset < 0) {
                return fail("the spans of a native histogram overlap");
            }
        }
        Ok(())
    }

    /// Exemplars of the native form: its own, or those of the buckets; only with timestamps, since
    /// nothing else tells a repeated one from a new one.
    pub(super) fn native_exemplars(&self) -> impl Iterator<Item = &ExemplarFields<'a>> {
        let own = !self.exemplars.is_empty();
        let of_buckets = self.buckets.iter().filter_map(|bucket| bucket.exemplar.as_ref());
        let exemplars = self.exemplars.iter().chain(of_buckets.filter(move |_| !own));
        exemplars.filter(|exemplar| exemplar.timestamp.is_some())
    }

    pub(super) fn to_histogram(&self, gauge: bool) -> Histogram {
        let buckets = if self.is_float() {
            Buckets::Float {
                count: self.count_float,
                zero_count: self.zero_count_float,
                positive_counts: self.positive.counts.clone(),
                negative_counts: self.negative.counts.clone(),
            }
        } else {
            Buckets::Integer {
                count: self.count,
                zero_count: self.zero_count,
                positive_deltas: self.positive.deltas.clone(),
                negative_deltas: self.negative.deltas.clone(),
            }
        };
        Histogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            sum: self.sum,
            reset: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
            positive_spans: without_empty(&self.positive.spans),
            negative_spans: without_empty(&self.negative.spans),
            buckets,
            custom_bounds: Vec::new(),
        }
    }
}

/// Leaves out the spans that only say that there is a native form.
fn without_empty(spans: &[BucketSpan]) -> Vec<BucketSpan> {
    let mut gap = 0_i32;
    let mut kept = Vec::with_capacity(spans.len());
    for span in spans {
        let offset = span.offset.saturating_add(std::mem::take(&mut gap));
        if span.length == 0 {
            gap = offset;
        } else {
            kept.push(BucketSpan { offset, length: span.length });
        }
    }
    kept
}

fn each<'a>(field: &Field<'a>, mut visit: impl FnMut(Field<'a>) -> Result<()>) -> Result<()> {
    let mut fields = Fields::new(field.message()?, field.at);
    while let Some(field) = fields.next()? {
        visit(field)?;
    }
    Ok(())
}

fn label<'a>(field: &Field<'a>) -> Result<(&'a str, &'a str)> {
    let mut label = ("", "");
    each(field, |field| {
        match field.number {
            1 => label.0 = field.text()?,
            2 => label.1 = field.text()?,
            _ => {}
        }
        Ok(())
    })?;
    if label.0.is_empty() {
        return Err(field.error("a label has no name"));
    }
    Ok(label)
}

fn span(field: &Field<'_>) -> Result<BucketSpan> {
    let mut span = BucketSpan { offset: 0, length: 0 };
    each(field, |field| {
        match field.number {
            1 => span.offset = field.zigzag()? as i32,
            2 => span.length = field.varint()? as u32,
            _ => {}
        }
        Ok(())
    })?;
    Ok(span)
}

/// Milliseconds since the Unix epoch.
fn timestamp(field: &Field<'_>) -> Result<i64> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    each(field, |field| {
        match field.number {
            1 => seconds = field.int()?,
            2 => nanos = field.int()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}
