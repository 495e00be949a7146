//! Which targets the scraper scrapes: what discovery finds goes to the cluster, what the cluster
//! says goes to the scraper.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Command, Fetch, ScrapeConfig, ScrapeTarget, Scraper, StopReason, Takeover};
use model::{Batch, Labels, Seal};
use ownership::Key;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::inventory::{Inventory, Refused};
use super::measure::Counts;
use super::pressure::{LOOK_EVERY, Pressure};
use crate::cluster::{Delta, Reason, Subscription};
use crate::components::{Fanout, HealthReport, Refusal};

/// How often a scraper that is to end is asked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// How long the last scrapes may take besides their timeout: until what they brought is with those it is
/// forwarded to, which takes milliseconds unless these are stuck.
const FORWARDED_WITHIN: Duration = Duration::from_secs(1);

/// What the arguments say, made ready.
#[derive(Debug)]
pub(super) struct Told {
    pub targets: Arc<[Labels]>,
    pub config: Arc<ScrapeConfig>,
    pub client: client::Config,
    pub fetch: Arc<dyn Fetch>,
    pub clustered: bool,
}

/// How a component is told to end.
pub(super) struct Ends {
    /// It is to end.
    pub cancel: CancellationToken,
    /// It ends because the configuration has it no more: its series have ended.
    pub removed: CancellationToken,
}

/// Looks whether this node keeps up with its targets.
pub(super) struct Watch {
    pub counts: Arc<Counts>,
    pub health: HealthReport,
}

impl Watch {
    /// Looks for ever.
    async fn look(&self) {
        let mut pressure = Pressure::default();
        let mut overloaded = false;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let found = pressure.look(self.counts.pressure());
            self.counts.overloaded.set(usize::from(found.is_some()));
            match &found {
                Some(why) => {
                    if !overloaded {
                        tracing::warn!("{why}");
                    }
                    // Not unhealthy: a liveness probe would restart the node, and move its load to
                    // the next one.
                    self.health.healthy(why.as_str());
                }
                None if overloaded => self.health.healthy("it keeps up again"),
                None => {}
            }
            overloaded = found.is_some();
        }
    }
}

/// The one that knows which targets are whose.
pub(super) struct Director {
    id: String,
    told: watch::Receiver<Arc<Told>>,
    config: Arc<ScrapeConfig>,
    fetch: Arc<dyn Fetch>,
    subscription: Subscription,
    commands: mpsc::Sender<Command>,
    counts: Arc<Counts>,
    refused: watch::Sender<Arc<Refused>>,
    inventory: Inventory,
    owned: BTreeMap<Key, Owned>,
    /// Keys that are ours, of targets that discovery has taken back. The cluster either says that
    /// they stop, or never saw them missing: then they are started once they are back.
    awaited: BTreeMap<Key, Takeover>,
}

/// A target that this node collects.
struct Owned {
    /// What discovery said of it.
    labels: Labels,
    /// What the scraper was given.
    target: Arc<ScrapeTarget>,
}

