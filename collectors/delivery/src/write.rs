//! From batches to sealed frames: the hot path.
//!
//! Labels arrive in the encoding of remote write 1.0, so a series of 1.0 is a tag, a length, a copy
//! of its labels and two numbers. 2.0 refers to a table of symbols that each request carries; a
//! label that was seen in the request before costs one hash.

use std::collections::HashSet;
use std::sync::Arc;

use model::Batch;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

mod attached;
mod body;
mod dress;
mod families;
mod fields;
mod histogram;
mod item;
mod overlapping;
mod proto;
mod symbols;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use crate::config::{EndpointConfig, Protocol};
use crate::log::{Lane, NewFrame, Overlap};
use crate::telemetry::{Counts, DropReason, Telemetry};
use attached::Attached;
use body::{Body, Compressor};
use dress::Dresser;
use families::Families;
use fields::Fields;
use item::Item;
use overlapping::Overlapping;

/// Uncompressed bytes of a request at which it is sealed whatever it holds: a few times what 2,000
/// samples need, and far below what receivers refuse.
const FULL: usize = 4 << 20;

/// Bytes from which on something goes in a request of its own: a backend may well refuse it, which is
/// not to cost others.
const LARGE: usize = 1 << 20;

/// Turns batches into frames.
#[derive(Debug)]
pub struct Writer {
    options: Options,
    dresser: Dresser,
    shards: Vec<Shard>,
    overlapping: Overlapping,
    /// Whether the log may have overlaps of which this writer knows nothing.
    behind_overlaps: bool,
    families: Families,
    compressor: Compressor,
    /// Those of the batch that is being written.
    exemplars: Attached,
    telemetry: Arc<Telemetry>,
}

#[derive(Debug)]
struct Options {
    protocol: Protocol,
    overlap_protocol: Protocol,
    exemplars: bool,
    histograms: bool,
    metadata: bool,
    max_samples: usize,
    age_limit_ms: Option<i64>,
    max_families: usize,
}

/// The open requests of a shard.
#[derive(Debug)]
struct Shard {
    plain: Body,
    overlap: Body,
    /// Where the series of `overlap` come from.
    origins: HashSet<u64>,
}

impl Shard {
    fn new(options: &Options) -> Self {
        Self {
            plain: Body::new(options.protocol),
            overlap: Body::new(options.overlap_protocol),
            origins: HashSet::new(),
        }
    }

    fn body(&mut self, overlap: bool) -> &mut Body {
        if overlap { &mut self.overlap } else { &mut self.plain }
    }
}

impl Writer {
    /// A writer with one shard.
    pub fn new(config: &EndpointConfig, telemetry: Arc<Telemetry>) -> Self {
        let age = config.queue.sample_age_limit;
        let options = Options {
            protocol: config.protocol,
            overlap_protocol: config.overlap_protocol,
            exemplars: config.send_exemplars,
            histograms: config.send_native_histograms,
            metadata: config.metadata.send,
            max_samples: config.queue.max_samples_per_send,
            age_limit_ms: (!age.is_zero())
                .then(|| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            max_families: config.metadata.max_samples_per_send,
        };
        Self {
            shards: vec![Shard::new(&options)],
            options,
            dresser: Dresser::new(&config.external_labels, config.write_relabel.clone()),
            overlapping: Overlapping::default(),
            behind_overlaps: true,
            families: Families::default(),
            compressor: Compressor::new(),
            exemplars: Attached::default(),
            telemetry,
        }
    }

    /// How many shards the series are divided into.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Divides the series anew, after sealing what is open.
    pub fn set_shards(&mut self, shards: usize, sealed: &mut Vec<NewFrame>) {
        if shards != self.shards.len() {
            self.seal(sealed);
            self.shards.resize_with(shards.max(1), || Shard::new(&self.options));
        }
    }

    /// Speaks 1.0 alone from now on, after sealing what is open.
    pub fn speak_only_v1(&mut self, sealed: &mut Vec<NewFrame>) {
        let options = &mut self.options;
        let spoken = [&mut options.protocol, &mut options.overlap_protocol];
        if spoken.iter().any(|protocol| **protocol != Protocol::V1) {
            spoken.into_iter().for_each(|protocol| *protocol = Protocol::V1);
            self.seal(sealed);
            self.shards.iter_mut().for_each(|shard| *shard = Shard::new(&self.options));
        }
    }

    /// Whether the log may have overlaps of which this writer knows nothing, as is assumed at first:
    /// some from before.
    pub fn set_behind_overlaps(&mut self, behind: bool) {
        self.behind_overlaps = behind;
    }

    /// A frame with overlaps from these origins has got its place in the log.
    pub fn appended(&mut self, origins: &[u64], sequence: u64) {
        self.overlapping.close(origins, sequence);
    }

    /// Every frame before this sequence is delivered.
    pub fn delivered_before(&mut self, unfinished: u64) {
        self.overlapping.delivered_before(unfinished);
    }

    /// Gives back memory, now and then.
    pub fn tick(&mut self) {
        self.overlapping.prune();
    }

    /// Whether nothing waits to be sealed.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.plain.is_empty() && shard.overlap.is_empty())
    }

    /// Adds a batch; requests that it fills are sealed.
    pub fn write(&mut self, batch: &Batch, now_ms: i64, sealed: &mut Vec<NewFrame>) {
        self.count_received(batch);
        let oldest = self.options.age_limit_ms.map_or(i64::MIN, |limit| now_ms - limit);
        let mut exemplars = std::mem::take(&mut self.exemplars);
        exemplars.clear();
        let spoken = [self.options.protocol, self.options.overlap_protocol];
        if self.options.exemplars && spoken.contains(&Protocol::V2) {
            exemplars.fill(batch, oldest);
        }
        self.write_each(batch, &batch.samples, &mut exemplars, oldest, sealed);
        if self.options.histograms {
            self.write_each(batch, &batch.histograms, &mut exemplars, oldest, sealed);
        }
        if self.options.exemplars {
            self.write_each(batch, &batch.exemplars, &mut exemplars, oldest, sealed);
        }
        self.exemplars = exemplars;
        if self.options.metadata && self.options.protocol == Protocol::V1 {
            self.families.learn(&batch.families);
        }
    }

