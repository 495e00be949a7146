//! A request under way, and its sealing into a frame.

use std::ops::Range;

use model::{Batch, Exemplar, Family, HistogramSample, Sample, Span};
use snap::raw::{Encoder, max_compress_len};

use super::attached::{Along, Attached};
use super::{v1, v2};
use crate::config::Protocol;
use crate::log::{Content, HEADER, Lane, NewFrame};
use crate::telemetry::Counts;

/// A request that is being filled.
#[derive(Debug)]
pub(super) struct Body {
    message: Message,
    /// What is inside of a message is written here first, where its length is not known before.
    scratch: Vec<u8>,
    pub(super) counts: Counts,
    oldest_ms: i64,
    newest_ms: i64,
}

#[derive(Debug)]
enum Message {
    V1(Vec<u8>),
    V2(Box<v2::Request>),
}

impl Body {
    pub(super) fn new(protocol: Protocol) -> Self {
        let message = match protocol {
            Protocol::V1 => Message::V1(Vec::new()),
            Protocol::V2 => Message::V2(Box::default()),
        };
        Self {
            message,
            scratch: Vec::new(),
            counts: Counts::default(),
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.counts == Counts::default()
    }

    /// Bytes before compression.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.message {
            Message::V1(message) => message.len(),
            Message::V2(request) => request.series.len() + request.symbols.encoded().len(),
        }
    }

    pub(super) fn is_v2(&self) -> bool {
        matches!(self.message, Message::V2(_))
    }

    /// The exemplars of a series that travel with its sample.
    #[inline]
    pub(super) fn takes_along(
        &self,
        exemplars: &mut Attached,
        batch: &Batch,
        series: Span,
    ) -> Range<usize> {
        if self.is_v2() { exemplars.take(batch, series) } else { 0..0 }
    }

    #[inline]
    pub(super) fn push_sample(
        &mut self,
        labels: &[u8],
        sample: &Sample,
        family: Option<&Family>,
        along: Along<'_>,
    ) {
        self.counts.samples += 1;
        self.span(sample.timestamp);
        self.count_along(along);
        match &mut self.message {
            Message::V1(message) => v1::push_sample(message, labels, sample),
            Message::V2(request) => request.push_sample(labels, sample, family, along),
        }
    }

    pub(super) fn push_histogram(
        &mut self,
        labels: &[u8],
        sample: &HistogramSample,
        family: Option<&Family>,
        along: Along<'_>,
    ) {
        self.counts.histograms += 1;
        self.span(sample.timestamp);
        self.count_along(along);
        let scratch = &mut self.scratch;
        match &mut self.message {
            Message::V1(message) => v1::push_histogram_sample(message, labels, sample, scratch),
            Message::V2(request) => {
                request.push_histogram_sample(labels, sample, family, along, scratch);
            }
        }
    }

    /// Writes an exemplar on its own, in 1.0, where that may be.
    pub(super) fn push_exemplar(&mut self, labels: &[u8], own_labels: &[u8], exemplar: &Exemplar) {
        let Message::V1(message) = &mut self.message else { return };
        v1::push_exemplar(message, labels, own_labels, exemplar, &mut self.scratch);
        self.counts.exemplars += 1;
        self.span(exemplar.timestamp);
    }

    #[inline]
    fn count_along(&mut self, along: Along<'_>) {
        for (exemplar, _) in along.iter() {
            self.counts.exemplars += 1;
            self.span(exemplar.timestamp);
        }
    }

    #[inline]
    fn span(&mut self, timestamp: i64) {
        self.oldest_ms = self.oldest_ms.min(timestamp);
        self.newest_ms = self.newest_ms.max(timestamp);
    }

    fn clear(&mut self) {
        match &mut self.message {
            Message::V1(message) => message.clear(),
            Message::V2(request) => request.clear(),
        }
        self.counts = Counts::default();
        self.oldest_ms = i64::MAX;
        self.newest_ms = i64::MIN;
    }
}

/// Compresses requests, with the memory for it.
pub(super) struct Compressor {
    encoder: Encoder,
    whole: Vec<u8>,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self { encoder: Encoder::new(), whole: Vec::new(), compressed: Vec::new() }
    }

    /// Seals a request and empties it.
    pub(super) fn seal(&mut self, body: &mut Body, lane: Lane) -> NewFrame {
        let (bytes, content) = match &body.message {
            Message::V1(message) => (self.compress(message), Content::WriteV1),
            Message::V2(request) => {
                let mut whole = std::mem::take(&mut self.whole);
                whole.clear();
                whole.extend_from_slice(request.symbols.encoded());
                whole.extend_from_slice(&request.series);
                let bytes = self.compress(&whole);
                self.whole = whole;
                (bytes, Content::WriteV2)
            }
        };
        let frame = NewFrame {
            bytes,
            oldest_ms: body.oldest_ms,
            newest_ms: body.newest_ms,
            counts: body.counts,
            lane,
            content,
            origins: Vec::new(),
        };
        body.clear();
        frame
    }

    /// Seals a request that is all metadata.
    pub(super) fn seal_metadata(&mut self, message: &[u8], count: u32, now_ms: i64) -> NewFrame {
        NewFrame {
            bytes: self.compress(message),
            oldest_ms: now_ms,
            newest_ms: now_ms,
            counts: Counts { metadata: count, ..Counts::default() },
            lane: Lane::UNORDERED,
            content: Content::WriteV1,
            origins: Vec::new(),
        }
    }

    /// Room for a header, then the message compressed, in a vector that is no larger than that: it
    /// may be kept for a while.
    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let room = max_compress_len(message.len());
        if self.compressed.len() < room {
            self.compressed.resize(room, 0);
        }
        let len = self.encoder.compress(message, &mut self.compressed);
        let len = len.expect("a request is far smaller than snappy's 4 GiB");
        let mut bytes = Vec::with_capacity(HEADER + len);
        bytes.resize(HEADER, 0);
        bytes.extend_from_slice(&self.compressed[..len]);
        bytes
    }
}
