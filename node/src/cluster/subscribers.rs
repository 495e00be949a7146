//! Who subscribed, what each announced, and what each is still to be told. Neither asks for the
//! time nor waits.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;

use model::Seal;
use ownership::{ComponentId, Key};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::subscription::{Checkpointed, DELTAS_PER_PIECE, Delta, FirstTick, FirstTicks, Snapshot};

#[cfg(test)]
mod tests;

/// The subscriptions of this node's components.
#[derive(Default)]
pub(super) struct Subscribers {
    by_component: BTreeMap<ComponentId, Subscriber>,
}

struct Subscriber {
    announced: watch::Receiver<Snapshot>,
    deltas: mpsc::Sender<Vec<Delta>>,
    checkpoints: Checkpointed,
    first_ticks: FirstTicks,
    pending: Pending,
}

/// What a component is still to be told, in order, at most one delta for each key.
#[derive(Default)]
struct Pending {
    /// Keys in the order of their first pending delta. A key whose delta was cancelled since is
    /// skipped.
    order: VecDeque<Key>,
    deltas: BTreeMap<Key, Delta>,
}

/// What a component announces now.
#[derive(Debug, PartialEq)]
pub(super) struct News {
    /// Whose news it is.
    pub(super) component: ComponentId,
    /// All its targets; none when it has ended.
    pub(super) keys: Vec<Key>,
    /// How often that of them is collected which is collected most often, in milliseconds.
    pub(super) pace: Option<NonZeroU64>,
}

impl Subscribers {
    /// Adds a subscription, of which nothing was started yet. One that the component had before is
    /// no longer served: it learns no more than that its deltas have ended.
    pub(super) fn add(
        &mut self,
        component: ComponentId,
        announced: watch::Receiver<Snapshot>,
        deltas: mpsc::Sender<Vec<Delta>>,
        (checkpoints, first_ticks): (Checkpointed, FirstTicks),
    ) {
        let pending = Pending::default();
        let subscriber = Subscriber { announced, deltas, checkpoints, first_ticks, pending };
        self.by_component.insert(component, subscriber);
    }

    /// Whose announcements have changed since the last call, and who is gone.
    pub(super) fn news(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        self.by_component.retain(|component, subscriber| {
            let component = component.clone();
            if subscriber.deltas.is_closed() {
                news.push(News { component, keys: Vec::new(), pace: None });
                return false;
            }
            // An error says that the subscription was dropped, which was looked at above or will
            // be at the next wake-up.
            if subscriber.announced.has_changed().unwrap_or(false) {
                let targets = subscriber.announced.borrow_and_update();
                let keys = targets.iter().map(|target| target.key).collect();
                let pace = targets.iter().filter_map(|target| target.interval).min();
                news.push(News { component, keys, pace });
            }
            true
        });
        news
    }

    /// What components have checkpointed since the last call.
    pub(super) fn checkpoints(&mut self) -> Vec<(ComponentId, Vec<(Key, Seal)>)> {
        let taken = self.by_component.iter().map(|(component, subscriber)| {
            (component.clone(), subscriber.checkpoints.take().into_iter().collect())
        });
        taken.filter(|(_, seals): &(_, Vec<_>)| !seals.is_empty()).collect()
    }

    /// Of which targets components have collected a first tick since the last call.
    pub(super) fn take_first_ticks(&self) -> impl Iterator<Item = (&ComponentId, Key, FirstTick)> {
        self.by_component.iter().flat_map(|(component, subscriber)| {
            let taken = subscriber.first_ticks.take();
            taken.into_iter().map(move |(key, first)| (component, key, first))
        })
    }

    /// Has a component told of a change.
    pub(super) fn tell(&mut self, component: &ComponentId, delta: Delta) {
        if let Some(subscriber) = self.by_component.get_mut(component) {
            subscriber.pending.put(delta);
        }
    }

    /// Hands over what there is room for. What stays waits for the receiver, which wakes the
    /// cluster whenever it has taken a piece.
    pub(super) fn flush(&mut self) {
        for subscriber in self.by_component.values_mut() {
            while !subscriber.pending.is_empty() {
                match subscriber.deltas.try_reserve() {
                    Ok(room) => room.send(subscriber.pending.take_piece()),
                    // Full: later. Closed: `news` will see it.
                    Err(TrySendError::Full(()) | TrySendError::Closed(())) => break,
                }
            }
        }
    }

    /// The deltas that wait for room.
    pub(super) fn backlog(&self) -> usize {
        self.by_component.values().map(|subscriber| subscriber.pending.deltas.len()).sum()
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    /// Adds a delta. It takes the place of one about the same key, or they cancel out: what was
    /// never started needs no stop, and what was never stopped no start.
    fn put(&mut self, delta: Delta) {
        let key = delta.key();
        match (self.deltas.remove(&key), delta) {
            // What was never started goes on to the next owner as it came.
            (Some(Delta::Start { seal, .. }), Delta::Stop { seal: wanted, .. }) => {
                if let (Some(seal), Some(wanted)) = (seal, wanted) {
                    let _ = wanted.send(seal);
                }
            }
            // Where a seal is wanted or brought, both must be heard, and the later one stands for
            // both: the seal that comes with it is the newer one.
            (Some(Delta::Stop { seal: None, .. }), Delta::Start { seal: None, .. }) => {}
            (
                Some(Delta::Stop { seal: earlier @ Some(_), .. }),
                Delta::Stop { reason, seal: None, .. },
            ) => {
                self.deltas.insert(key, Delta::Stop { key, reason, seal: earlier });
            }
            (Some(_), delta) => {
                self.deltas.insert(key, delta);
            }
            (None, delta) => {
                self.deltas.insert(key, delta);
                self.order.push_back(key);
            }
        }
        // Cancelled keys leave their place in the order behind; do not let them pile up.
        if self.order.len() > 2 * self.deltas.len() + DELTAS_PER_PIECE {
            self.order.retain(|key| self.deltas.contains_key(key));
        }
    }

    fn take_piece(&mut self) -> Vec<Delta> {
        let mut piece = Vec::with_capacity(self.deltas.len().min(DELTAS_PER_PIECE));
        while piece.len() < DELTAS_PER_PIECE
            && let Some(key) = self.order.pop_front()
        {
            piece.extend(self.deltas.remove(&key));
        }
        piece
    }
}
