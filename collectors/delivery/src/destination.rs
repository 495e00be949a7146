//! A destination: batches in at one end, acknowledged requests out at the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::Client;
use model::Batch;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

mod adopted;
mod answer;
mod holds;
mod leave;
#[cfg(test)]
mod tests;

use crate::config::{ConfigError, EndpointConfig};
use crate::handle::{Ask, Handle};
use crate::label::label;
use crate::log::{self, FrameMeta, Log, NewFrame, Overlap, Wanted};
use crate::peers::Neighbours;
use crate::sender::{Sender, now_ms};
use crate::shards::{Load, Resharder};
use crate::telemetry::{DropReason, PerKind, Telemetry};
use crate::throttle::Throttle;
use crate::write::Writer;
use adopted::Replica;
pub(crate) use adopted::replicas;
use holds::Holds;

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
    directory: PathBuf,
    /// What this node writes.
    own: Log,
    /// The sequence that the first frame of this life gets in it.
    opened_at: u64,
    /// What other nodes wrote and this one sends.
    adopted: Vec<Replica>,
    neighbours: Option<Neighbours>,
    holds: Holds,
    writer: Writer,
    sender: Arc<Sender>,
    resharder: Resharder,
    input: mpsc::Sender<Arc<Batch>>,
    batches: mpsc::Receiver<Arc<Batch>>,
    handle: Handle,
    asks: mpsc::Receiver<Ask>,
    flying: JoinSet<(u128, FrameMeta)>,
    flights: Vec<Flight>,
    /// Which log is looked at first, in turn.
    turn: usize,
    syncing: JoinSet<std::io::Result<()>>,
    adopting: JoinSet<()>,
    seal_at: Option<Instant>,
    /// When the oldest request was opened that is not sealed, in milliseconds since the Unix epoch.
    opened_ms: i64,
    read_failed: bool,
    sealed: Vec<NewFrame>,
    complaint: Throttle,
    hurry: CancellationToken,
    ending: bool,
    /// Whether what is collected waits for the nodes that were missing at the start.
    minds_missing: bool,
}

