//! A destination: batches in at one end, acknowledged requests out at the other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client::Client;
use model::Batch;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

#[cfg(test)]
mod tests;

use crate::config::{ConfigError, EndpointConfig, Protocol};
use crate::log::{self, FrameMeta, Log, NewFrame};
use crate::sender::{Sender, now_ms};
use crate::shards::{Load, Resharder};
use crate::telemetry::Telemetry;
use crate::throttle::Throttle;
use crate::write::Writer;

/// Batches that wait to be written at most. Batches are bounded to a few thousand samples, and
/// writing one takes less than a millisecond, so this is for stalls of the disk.
const INPUT: usize = 16;
/// How often the number of shards is looked at.
const RESHARD: Duration = Duration::from_secs(10);
/// How often the log is told the time.
const TICK: Duration = Duration::from_secs(1);

/// Why a destination cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting cannot be honoured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] log::OpenError),
}

/// One endpoint with its log. Several are independent of each other.
///
/// What is handed in is sealed within half a second, appended to the log, and sent; a series keeps
/// its order. Opening a destination over the directory of another one goes on with what that had
/// not delivered, so a changed configuration keeps its queue.
#[derive(Debug)]
pub struct Destination {
    config: Arc<EndpointConfig>,
    telemetry: Arc<Telemetry>,
    log: Log,
    writer: Writer,
    sender: Arc<Sender>,
    resharder: Resharder,
    input: mpsc::Sender<Arc<Batch>>,
    batches: mpsc::Receiver<Arc<Batch>>,
    flying: JoinSet<FrameMeta>,
    /// Which frame each task has, for the case that it does not come back.
    tasks: Vec<(Id, u64)>,
    syncing: JoinSet<std::io::Result<()>>,
    seal_at: Option<Instant>,
    read_failed: bool,
    sealed: Vec<NewFrame>,
    complaint: Throttle,
}

