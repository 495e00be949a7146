//! Who subscribed, what each announced, and what each is still to be told. Neither asks for the
//! time nor waits.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::time::Duration;

use model::Seal;
use ownership::{ComponentId, Key};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::subscription::{
    Checkpointed, DELTAS_PER_PIECE, Delta, FirstTick, FirstTicks, Reason, Snapshot,
};

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

/// What a component is still to be told, at most three deltas of each key.
#[derive(Default)]
struct Pending {
    /// Keys in the order of their first pending delta. A key whose deltas were cancelled since is
    /// skipped.
    order: VecDeque<Key>,
    deltas: BTreeMap<Key, Due>,
}

/// What is to be told of one key: a stop, a start, or the one before the other; and after a start that
/// brings a seal, that the target is gone.
#[derive(Default)]
struct Due {
    stop: Option<Delta>,
    start: Option<Delta>,
    end: Option<Delta>,
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
    /// How long collecting one of them may take.
    pub(super) busy: Duration,
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
                news.push(News { component, keys: Vec::new(), pace: None, busy: Duration::ZERO });
                return false;
            }
            // An error says that the subscription was dropped, which was looked at above or will
            // be at the next wake-up.
            if subscriber.announced.has_changed().unwrap_or(false) {
                let targets = subscriber.announced.borrow_and_update();
                let keys = targets.iter().map(|target| target.key).collect();
                let pace = targets.iter().filter_map(|target| target.interval).min();
                let busy = targets.iter().filter_map(|target| target.timeout).max();
                let busy = busy.map_or(Duration::ZERO, |busy| Duration::from_millis(busy.get()));
                news.push(News { component, keys, pace, busy });
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
        self.by_component.values().map(|subscriber| subscriber.pending.len()).sum()
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    fn len(&self) -> usize {
        let of = |due: &Due| [&due.stop, &due.start, &due.end].into_iter().flatten().count();
        self.deltas.values().map(of).sum()
    }

    fn put(&mut self, delta: Delta) {
        let key = delta.key();
        let due = match self.deltas.entry(key) {
            Entry::Occupied(due) => due.into_mut(),
            Entry::Vacant(free) => {
                self.order.push_back(key);
                free.insert(Due::default())
            }
        };
        due.put(delta);
        if due.stop.is_none() && due.start.is_none() {
            self.deltas.remove(&key);
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
            let due = self.deltas.remove(&key).unwrap_or_default();
            piece.extend(due.stop.into_iter().chain(due.start).chain(due.end));
        }
        piece
    }
}

impl Due {
    /// Adds a delta: what was never started needs no stop, and what was never stopped no start. But where
    /// a seal came and then the target went, nobody else can end the series that the seal knows.
    fn put(&mut self, delta: Delta) {
        match delta {
            Delta::Start { key, seal, overlap, from } if self.end.take().is_some() => {
                // It is back before anybody heard that it was gone.
                let known = match self.start.take() {
                    Some(Delta::Start { seal, .. }) => seal,
                    _ => None,
                };
                self.start = Some(Delta::Start { key, seal: seal.or(known), overlap, from });
            }
            Delta::Stop { .. } if self.end.is_some() => {}
            Delta::Stop { reason: Reason::Gone, seal: None, .. }
                if self.stop.is_none()
                    && matches!(self.start, Some(Delta::Start { seal: Some(_), .. })) =>
            {
                self.end = Some(delta);
            }
            Delta::Start { ref seal, .. } => match &self.stop {
                // Where a seal is wanted or brought, both must be heard.
                Some(Delta::Stop { seal: None, .. }) if seal.is_none() && self.start.is_none() => {
                    self.stop = None;
                }
                _ => self.start = Some(delta),
            },
            Delta::Stop { key, reason, seal: wanted } => {
                match (self.start.take(), self.stop.take()) {
                    (Some(Delta::Start { seal, .. }), stop) => {
                        let wanted = match (seal, wanted) {
                            // What was never started goes on to the next owner as it came.
                            (Some(seal), Some(wanted)) => {
                                let _ = wanted.send(seal);
                                None
                            }
                            (_, wanted) => wanted,
                        };
                        // It runs still, from before.
                        if let Some(Delta::Stop { seal: earlier, .. }) = stop {
                            self.stop = Some(Delta::Stop { key, reason, seal: wanted.or(earlier) });
                        }
                    }
                    (_, Some(Delta::Stop { seal: earlier, .. })) => {
                        self.stop = Some(Delta::Stop { key, reason, seal: wanted.or(earlier) });
                    }
                    _ => self.stop = Some(Delta::Stop { key, reason, seal: wanted }),
                }
            }
        }
    }
}