/// A request on its way, for the case that it does not come back.
#[derive(Debug)]
struct Flight {
    id: Id,
    log: u128,
    sequence: u64,
    overlap: Overlap,
    abort: AbortHandle,
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
        let own = Log::open(directory, config.log.clone(), Arc::clone(&telemetry))?;
        label(directory, &config);
        let adopted = Replica::open_all(directory, &config.log, &telemetry)?;
        let (input, batches) = mpsc::channel(INPUT);
        let (handle, asks) = Handle::new();
        let sender = Sender::new(Arc::clone(&config), client, Arc::clone(&telemetry));
        let mut destination = Self {
            writer: Writer::new(&config, Arc::clone(&telemetry)),
            resharder: Resharder::new(&config.queue),
            sender: Arc::new(sender),
            config,
            telemetry,
            directory: directory.to_owned(),
            opened_at: own.next(),
            own,
            adopted,
            neighbours: None,
            holds: Holds::default(),
            input,
            batches,
            handle,
            asks,
            flying: JoinSet::new(),
            flights: Vec::new(),
            turn: 0,
            syncing: JoinSet::new(),
            adopting: JoinSet::new(),
            seal_at: None,
            opened_ms: 0,
            read_failed: false,
            sealed: Vec::new(),
            complaint: Throttle::default(),
            hurry: CancellationToken::new(),
            ending: false,
            minds_missing: false,
        };
        destination.tell_delivered();
        destination.publish_bounds();
        destination.publish_adopted();
        destination.set_shards(destination.config.queue.min_shards);
        Ok(destination)
    }

    /// Where batches go in. It is bounded: a full one is waited for. Batches sent after the
    /// destination has begun to stop are refused.
    pub fn input(&self) -> mpsc::Sender<Arc<Batch>> {
        self.input.clone()
    }

    /// Puts it among the destinations of the same name on other nodes: it waits for their older
    /// samples of series that moved here, and hands over at the end what it could not deliver.
    pub fn set_neighbours(&mut self, neighbours: Neighbours) {
        self.neighbours = Some(neighbours);
    }

    /// Answers questions about it for as long as it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Cancelled by whoever does not want the end to take time: then nothing more is sent or handed
    /// over, and everything stays in the log for the one who opens it next.
    pub fn hurry(&self) -> CancellationToken {
        self.hurry.clone()
    }

    /// Why the disk takes nothing, while it does not: a full one, say. What comes in then waits in
    /// memory, bounded, and is sent from there; what has no room there either is dropped and counted.
    pub fn refusal(&self) -> watch::Receiver<Option<String>> {
        self.own.refusal()
    }

    /// What the destination says about itself.
    pub fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// Runs until `stop` is cancelled; then seals what was handed in, and goes on sending for
    /// `drain` at most. The rest is handed over to another node where there is one, or stays in the
    /// log.
    pub async fn run(mut self, stop: CancellationToken, drain: Duration) -> Left {
        let mut tick = interval(TICK);
        let mut sync = interval(self.config.log.sync_interval.max(Duration::from_millis(10)));
        let mut reshard = interval(RESHARD);
        // It may be zero where nothing is told.
        let often = self.config.metadata.send_interval.max(Duration::from_millis(1));
        let mut metadata = interval(often);
        for timer in [&mut tick, &mut sync, &mut reshard, &mut metadata] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.reset();
        }
        loop {
            self.send();
            let (seal_at, due) = (self.seal_at, self.holds.due());
            tokio::select! {
                () = stop.cancelled() => break,
                Some(batch) = self.batches.recv() => self.write(&batch),
                () = sleep_until(seal_at.unwrap_or_else(Instant::now)), if seal_at.is_some() => {
                    self.seal();
                }
                Some(done) = self.flying.join_next_with_id() => self.settle(done),
                Some(answered) = self.holds.answered() => self.take_answer(answered),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                Some(ask) = self.asks.recv() => self.answer(ask),
                Some(_) = self.adopting.join_next() => {}
                _ = tick.tick() => self.tick(),
                _ = sync.tick() => self.sync(),
                _ = reshard.tick() => self.reshard(),
                _ = metadata.tick(), if self.config.metadata.send => self.tell_metadata(),
            }
        }
        self.drain(drain).await
    }

    fn logs(&self) -> impl Iterator<Item = &Log> {
        std::iter::once(&self.own).chain(self.adopted.iter().map(|replica| &replica.log))
    }

    fn logs_mut(&mut self) -> impl Iterator<Item = &mut Log> {
        std::iter::once(&mut self.own).chain(self.adopted.iter_mut().map(|r| &mut r.log))
    }

    fn log_mut(&mut self, id: u128) -> Option<&mut Log> {
        self.logs_mut().find(|log| log.instance() == id)
    }

    /// Who wrote the frames of an open log, the id of the log they were written to, and the way
    /// that they took from there.
    fn provenance(&self, instance: u128) -> (Arc<str>, u128, u64) {
        match self.adopted.iter().find(|replica| replica.log.instance() == instance) {
            Some(replica) => (Arc::clone(&replica.origin), replica.log.id(), replica.way()),
            None => (self.node(), self.own.id(), 0),
        }
    }

    fn is_empty(&self) -> bool {
        self.logs().all(Log::is_empty)
    }

    /// Sends what may be sent now, and finds out about what may not.
    fn send(&mut self) {
        self.close_to_the_living();
        self.dispatch();
        self.look_at_gates();
    }

    /// Starts as many requests as there are shards, and as many of what another node may have written,
    /// too: those may be refused again and again, and the others must not be late for that. One that
    /// is as far behind the oldest of those as the window spans, [`log::SPAN`] frames, waits all the same.
    fn dispatch(&mut self) {
        while !self.read_failed {
            let overlaps = |flight: &&Flight| flight.overlap == Overlap::Here;
            let overlap = self.flights.iter().filter(overlaps).count();
            let plain = self.flights.len() - overlap;
            let shards = self.writer.shards();
            let wanted = Wanted { plain: plain < shards, overlap: overlap < shards };
            match self.take(wanted) {
                Ok(Some((log, meta, payload))) => {
                    let delivery = Arc::clone(&self.sender).deliver(meta, payload);
                    let abort = self.flying.spawn(async move { (log, delivery.await) });
                    let (id, sequence) = (abort.id(), meta.sequence);
                    let overlap = meta.lane.overlap;
                    self.flights.push(Flight { id, log, sequence, overlap, abort });
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

    /// A frame that may be sent now, of each log in turn.
    fn take(&mut self, wanted: Wanted) -> std::io::Result<Option<(u128, FrameMeta, Bytes)>> {
        let count = 1 + self.adopted.len();
        for _ in 0..count {
            let index = self.turn % count;
            self.turn = index + 1;
            let log = match index.checked_sub(1) {
                None => &mut self.own,
                Some(index) => &mut self.adopted[index].log,
            };
            if let Some((meta, payload)) = log.take(wanted, now_ms())? {
                return Ok(Some((log.instance(), meta, payload)));
            }
        }
        Ok(None)
    }

    fn write(&mut self, batch: &Batch) {
        self.mind_missing();
        if let Some(predecessor) = &batch.predecessor {
            self.depend(&predecessor.node, predecessor.until, batch.overlap);
        }
        if self.writer.is_empty() {
            self.opened_ms = now_ms();
        }
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
        for mut frame in self.sealed.drain(..) {
            let (overlap, origins) = (frame.lane.overlap, std::mem::take(&mut frame.origins));
            let sequence = self.own.append(frame, now_ms());
            if overlap == Overlap::Here {
                // One that is lost has no place, and is waited for no longer.
                self.writer.appended(&origins, sequence.unwrap_or(0));
            }
        }
    }

    fn settle(&mut self, done: Result<(Id, (u128, FrameMeta)), tokio::task::JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let flight = self.flights.iter().position(|flight| flight.id == id);
        let Some(flight) = flight.map(|index| self.flights.swap_remove(index)) else { return };
        if let Err(error) = &done
            && !error.is_cancelled()
        {
            warn!(endpoint = self.config.name, %error, "a request ended without an answer");
        }
        let adopted = flight.log != self.own.instance();
        if let Some(log) = self.log_mut(flight.log) {
            match done {
                Ok((_, (_, meta))) => log.finish(&meta, now_ms()),
                Err(_) => log.put_back(flight.sequence),
            }
        }
        if adopted {
            self.publish_adopted();
        } else {
            self.tell_delivered();
        }
        if self.sender.speaks_only_v1() {
            self.writer.speak_only_v1(&mut self.sealed);
            self.append_sealed();
        }
    }

    /// Tells the writer what nothing has to wait for any more.
    fn tell_delivered(&mut self) {
        let unfinished = self.own.unfinished();
        self.writer.delivered_before(unfinished);
        if unfinished >= self.opened_at {
            self.writer.set_behind_overlaps(false);
        }
    }

    fn tick(&mut self) {
        self.read_failed = false;
        self.logs_mut().for_each(|log| log.tick(now_ms()));
        self.tell_delivered();
        self.writer.tick();
        self.publish_adopted();
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
        let works: Vec<_> = self.logs_mut().map(Log::sync_work).collect();
        for work in works {
            match work {
                Ok(Some(work)) => {
                    self.syncing.spawn_blocking(|| work.run());
                }
                Ok(None) => {}
                Err(error) => self.complain_of_sync(&error.to_string()),
            }
        }
    }

    fn complain_of_sync(&self, error: &str) {
        if let Some(kept_back) = self.complaint.allows(now_ms()) {
            let endpoint = &self.config.name;
            warn!(endpoint, error, kept_back, "could not force the log to the disk");
        }
    }

    fn reshard(&mut self) {
        self.forget_adopted();
        let telemetry = &self.telemetry;
        let pending = self.logs().map(Log::queued).map(|queued| queued.samples + queued.histograms);
        let samples = |kinds: &PerKind| kinds.samples.get() + kinds.histograms.get();
        // Refusals are work done, too: where everything is a double, nothing else would be.
        let doubles = telemetry.dropped(DropReason::Double);
        let late = telemetry.dropped(DropReason::OutOfOrder);
        let untried = telemetry.dropped(DropReason::Untried);
        let load = Load {
            received: samples(&telemetry.received),
            answered: [&telemetry.sent, &telemetry.failed, doubles, late, untried]
                .map(samples)
                .iter()
                .sum(),
            busy_seconds: telemetry.send_duration.sum(),
            pending: pending.sum(),
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
        self.own.hold_at_most(self.config.queue.capacity.saturating_mul(shards));
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
        if self.config.metadata.send && self.own.queued().metadata == 0 {
            self.writer.seal_metadata(now_ms(), &mut self.sealed);
            self.append_sealed();
        }
    }
}
