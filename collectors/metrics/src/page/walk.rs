//! The walk through a page.

use std::sync::Arc;

use model::{Batch, Family, HistogramSample, MetricKind, Sample as BatchSample, Span};
use xxhash_rust::xxh3::xxh3_64;

use super::family::{Families, FamilyReader};
use super::known::{Entry, Known};
use super::labels::{FamilyContext, Shape};
use super::rebuild::{Found, Rebuild};
use super::stale::push_stale;
use super::{BATCH_BYTES, BATCH_SAMPLES, Escapes, Page, PageError, Source, Update};
use crate::native;
use crate::parse::{Event, NativeSample, Sample};

/// Room in the last batch of a page for what the scrape writes about itself: bytes of labels, and
/// samples. A guess that most targets stay below.
const REPORT: (usize, usize) = (1024, 8);

/// What a walk has to know beside the page.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How the page escapes its metadata.
    pub(crate) escapes: Escapes,
    /// The timestamp of samples that bring none, in milliseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    /// Samples with later timestamps are left out.
    pub(crate) latest: i64,
    /// A counter that began after this instant gets a zero; `None` when no counter does.
    pub(crate) zeros_after: Option<i64>,
    pub(crate) honor_timestamps: bool,
    pub(crate) track_timestamps: bool,
    /// 0: no limit.
    pub(crate) sample_limit: usize,
    pub(crate) native: native::Limits,
}

/// Walks a page line by line beside the series of the page before.
///
/// As long as the lines are those of the page before, a line costs a hash of its text and its
/// number; labels are unpacked a chunk at a time into the batch. At the first difference the walk
/// becomes a [`Rebuild`].
pub(crate) struct Walk<'k> {
    pub(super) shape: &'k Shape<'k>,
    pub(super) known: &'k Known,
    pub(super) families: &'k Families,
    pub(super) options: Options,
    shape_hash: u64,
    pub(super) family: FamilyReader,
    salt: u64,
    /// The next line of the page before: chunk, entry in it, byte of its labels.
    chunk: usize,
    entry: usize,
    offset: usize,
    rebuild: Option<Rebuild>,
    pub(super) batch: Batch,
    /// Labels of exemplars, which go behind the labels of the series.
    pub(super) extra: Vec<u8>,
    /// Hashes of the exemplars so far, each with its series.
    pub(super) exemplars: Vec<u64>,
    pub(super) page: Page,
}

/// A number or a histogram, as far as they are alike.
struct Line<'e> {
    series: &'e str,
    timestamp: Option<i64>,
    expected: bool,
}

impl<'k> Walk<'k> {
    pub(crate) fn new(
        shape: &'k Shape<'k>,
        known: &'k Known,
        families: &'k Families,
        options: Options,
    ) -> Self {
        // What decides about the flags of an entry decides with the shape of its labels whether
        // the entry can be used again.
        let flags = u64::from(options.track_timestamps)
            | u64::from(options.zeros_after.is_some()) << 1
            | u64::from(options.honor_timestamps) << 2;
        let shape_hash = shape.hash64().rotate_left(3) ^ flags;
        let mut walk = Self {
            shape,
            known,
            families,
            options,
            shape_hash,
            family: FamilyReader::default(),
            salt: 0,
            chunk: 0,
            entry: 0,
            offset: 0,
            rebuild: None,
            batch: Batch::default(),
            extra: Vec::new(),
            exemplars: Vec::new(),
            page: Page::default(),
        };
        walk.salt = walk.family.salt(shape.type_and_unit);
        if !known.chunks.is_empty() && known.shape != shape_hash {
            walk.rebuild = Some(Rebuild::of_all(known));
        }
        walk
    }

    /// Reads at most `events` events; says whether the page has more.
    pub(crate) fn advance(
        &mut self,
        source: &mut impl Source,
        events: usize,
    ) -> Result<bool, PageError> {
        for _ in 0..events {
            if let Some(entry) = self.next_known() {
                source.expect(entry.text as usize, entry.hash ^ self.salt);
            }
            let Some(event) = source.next_event()? else { return Ok(false) };
            let result = match event {
                Event::Sample(sample) => self.sample(&sample),
                Event::Histogram(sample) => self.histogram(sample),
                Event::Help { name, help } => {
                    self.family.help(name, help);
                    continue;
                }
                Event::Type { name, kind } => {
                    self.family.kind_of(name, kind);
                    self.salt = self.family.salt(self.shape.type_and_unit);
                    continue;
                }
                Event::Unit { name, unit } => {
                    self.family.unit(name, unit);
                    self.salt = self.family.salt(self.shape.type_and_unit);
                    continue;
                }
            };
            result.map_err(|refusal| refusal.at(source))?;
        }
        Ok(true)
    }

