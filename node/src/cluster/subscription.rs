//! How a component learns which of its targets this node collects.
//!
//! A component announces every target it knows, as one whole snapshot whenever its list changes,
//! and acts on the deltas that come back. It never looks at the cluster itself.
//!
//! ```
//! use node::cluster::{Announced, Delta, Subscription};
//! use ownership::Key;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // Clustering is off for this component: everything announced is ours.
//! let mut subscription = Subscription::local();
//! let key = Key::of("prometheus.scrape.a", ["http://10.0.0.1:9100/metrics"]);
//! subscription.announce([Announced::new(key, "http://10.0.0.1:9100/metrics")].into());
//! assert_eq!(subscription.next().await.expect("a change").key(), key);
//! # });
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;
use std::sync::Arc;

use model::{Labels, Seal};
use ownership::Key;
use tokio::sync::{Notify, mpsc, oneshot, watch};

mod kept;
mod latest;
#[cfg(test)]
mod tests;

pub(crate) use kept::Kept;
pub use latest::{Checkpointed, FirstTick, FirstTicks};

/// Deltas travel in pieces of at most this many, so that a piece stays far below a millisecond of
/// work for whoever receives it.
pub const DELTAS_PER_PIECE: usize = 1024;

/// Pieces in flight to one component. What does not fit waits with the cluster, where a key has
/// at most one pending delta, so the wait is bounded by the number of targets.
pub(crate) const PIECES_IN_FLIGHT: usize = 4;

/// One target as a component announces it: its key, and what people see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The stable hash of what will be requested and written.
    pub key: Key,
    /// What will be requested; for targets that are no URL, whatever names them best.
    pub url: Arc<str>,
    /// The final labels, after relabelling and without those that begin with `__`.
    pub labels: Labels,
    /// How often it is collected, where it is at fixed instants: every so many milliseconds.
    pub interval: Option<NonZeroU64>,
    /// How many milliseconds that may take, where it takes time.
    pub timeout: Option<NonZeroU64>,
}

impl Announced {
    /// A target without labels, and without instants at which it is collected.
    pub fn new(key: Key, url: impl Into<Arc<str>>) -> Self {
        Self { key, url: url.into(), labels: Labels::default(), interval: None, timeout: None }
    }
}

/// Everything a component knows at one instant. Keys are expected once each; of doubles one is
/// kept.
pub type Snapshot = Arc<[Announced]>;

/// What changes for a component's targets on this node.
#[derive(Debug)]
pub enum Delta {
    /// Collect this target from now on.
    Start {
        /// Which target.
        key: Key,
        /// What the last owner left behind, when it could be had.
        seal: Option<Seal>,
        /// Whether that one may go on collecting it for a while, because nobody could say that it
        /// stopped: what is collected then may be stored twice.
        overlap: bool,
        /// The name of the node that collected it before, as far as is known.
        from: Option<Arc<str>>,
    },
    /// Collect this target no more.
    Stop {
        /// Which target.
        key: Key,
        /// Why: a target that moved goes on elsewhere, a target that is gone has ended.
        reason: Reason,
        /// Where the state of the target goes when the next owner asked for it. Dropping it says
        /// that there is none.
        seal: Option<oneshot::Sender<Seal>>,
    },
}

impl Delta {
    /// The start of a target that nobody collected before.
    pub fn start(key: Key) -> Self {
        Self::Start { key, seal: None, overlap: false, from: None }
    }

    /// The target it is about.
    pub fn key(&self) -> Key {
        match self {
            Self::Start { key, .. } | Self::Stop { key, .. } => *key,
        }
    }
}

/// Why a target stops here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Another node collects it now: its series go on, so no staleness is written.
    Moved {
        /// The name of that node.
        to: Arc<str>,
    },
    /// The component no longer announces it: its series have ended.
    Gone,
}

/// A component's end of the agreement about who collects what.
#[derive(Debug)]
pub struct Subscription {
    announce: watch::Sender<Snapshot>,
    source: Source,
    ready: VecDeque<Delta>,
    kept: Option<Kept>,
    checkpoints: Checkpointed,
    first_ticks: Option<FirstTicks>,
    /// What an earlier life of the component knew of targets that have not been started yet.
    inherited: BTreeMap<Key, Seal>,
}

#[derive(Debug)]
enum Source {
    /// The cluster decides.
    Cluster { deltas: mpsc::Receiver<Vec<Delta>>, wake: Arc<Notify> },
    /// Everything that is announced is ours.
    Local { announced: watch::Receiver<Snapshot>, owned: BTreeSet<Key> },
}

impl Subscription {
    /// A subscription that owns everything it announces: clustering is off for this component.
    pub fn local() -> Self {
        let (announce, announced) = watch::channel(Snapshot::from([]));
        let source = Source::Local { announced, owned: BTreeSet::new() };
        Self::of(announce, source)
    }