/// Scrapes until told to end; what was scraped by then has gone to the receivers.
pub(super) async fn run(
    mut director: Director,
    scraper: Scraper,
    (batches, fanout): (mpsc::Receiver<Arc<Batch>>, Arc<Fanout>),
    watch: Watch,
    ends: Ends,
) -> Result<(), Refusal> {
    let mut tasks = JoinSet::new();
    let stop = CancellationToken::new();
    tasks.spawn(scraper.run(stop.clone()));
    tasks.spawn(forward(batches, fanout));
    let directed = tokio::select! {
        () = ends.cancel.cancelled() => Ok(()),
        () = director.direct() => Ok(()),
        () = watch.look() => Ok(()),
        Some(ended) = tasks.join_next() => Err(ended.err()),
    };
    if let Err(error) = directed {
        let why = error.map_or_else(|| "it has ended".to_owned(), |error| error.to_string());
        return Err(Refusal::new(format!("the scraper failed: {why}")));
    }
    let gone = ends.removed.is_cancelled();
    director.end(if gone { StopReason::Gone } else { StopReason::Shutdown }).await;
    stop.cancel();
    // The scraper has ended, so the batches will.
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn forward(mut batches: mpsc::Receiver<Arc<Batch>>, fanout: Arc<Fanout>) {
    while let Some(batch) = batches.recv().await {
        fanout.send(&batch).await;
    }
}

impl Director {
    pub(super) fn new(
        id: String,
        mut told: watch::Receiver<Arc<Told>>,
        subscription: Subscription,
        commands: mpsc::Sender<Command>,
        counts: Arc<Counts>,
        refused: watch::Sender<Arc<Refused>>,
    ) -> Self {
        told.mark_changed();
        let (config, fetch) = {
            let told = told.borrow();
            (Arc::clone(&told.config), Arc::clone(&told.fetch))
        };
        Self {
            id,
            told,
            config,
            fetch,
            subscription,
            commands,
            counts,
            refused,
            inventory: Inventory::default(),
            owned: BTreeMap::new(),
            awaited: BTreeMap::new(),
        }
    }

    /// Directs for as long as there is somebody to listen to. Returns only when there is not.
    async fn direct(&mut self) {
        let mut shared = true;
        loop {
            tokio::select! {
                told = self.told.changed() => match told {
                    Ok(()) => self.listen().await,
                    Err(_) => return,
                },
                delta = self.subscription.next(), if shared => match delta {
                    Some(delta) => self.follow(delta).await,
                    // Nothing will change any more: what is ours stays ours.
                    None => shared = false,
                },
            }
            self.counts.owned.set(self.owned.len());
        }
    }

    /// Takes new arguments over.
    async fn listen(&mut self) {
        let told = Arc::clone(&self.told.borrow_and_update());
        let reconfigured = *told.config != *self.config || !Arc::ptr_eq(&told.fetch, &self.fetch);
        if reconfigured {
            self.config = Arc::clone(&told.config);
            self.fetch = Arc::clone(&told.fetch);
            self.inventory.forget();
            let (config, fetch) = (Arc::clone(&told.config), Arc::clone(&told.fetch));
            self.tell(Command::Reconfigure { config, fetch }).await;
        }
        let (snapshot, refused) =
            self.inventory.take(&self.id, &told.targets, &self.config, Instant::now());
        let (broken, doubles) = refused.counts();
        self.counts.broken.set(broken);
        self.counts.doubles.set(doubles);
        self.refused.send_replace(Arc::new(refused));
        self.subscription.announce(snapshot);
        self.refresh(reconfigured).await;
        for (key, takeover) in std::mem::take(&mut self.awaited) {
            self.start(key, takeover).await;
        }
    }

    /// Hands targets again to the scraper whose key is the same but whose pace is not.
    async fn refresh(&mut self, all: bool) {
        let mut changed = Vec::new();
        for (key, owned) in &mut self.owned {
            let Some(labels) = self.inventory.labels(*key) else { continue };
            if !all && *labels == owned.labels {
                continue;
            }
            owned.labels = labels.clone();
            let Some(target) = self.inventory.target(*key, &self.config) else { continue };
            if *target != *owned.target {
                owned.target = Arc::clone(&target);
                changed.push((*key, target));
            }
        }
        for (key, target) in changed {
            let takeover = Takeover::default();
            self.tell(Command::Start { key: key.as_u64(), target, takeover }).await;
        }
    }

    async fn follow(&mut self, delta: Delta) {
        match delta {
            Delta::Start { key, seal, overlap, from } => {
                self.start(key, Takeover { seal, overlap, from }).await;
            }
            Delta::Stop { key, reason, seal } => self.stop(key, reason, seal).await,
        }
    }

    async fn start(&mut self, key: Key, takeover: Takeover) {
        let labels = self.inventory.labels(key).cloned();
        let (Some(labels), Some(target)) = (labels, self.inventory.target(key, &self.config))
        else {
            self.awaited.insert(key, takeover);
            return;
        };
        self.owned.insert(key, Owned { labels, target: Arc::clone(&target) });
        self.tell(Command::Start { key: key.as_u64(), target, takeover }).await;
    }

    async fn stop(&mut self, key: Key, reason: Reason, seal: Option<oneshot::Sender<Seal>>) {
        let awaited = self.awaited.remove(&key);
        if self.owned.remove(&key).is_none() {
            if reason == Reason::Gone
                && let Some(takeover) = awaited
            {
                return self.end_unseen(key, takeover).await;
            }
            // It never began here: whoever is next goes on where the one before this node stopped.
            let handed_on = awaited.filter(|takeover| !takeover.overlap).and_then(|t| t.seal);
            if let (Some(answer), Some(seal)) = (seal, handed_on) {
                // Whoever asked may have gone.
                let _ = answer.send(seal);
            }
            return;
        }
        let reason = match reason {
            Reason::Moved { .. } => {
                self.counts.moved.increment();
                StopReason::Moved
            }
            Reason::Gone => StopReason::Gone,
        };
        self.tell(Command::Stop { key: key.as_u64(), reason, seal }).await;
    }

    /// A target that came here while discovery took it back has ended: nobody but this node knows its series
    /// any more.
    async fn end_unseen(&mut self, key: Key, takeover: Takeover) {
        if takeover.seal.is_none() {
            return;
        }
        if let Some(target) = self.inventory.departed(key) {
            let key = key.as_u64();
            self.tell(Command::Start { key, target, takeover }).await;
            self.tell(Command::Stop { key, reason: StopReason::Gone, seal: None }).await;
        }
    }

    /// Stops every target, and waits until the last sample is with the one who forwards it. What is
    /// known of targets that go on is left to the component's next life, if there is one.
    async fn end(mut self, reason: StopReason) {
        // What the cluster has said by now was meant to be done, above all that targets are gone.
        while let Some(delta) = self.subscription.try_next() {
            self.follow(delta).await;
        }
        let longest = self.owned.values().map(|owned| owned.target.timeout).max();
        let deadline = Instant::now() + longest.unwrap_or_default() + FORWARDED_WITHIN;
        let mut sealing = Vec::new();
        for key in std::mem::take(&mut self.owned).into_keys() {
            let (answer, answered) = oneshot::channel();
            let seal = (reason == StopReason::Shutdown).then_some(answer);
            self.tell(Command::Stop { key: key.as_u64(), reason, seal }).await;
            sealing.push((key, answered));
        }
        self.counts.owned.set(0);
        let mut scraping = self.scraping().await;
        while scraping > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
            scraping = self.scraping().await;
        }
        if scraping > 0 {
            warn!(
                targets = scraping,
                "scrapes that nobody took in time are lost, and so are their seals"
            );
        }
        let seals =
            sealing.into_iter().filter_map(|(key, mut seal)| Some((key, seal.try_recv().ok()?)));
        let seals = seals.collect();
        self.subscription.leave(seals);
    }

    /// How many targets there are that are not done with.
    async fn scraping(&self) -> usize {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Targets(answer)).await;
        answered.await.map_or(0, |targets| targets.len())
    }

    async fn tell(&self, command: Command) {
        // A scraper that has ended ends its component, which is noticed elsewhere.
        let _ = self.commands.send(command).await;
    }
}
