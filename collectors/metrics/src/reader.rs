//! Pages of one target, one after another.

use std::sync::Arc;

use model::{Batch, Labels};

use crate::ScrapeConfig;
use crate::format::{Format, format_of};
use crate::native;
use crate::page::{Escapes, Families, Known, Options, Page, PageError, Shape, Walk};
use crate::parse::nhcb::Collate;
use crate::parse::{Dialect, HistogramForms, ProtoParser, TextParser, utf8, with_legible_comments};

#[cfg(test)]
mod tests;

/// Events between two chances for other tasks to run: well below a millisecond of work.
const EVENTS_PER_STEP: usize = 4000;
/// How far ahead of the clock a sample may be, in milliseconds: what Prometheus allows.
const MAX_AHEAD: i64 = 10 * 60 * 1000;

/// Reads the pages of one target and remembers what makes the next one cheap.
///
/// The scraper does the same between its waits; this is for whoever has the page already.
#[derive(Debug)]
pub struct PageReader {
    config: Arc<ScrapeConfig>,
    labels: Labels,
    known: Known,
    families: Families,
}

/// Why a page is refused as a whole; the text says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(String);

impl PageReader {
    /// A reader for a target with these labels.
    pub fn new(config: Arc<ScrapeConfig>, labels: Labels) -> Self {
        Self { config, labels, known: Known::default(), families: Families::default() }
    }

    /// The batches of a page, staleness markers for series that did not come back among them.
    ///
    /// `timestamp` is that of the samples that bring none, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The page is malformed or past a limit; nothing of it is remembered.
    pub fn read(
        &mut self,
        page: &[u8],
        content_type: Option<&str>,
        timestamp: i64,
    ) -> Result<Vec<Batch>, ReadError> {
        let error = |error: PageError| ReadError(error.to_string());
        let shape = Shape::new(&self.config, &self.labels);
        let moment = Moment { timestamp, now: timestamp, before: timestamp };
        let mut room = Vec::new();
        let begun = Reading::begin(page, &mut room, |page| {
            let (families, config) = (&self.families, &self.config);
            Reading::new(page, content_type, &shape, &self.known, families, config, moment)
        });
        let mut reading = begun.map_err(error)?;
        while reading.step().map_err(error)? {}
        let mut page = reading.finish().map_err(error)?;
        page.remember(&mut self.known);
        Ok(page.batches)
    }

    /// Bytes that the memory of the last page takes.
    pub fn memory(&self) -> usize {
        self.known.bytes()
    }
}

/// The instants that matter to a page, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The timestamp of samples that bring none.
    pub(crate) timestamp: i64,
    /// The clock.
    pub(crate) now: i64,
    /// The timestamp of the page before, or what could have been one.
    pub(crate) before: i64,
}

/// A page that is being read.
pub(crate) struct Reading<'k> {
    source: AnySource<'k>,
    walk: Walk<'k>,
}

enum AnySource<'k> {
    Text(TextParser<'k>),
    Proto(Box<ProtoParser<'k>>),
    CollatedText(Box<Collate<TextParser<'k>>>),
    CollatedProto(Box<Collate<ProtoParser<'k>>>),
}

impl<'k> AnySource<'k> {
    fn new(page: &'k [u8], format: Format, config: &ScrapeConfig) -> Result<Self, PageError> {
        let collate = config.convert_classic_histograms_to_nhcb;
        let keep = config.scrape_classic_histograms;
        let dialect = match format {
            Format::Prometheus => Dialect::Prometheus,
            Format::OpenMetrics => Dialect::OpenMetrics,
            Format::Protobuf => {
                let native = config.scrape_native_histograms;
                let parser = ProtoParser::new(page, HistogramForms { native, classic_too: keep });
                return Ok(if collate {
                    Self::CollatedProto(Box::new(Collate::new(parser, keep)))
                } else {
                    Self::Proto(Box::new(parser))
                });
            }
        };
        let parser = TextParser::new(utf8(page)?, dialect);
        Ok(if collate {
            Self::CollatedText(Box::new(Collate::new(parser, keep)))
        } else {
            Self::Text(parser)
        })
    }
}

impl<'k> Reading<'k> {
    /// What `new` makes of a page; `room` is for one with comments that are no text, which is no fault.
    pub(crate) fn begin(
        page: &'k [u8],
        room: &'k mut Vec<u8>,
        new: impl Fn(&'k [u8]) -> Result<Self, PageError>,
    ) -> Result<Self, PageError> {
        match new(page) {
            Err(error) => {
                *room = with_legible_comments(page).ok_or(error)?;
                new(room)
            }
            reading => reading,
        }
    }

    pub(crate) fn new(
        page: &'k [u8],
        content_type: Option<&str>,
        shape: &'k Shape<'k>,
        known: &'k Known,
        families: &'k Families,
        config: &ScrapeConfig,
        moment: Moment,
    ) -> Result<Self, PageError> {
        let format = format_of(content_type, config.scrape_fallback_protocol)?;
        let options = Options {
            escapes: match format {
                Format::Prometheus => Escapes::Prometheus,
                Format::OpenMetrics => Escapes::OpenMetrics,
                Format::Protobuf => Escapes::None,
            },
            timestamp: moment.timestamp,
            latest: moment.now.saturating_add(MAX_AHEAD),
            zeros_after: config.start_timestamp_zero_ingestion.then_some(moment.before),
            honor_timestamps: config.honor_timestamps,
            track_timestamps: config.track_timestamps_staleness,
            sample_limit: config.sample_limit,
            native: native::Limits::new(
                config.native_histogram_bucket_limit,
                config.native_histogram_min_bucket_factor,
            ),
        };
        let source = AnySource::new(page, format, config)?;
        Ok(Self { source, walk: Walk::new(shape, known, families, options) })
    }

    /// Reads a piece; says whether there is more.
    pub(crate) fn step(&mut self) -> Result<bool, PageError> {
        let walk = &mut self.walk;
        match &mut self.source {
            AnySource::Text(source) => walk.advance(source, EVENTS_PER_STEP),
            AnySource::Proto(source) => walk.advance(&mut **source, EVENTS_PER_STEP),
            AnySource::CollatedText(source) => walk.advance(&mut **source, EVENTS_PER_STEP),
            AnySource::CollatedProto(source) => walk.advance(&mut **source, EVENTS_PER_STEP),
        }
    }

    /// Samples so far.
    pub(crate) fn samples(&self) -> usize {
        self.walk.samples()
    }

    pub(crate) fn finish(self) -> Result<Page, PageError> {
        self.walk.finish()
    }
}