    #[inline]
    fn next_known(&self) -> Option<Entry> {
        match &self.rebuild {
            None => self.known.chunks.get(self.chunk)?.entries.get(self.entry).copied(),
            Some(rebuild) => rebuild.next_known(),
        }
    }

    #[inline]
    fn sample(&mut self, sample: &Sample<'_>) -> Result<(), Refusal> {
        if self.options.zeros_after.is_some() && self.is_beginning(sample.series) {
            return self.beginning(sample);
        }
        let line = Line {
            series: sample.series,
            timestamp: sample.timestamp.filter(|_| self.options.honor_timestamps),
            expected: sample.expected,
        };
        let Some((labels, timestamp)) = self.place_of(&line)? else { return Ok(()) };
        let family = self.family_index(sample.series);
        self.push_zero(labels, family, sample.start_timestamp, timestamp);
        self.batch.samples.push(BatchSample {
            labels,
            family,
            timestamp,
            start_timestamp: sample.start_timestamp,
            value: sample.value,
        });
        if let Some(exemplar) = &sample.exemplar {
            self.exemplar(labels, exemplar, timestamp);
        }
        Ok(())
    }

    fn histogram(&mut self, mut sample: NativeSample<'_>) -> Result<(), Refusal> {
        let line = Line {
            series: sample.series,
            timestamp: sample.timestamp.filter(|_| self.options.honor_timestamps),
            expected: false,
        };
        let Some((labels, timestamp)) = self.place_of(&line)? else { return Ok(()) };
        if !native::reduce(Arc::make_mut(&mut sample.histogram), &self.options.native) {
            return Err(Refusal::BucketLimit(self.options.native.buckets));
        }
        let family = self.family_index(sample.series);
        self.batch.histograms.push(HistogramSample {
            labels,
            family,
            timestamp,
            start_timestamp: sample.start_timestamp,
            histogram: sample.histogram,
        });
        for exemplar in &sample.exemplars {
            self.exemplar(labels, exemplar, timestamp);
        }
        Ok(())
    }

    /// Where the labels of a line are in the batch, and its timestamp; `None` when the line brings
    /// no sample.
    #[inline]
    fn place_of(&mut self, line: &Line<'_>) -> Result<Option<(Span, i64)>, Refusal> {
        self.page.samples += 1;
        if self.options.sample_limit > 0 && self.page.samples > self.options.sample_limit {
            // The page is refused when it has been counted.
            return Ok(None);
        }
        let Some(labels) = self.labels_of(line)? else {
            self.page.duplicates += 1;
            return Ok(None);
        };
        match line.timestamp {
            None => Ok(Some((labels, self.options.timestamp))),
            Some(timestamp) if timestamp <= self.options.latest => Ok(Some((labels, timestamp))),
            Some(_) => {
                self.page.out_of_bounds += 1;
                Ok(None)
            }
        }
    }

    #[inline]
    fn labels_of(&mut self, line: &Line<'_>) -> Result<Option<Span>, Refusal> {
        let hash = match self.next_known() {
            Some(entry) if line.expected => entry.hash,
            _ => xxh3_64(line.series.as_bytes()) ^ self.salt,
        };
        let explicit = line.timestamp.is_some();
        if self.rebuild.is_none() {
            if let Some(entry) = self.next_known()
                && entry.hash == hash
                && entry.is(Entry::EXPLICIT) == explicit
            {
                return Ok(self.take_known(entry));
            }
            self.start_rebuild();
        }
        self.rebuild_line(line.series, hash, explicit)
    }

    /// The line is that of the page before.
    #[inline]
    fn take_known(&mut self, entry: Entry) -> Option<Span> {
        let chunk = &self.known.chunks[self.chunk];
        if self.entry == 0 {
            self.flush();
            let last = self.chunk + 1 == self.known.chunks.len();
            let (bytes, samples) = if last { REPORT } else { (0, 0) };
            self.batch.arena.reserve_exact(chunk.length + bytes);
            self.batch.samples.reserve_exact(chunk.entries.len() + samples);
            chunk.unpack(&mut self.batch.arena);
            self.offset = 0;
        }
        let start = self.offset;
        self.offset += entry.labels();
        self.entry += 1;
        if self.entry == chunk.entries.len() {
            self.chunk += 1;
            self.entry = 0;
        }
        (!entry.is(Entry::SILENT)).then(|| Span::new(start, self.offset))
    }