/// What a destination leaves in its log when it stops; it is sent after the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Frames.
    pub frames: u64,
    /// Samples of both kinds in them.
    pub samples: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Destination {
    /// Opens the endpoint whose log is in `directory`. It blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; the log on disk is untouched then.
    pub fn open(
        directory: &Path,
        config: EndpointConfig,
        client: Client,
    ) -> Result<Self, OpenError> {
        config.validate()?;
        let telemetry = Arc::new(Telemetry::default());
        let config = Arc::new(config);
        let log = Log::open(directory, config.log.clone(), Arc::clone(&telemetry))?;
        let (input, batches) = mpsc::channel(INPUT);
        let sender = Sender::new(Arc::clone(&config), client, Arc::clone(&telemetry));
        let mut destination = Self {
            writer: Writer::new(&config, Arc::clone(&telemetry)),
            resharder: Resharder::new(&config.queue),
            sender: Arc::new(sender),
            config,
            telemetry,
            log,
            input,
            batches,
            flying: JoinSet::new(),
            tasks: Vec::new(),
            syncing: JoinSet::new(),
            seal_at: None,
            read_failed: false,
            sealed: Vec::new(),
            complaint: Throttle::default(),
        };
        destination.publish_bounds();
        destination.set_shards(destination.config.queue.min_shards);
        Ok(destination)
    }

    /// Where batches go in. It is bounded: a full one is waited for. Batches sent after the
    /// destination has begun to stop are refused.
    pub fn input(&self) -> mpsc::Sender<Arc<Batch>> {
        self.input.clone()
    }

    /// What the destination says about itself.
    pub fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// Runs until `stop` is cancelled; then seals what was handed in, and goes on sending for
    /// `drain` at most. The rest stays in the log.
    pub async fn run(mut self, stop: CancellationToken, drain: Duration) -> Left {
        let mut tick = interval(TICK);
        let mut sync = interval(self.config.log.sync_interval.max(Duration::from_millis(10)));
        let mut reshard = interval(RESHARD);
        let mut metadata = interval(self.config.metadata.send_interval.max(TICK));
        for timer in [&mut tick, &mut sync, &mut reshard, &mut metadata] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.reset();
        }
        loop {
            self.dispatch();
            let seal_at = self.seal_at;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(batch) = self.batches.recv() => self.write(&batch),
                () = sleep_until(seal_at.unwrap_or_else(Instant::now)), if seal_at.is_some() => {
                    self.seal();
                }
                Some(done) = self.flying.join_next_with_id() => self.settle(done),
                _ = tick.tick() => self.tick(),
                _ = sync.tick() => self.sync(),
                _ = reshard.tick() => self.reshard(),
                _ = metadata.tick() => self.tell_metadata(),
            }
        }
        self.drain(Instant::now() + drain).await
    }

    /// Starts as many requests as there are shards.
    fn dispatch(&mut self) {
        while self.flying.len() < self.writer.shards() && !self.read_failed {
            match self.log.take(now_ms()) {
                Ok(Some((meta, payload))) => {
                    let task = self.flying.spawn(Arc::clone(&self.sender).deliver(meta, payload));
                    self.tasks.push((task.id(), meta.sequence));
                }
                Ok(None) => return,
                Err(error) => {
                    // Tried again at the next tick.
                    self.read_failed = true;
                    if let Some(kept_back) = self.complaint.allows(now_ms()) {
                        let endpoint = &self.config.name;
                        warn!(endpoint, %error, kept_back, "could not read the log");
                    }
                }
            }
        }
    }

    fn write(&mut self, batch: &Batch) {
        self.writer.write(batch, now_ms(), &mut self.sealed);
        self.append_sealed();
        if self.seal_at.is_none() && !self.writer.is_empty() {
            self.seal_at = Some(Instant::now() + self.config.queue.seal_after());
        }
    }

    fn seal(&mut self) {
        self.writer.seal(&mut self.sealed);
        self.append_sealed();
        self.seal_at = None;
    }

    fn append_sealed(&mut self) {
        for frame in self.sealed.drain(..) {
            self.log.append(frame, now_ms());
        }
    }

    fn settle(&mut self, done: Result<(Id, FrameMeta), tokio::task::JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self.tasks.iter().position(|(task, _)| *task == id);
        let task = task.map(|index| self.tasks.swap_remove(index));
        match (done, task) {
            (Ok((_, meta)), _) => self.log.finish(&meta, now_ms()),
            (Err(error), Some((_, sequence))) => {
                warn!(endpoint = self.config.name, %error, "a request ended without an answer");
                self.log.put_back(sequence);
            }
            (Err(_), None) => {}
        }
        if self.sender.speaks_only_v1() {
            self.writer.set_protocol(Protocol::V1, &mut self.sealed);
            self.append_sealed();
        }
    }

    fn tick(&mut self) {
        self.read_failed = false;
        self.log.tick(now_ms());
    }

    /// Forces the log to the disk, beside everything else.
    fn sync(&mut self) {
        while let Some(done) = self.syncing.try_join_next() {
            let failed = match done {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            self.complain_of_sync(&failed);
        }
        if !self.syncing.is_empty() {
            return;
        }
        match self.log.sync_work() {
            Ok(Some(work)) => {
                self.syncing.spawn_blocking(|| work.run());
            }
            Ok(None) => {}
            Err(error) => self.complain_of_sync(&error.to_string()),
        }
    }

    fn complain_of_sync(&self, error: &str) {
        if let Some(kept_back) = self.complaint.allows(now_ms()) {
            let endpoint = &self.config.name;
            warn!(endpoint, error, kept_back, "could not force the log to the disk");
        }
    }

    fn reshard(&mut self) {
        let telemetry = &self.telemetry;
        let load = Load {
            received: telemetry.received.samples.get() + telemetry.received.histograms.get(),
            sent: telemetry.sent.samples.get() + telemetry.sent.histograms.get(),
            busy_seconds: telemetry.send_duration.sum(),
            pending: self.log.queued().samples + self.log.queued().histograms,
        };
        let shards = self.resharder.update(load, RESHARD.as_secs_f64());
        let desired = (self.resharder.desired() * 1e3) as i64;
        self.telemetry.shards_desired_milli.set(desired);
        if shards != self.writer.shards() {
            info!(endpoint = self.config.name, shards, "divides the series anew");
            self.set_shards(shards);
        }
    }

    fn set_shards(&mut self, shards: usize) {
        self.writer.set_shards(shards, &mut self.sealed);
        self.append_sealed();
        self.log.hold_at_most(self.config.queue.capacity.saturating_mul(shards));
        self.telemetry.shards.set(shards as i64);
    }

    fn publish_bounds(&self) {
        let queue = &self.config.queue;
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.telemetry.shards_min.set(gauge(queue.min_shards));
        self.telemetry.shards_max.set(gauge(queue.max_shards));
        self.telemetry.shards_desired_milli.set(gauge(queue.min_shards) * 1000);
        self.telemetry.shard_capacity.set(gauge(queue.capacity));
        self.telemetry.max_samples_per_send.set(gauge(queue.max_samples_per_send));
    }

    /// Puts what is known of families into the queue, unless the last telling still waits there.
    fn tell_metadata(&mut self) {
        if self.config.metadata.send && self.log.queued().metadata == 0 {
            self.writer.seal_metadata(now_ms(), &mut self.sealed);
            self.append_sealed();
        }
    }

    async fn drain(mut self, deadline: Instant) -> Left {
        self.batches.close();
        while let Some(batch) = self.batches.recv().await {
            self.write(&batch);
        }
        self.seal();
        loop {
            self.dispatch();
            if self.log.is_empty() || self.flying.is_empty() {
                break;
            }
            match timeout_at(deadline, self.flying.join_next_with_id()).await {
                Ok(Some(done)) => self.settle(done),
                Ok(None) | Err(_) => break,
            }
        }
        self.flying.shutdown().await;
        self.syncing.shutdown().await;
        if let Ok(Some(work)) = self.log.sync_work() {
            self.syncing.spawn_blocking(|| work.run());
            while let Some(done) = self.syncing.join_next().await {
                if let Ok(Err(error)) = done {
                    self.complain_of_sync(&error.to_string());
                }
            }
        }
        let left = self.log.queued();
        Left { frames: left.frames, samples: left.samples + left.histograms, bytes: left.bytes }
    }
}