    /// A subscription whose deltas come from the cluster.
    pub(crate) fn clustered(
        announce: watch::Sender<Snapshot>,
        deltas: mpsc::Receiver<Vec<Delta>>,
        wake: Arc<Notify>,
    ) -> Self {
        Self::of(announce, Source::Cluster { deltas, wake })
    }

    fn of(announce: watch::Sender<Snapshot>, source: Source) -> Self {
        let (ready, inherited) = (VecDeque::new(), BTreeMap::new());
        let checkpoints = Checkpointed::default();
        Self { announce, source, ready, kept: None, checkpoints, first_ticks: None, inherited }
    }

    /// Takes over what the component knew before it was made anew, and will leave what it knows
    /// there in its turn.
    pub(crate) fn with_kept(mut self, kept: Kept) -> Self {
        self.inherited = kept.take();
        self.kept = Some(kept);
        self
    }

    pub(crate) fn with_checkpoints(mut self, checkpoints: Checkpointed) -> Self {
        self.checkpoints = checkpoints;
        self
    }

    pub(crate) fn with_first_ticks(mut self, first_ticks: FirstTicks) -> Self {
        self.first_ticks = Some(first_ticks);
        self
    }

    /// Where the component says which tick of a target was the first that it collected since the
    /// start, if it collects at ticks: what a move has cost is measured by that. `None` where nothing
    /// moves.
    pub fn first_ticks(&self) -> Option<FirstTicks> {
        self.first_ticks.clone()
    }

    /// Where the component says what it knows of targets while it collects them, if a crash is to
    /// cost no more than a few seconds of it.
    pub fn checkpoints(&self) -> Checkpointed {
        self.checkpoints.clone()
    }

    /// Leaves what is known of targets to the component's next life in this process: it goes on
    /// where this one ended. To be called when nothing is collected any more.
    pub fn leave(self, seals: BTreeMap<Key, Seal>) {
        if let Some(kept) = &self.kept {
            kept.put(seals);
        }
    }

    /// Adds to a start what an earlier life of the component knew, unless somebody has collected
    /// the target since.
    fn inherit(&mut self, delta: Delta) -> Delta {
        let Some(known) = self.inherited.remove(&delta.key()) else { return delta };
        match delta {
            Delta::Start { key, seal: None, overlap, from } => {
                Delta::Start { key, seal: Some(known), overlap, from }
            }
            delta => delta,
        }
    }

    /// What was announced last, for whoever lists targets.
    pub(crate) fn announced(&self) -> watch::Receiver<Snapshot> {
        self.announce.subscribe()
    }

    /// Says what the component knows now; replaces what was said before. Never blocks.
    pub fn announce(&self, targets: Snapshot) {
        self.announce.send_replace(targets);
        if let Source::Cluster { wake, .. } = &self.source {
            wake.notify_one();
        }
    }

    /// The next change, in order. `None` when the cluster has stopped: nothing will change any
    /// more.
    ///
    /// Cancel safe: a change that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Delta> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                return Some(self.inherit(delta));
            }
            match &mut self.source {
                Source::Cluster { deltas, wake } => {
                    let piece = deltas.recv().await?;
                    // There is room in the channel again for what waits on the other side.
                    wake.notify_one();
                    self.ready.extend(piece);
                }
                Source::Local { announced, owned } => {
                    // Its sender lives in this very subscription.
                    announced.changed().await.ok()?;
                    let now = Arc::clone(&announced.borrow_and_update());
                    self.ready.extend(difference(owned, &now));
                }
            }
        }
    }

    /// The next change that the cluster has already handed over, without waiting for any.
    pub fn try_next(&mut self) -> Option<Delta> {
        if self.ready.is_empty()
            && let Source::Cluster { deltas, wake } = &mut self.source
            && let Ok(piece) = deltas.try_recv()
        {
            wake.notify_one();
            self.ready.extend(piece);
        }
        let delta = self.ready.pop_front()?;
        Some(self.inherit(delta))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Source::Cluster { deltas, wake } = &mut self.source {
            deltas.close();
            wake.notify_one();
        }
    }
}

/// What separates `owned` from `now`, which replaces it: stops first.
fn difference(owned: &mut BTreeSet<Key>, now: &[Announced]) -> Vec<Delta> {
    let now: BTreeSet<Key> = now.iter().map(|target| target.key).collect();
    let stop = |key: &Key| Delta::Stop { key: *key, reason: Reason::Gone, seal: None };
    let start = |key: &Key| Delta::start(*key);
    let deltas = owned.difference(&now).map(stop).chain(now.difference(owned).map(start)).collect();
    *owned = now;
    deltas
}