    fn count_received(&self, batch: &Batch) {
        let received = &self.telemetry.received;
        received.samples.add(batch.samples.len() as u64);
        received.histograms.add(batch.histograms.len() as u64);
        received.exemplars.add(batch.exemplars.len() as u64);
        received.metadata.add(batch.families.len() as u64);
        let samples = batch.samples.iter().map(|sample| sample.timestamp);
        let histograms = batch.histograms.iter().map(|sample| sample.timestamp);
        if let Some(newest) = samples.chain(histograms).max() {
            self.telemetry.highest_timestamp.raise(newest);
        }
    }

    fn write_each<T: Item>(
        &mut self,
        batch: &Batch,
        items: &[T],
        exemplars: &mut Attached,
        oldest: i64,
        sealed: &mut Vec<NewFrame>,
    ) {
        let mut dropped = Dropped::default();
        let plain = self.plain();
        let has_overlaps = batch.overlap || !self.overlapping.is_empty();
        for item in items {
            if item.timestamp() < oldest {
                dropped.too_old += 1;
                continue;
            }
            let Some(labels) = self.dresser.dress(batch.labels(item.series()).as_encoded()) else {
                dropped.relabelled += 1;
                continue;
            };
            let is_divided = self.shards.len() > 1;
            let origin = if is_divided || has_overlaps { origin_of(labels) } else { 0 };
            let shard = (origin % self.shards.len() as u64) as usize;
            let overlap = batch.overlap || (has_overlaps && self.overlapping.has(origin));
            let is_large = labels.len() + item.size_beside_labels(batch) > LARGE;
            if is_large {
                seal_shard(&mut self.shards, &mut self.compressor, (shard, plain), sealed);
            }
            if overlap && self.shards[shard].origins.insert(origin) {
                self.overlapping.open(origin);
            }
            let body = self.shards[shard].body(overlap);
            if !item.push(body, labels, (batch, self.options.metadata), exemplars) {
                dropped.alone += 1;
            }
            let is_full = body.counts.total() >= self.options.max_samples as u64;
            if is_full || is_large || body.len() >= FULL {
                seal_shard(&mut self.shards, &mut self.compressor, (shard, plain), sealed);
            }
        }
        dropped.count(&self.telemetry, T::counts);
    }

    /// Seals everything that is open.
    pub fn seal(&mut self, sealed: &mut Vec<NewFrame>) {
        let plain = self.plain();
        for shard in 0..self.shards.len() {
            seal_shard(&mut self.shards, &mut self.compressor, (shard, plain), sealed);
        }
    }

    /// How plain frames stand to overlaps.
    fn plain(&self) -> Overlap {
        if self.behind_overlaps { Overlap::Before } else { Overlap::Nowhere }
    }

    /// Seals requests that tell everything known of metric families. 2.0 has no use for them: there
    /// is none then.
    pub fn seal_metadata(&mut self, now_ms: i64, sealed: &mut Vec<NewFrame>) {
        let compressor = &mut self.compressor;
        self.families.seal(self.options.max_families, |message, count| {
            sealed.push(compressor.seal_metadata(message, count, now_ms));
        });
    }
}

/// Seals what is open of one shard, the plain frame of it as that kind.
fn seal_shard(
    shards: &mut [Shard],
    compressor: &mut Compressor,
    (index, plain): (usize, Overlap),
    sealed: &mut Vec<NewFrame>,
) {
    let narrow = |number| u16::try_from(number).expect("shards are bounded");
    let (number, count) = (narrow(index), narrow(shards.len()));
    let shard = &mut shards[index];
    let mut seal = |body: &mut Body, overlap, origins| {
        if !body.is_empty() {
            let lane = Lane { shard: number, shards: count, overlap };
            sealed.push(NewFrame { origins, ..compressor.seal(body, lane) });
        }
    };
    // What is plain is older where a target has both: once it overlaps, all of it does for a while.
    seal(&mut shard.plain, plain, Vec::new());
    seal(&mut shard.overlap, Overlap::Here, shard.origins.drain().collect());
}

/// Where a series comes from: the same for all series of a target. It says which shard a series is of.
/// Where a backend refuses what was collected twice, the samples of one scrape are dealt with together,
/// which needs them in one request.
fn origin_of(labels: &[u8]) -> u64 {
    let mut origin = Xxh3::new();
    let mut is_known = false;
    for field in Fields(labels).filter(|field| matches!(field.name, b"instance" | b"job")) {
        origin.update(field.whole);
        is_known = true;
    }
    if is_known { origin.digest() } else { xxh3_64(labels) }
}

#[derive(Default)]
struct Dropped {
    too_old: u32,
    relabelled: u32,
    /// Exemplars of which no sample is sent.
    alone: u32,
}

impl Dropped {
    fn count(self, telemetry: &Telemetry, counts: impl Fn(u32) -> Counts) {
        let dropped = [
            (DropReason::TooOld, self.too_old),
            (DropReason::Relabelled, self.relabelled),
            (DropReason::NoSample, self.alone),
        ];
        for (reason, count) in dropped {
            if count > 0 {
                telemetry.dropped(reason).add(counts(count));
            }
        }
    }
}