    /// The page differs from the page before, from here on.
    #[cold]
    fn start_rebuild(&mut self) {
        if self.entry == 0 {
            // Between two chunks: what is in the batch is whole.
            self.flush();
        }
        let matched = self.page.batches.iter().chain(std::iter::once(&self.batch));
        let rebuild = Rebuild::from(self.known, self.chunk, self.entry, matched);
        if self.entry > 0 {
            self.batch.arena.truncate(self.offset);
        }
        self.rebuild = Some(rebuild);
    }

    fn rebuild_line(
        &mut self,
        series: &str,
        hash: u64,
        explicit: bool,
    ) -> Result<Option<Span>, Refusal> {
        let context = self.family_context(series);
        let rebuild = self.rebuild.as_mut().expect("called during a rebuild");
        if rebuild.lines() >= BATCH_SAMPLES || self.batch.arena.len() >= BATCH_BYTES {
            rebuild.end_chunk(&self.batch.arena);
            let bytes = self.batch.arena.len();
            Self::flush_into(&mut self.page, &mut self.batch, &mut self.extra);
            // The next chunk is probably as large as this one.
            self.batch.arena.reserve(bytes + bytes / 8);
            self.batch.samples.reserve(BATCH_SAMPLES);
        }
        let start = self.batch.arena.len();
        let found = rebuild.find(hash, explicit, &mut self.batch.arena);
        let taken = match found {
            Found::Known => true,
            Found::Again => false,
            Found::New => {
                let context = FamilyContext {
                    kind: context.0,
                    metadata: context.1.as_ref().map(|f| (f.kind, &*f.unit)),
                };
                if let Err(error) = self.shape.write(series, context, &mut self.batch.arena) {
                    return Err(Refusal::Labels(error));
                }
                true
            }
        };
        let first = taken && rebuild.is_first(&self.batch.arena[start..]);
        let taken = first || (taken && explicit);
        if !taken {
            self.batch.arena.truncate(start);
        } else if matches!(found, Found::New) {
            self.page.series_added += 1;
        }
        let mut flags = 0;
        if !taken {
            flags |= Entry::SILENT;
        }
        if explicit {
            flags |= Entry::EXPLICIT;
            // Of several samples of a series, one stands for it.
            if !self.options.track_timestamps || !first {
                flags |= Entry::UNTRACKED;
            }
        }
        let end = self.batch.arena.len();
        rebuild.note(Entry::new(hash, series.len(), end - start, flags));
        Ok(taken.then(|| Span::new(start, end)))
    }

    fn family_context(&mut self, series: &str) -> (MetricKind, Option<Arc<Family>>) {
        let kind = self.family.kind();
        if !self.shape.type_and_unit {
            return (kind, None);
        }
        let family =
            self.family.of(series, &self.known.families, self.families, self.options.escapes);
        (kind, family.cloned())
    }

    /// Samples so far.
    pub(crate) fn samples(&self) -> usize {
        self.page.samples
    }

    /// The page is over: what it came to.
    pub(crate) fn finish(mut self) -> Result<Page, PageError> {
        let limit = self.options.sample_limit;
        if limit > 0 && self.page.samples > limit {
            return Err(PageError::SampleLimit(limit));
        }
        let all_came = self.chunk == self.known.chunks.len();
        if self.rebuild.is_none() && !all_came {
            self.start_rebuild();
        }
        self.exemplars.sort_unstable();
        let mut update = Update {
            chunks: None,
            families: self.family.finish(&self.known.families),
            exemplars: std::mem::take(&mut self.exemplars),
            shape: self.shape_hash,
        };
        if let Some(mut rebuild) = self.rebuild.take() {
            rebuild.end_chunk(&self.batch.arena);
            self.flush();
            let timestamp = self.options.timestamp;
            if !self.known.ended {
                rebuild.for_each_vanished(|labels| {
                    self.page.stale += 1;
                    push_stale(&mut self.page.batches, self.page.stale, labels, timestamp);
                });
            }
            update.chunks = Some(rebuild.into_chunks());
        } else {
            self.flush();
        }
        self.page.update = update;
        Ok(self.page)
    }
}

/// Why a sample refuses its page.
pub(super) enum Refusal {
    Labels(super::labels::LabelError),
    BucketLimit(usize),
}

impl Refusal {
    fn at(self, source: &impl Source) -> PageError {
        match self {
            Self::Labels(error) => PageError::Labels { place: source.place(), error },
            Self::BucketLimit(limit) => PageError::BucketLimit { place: source.place(), limit },
        }
    }
}
