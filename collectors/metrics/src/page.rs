//! A page becomes batches, by the help of what is known from the page before.

use std::sync::Arc;

use model::{Batch, Family};

use crate::parse::{Event, ParseError, Place, ProtoParser, TextParser};

mod beginning;
mod emit;
mod exemplar;
mod family;
mod known;
mod labels;
mod rebuild;
mod stale;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use family::Families;
pub(crate) use known::Known;
pub(crate) use labels::Shape;
pub(crate) use stale::push_stale;
pub(crate) use walk::{Options, Walk};

/// Samples of a batch. Large enough to make the cost of a batch small, small enough to make a
/// bounded channel of batches a bound on memory. Tests have pages of a few lines, and want the ends
/// of batches in them.
pub(crate) const BATCH_SAMPLES: usize = if cfg!(test) { 4 } else { 2000 };
/// Bytes of labels after which a batch ends early.
const BATCH_BYTES: usize = 1 << 20;

/// What a page came to.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Its samples, in its order, staleness markers of series that did not come back at the end.
    pub(crate) batches: Vec<Batch>,
    /// Samples on the page.
    pub(crate) samples: usize,
    /// Series that the page before did not have.
    pub(crate) series_added: usize,
    /// Staleness markers in the batches.
    pub(crate) stale: usize,
    /// Samples left out because their series was on the page before them.
    pub(crate) duplicates: usize,
    /// Samples left out because their timestamp is too far ahead.
    pub(crate) out_of_bounds: usize,
    /// Exemplars in the batches.
    pub(crate) exemplars: usize,
    update: Update,
}

/// What the next page has to know and did not know before.
#[derive(Debug, Default)]
struct Update {
    /// Chunks from this one on are replaced; `None` when the series are those of the page before.
    chunks: Option<(usize, Vec<known::Chunk>)>,
    families: Option<Vec<(u64, Arc<Family>)>>,
    exemplars: Vec<u64>,
    shape: u64,
}

impl Page {
    /// Whether the series were those of the page before, in their order.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.update.chunks.is_none()
    }

    /// Makes the knowledge that of this page. To be called once the page is accepted.
    pub(crate) fn remember(&mut self, known: &mut Known) {
        let update = std::mem::take(&mut self.update);
        if let Some((from, chunks)) = update.chunks {
            known.chunks.truncate(from);
            known.chunks.extend(chunks);
            known.chunks.shrink_to_fit();
        }
        if let Some(mut families) = update.families {
            families.shrink_to_fit();
            known.families = families;
        }
        if *known.exemplars != *update.exemplars {
            known.exemplars = update.exemplars.into();
        }
        known.shape = update.shape;
        known.ended = false;
    }
}

/// How the metadata of a page is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// Backslashes and newlines.
    Prometheus,
    /// Quotes as well.
    OpenMetrics,
    /// Not at all: a binary page.
    None,
}

/// Where events come from.
pub(crate) trait Source {
    /// The next event; `None` at the end of the page.
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError>;

    /// Tells length and hash of the series that probably comes next.
    fn expect(&mut self, length: usize, hash: u64);

    /// Where the last sample stands.
    fn place(&self) -> Place;
}

/// Why a page is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    #[error("{0}")]
    Malformed(#[from] ParseError),
    #[error("{place}: {error}")]
    Labels { place: Place, error: labels::LabelError },
    #[error(
        "the content type {0:?} names no exposition format, and there is no \
         scrape_fallback_protocol"
    )]
    ContentType(String),
    #[error("sample_limit exceeded (limit: {0})")]
    SampleLimit(usize),
    #[error("{place}: native_histogram_bucket_limit exceeded (limit: {limit})")]
    BucketLimit { place: Place, limit: usize },
}

impl Source for TextParser<'_> {
    #[inline]
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        TextParser::next_event(self)
    }

    #[inline]
    fn expect(&mut self, length: usize, hash: u64) {
        TextParser::expect(self, length, hash);
    }

    fn place(&self) -> Place {
        self.place_of_sample()
    }
}

impl Source for ProtoParser<'_> {
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        ProtoParser::next_event(self)
    }

    /// The texts of series are made of the page, not found on it.
    fn expect(&mut self, _: usize, _: u64) {}

    fn place(&self) -> Place {
        self.place_of_sample()
    }
}
