//! What a component says of its targets while it collects them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use model::Seal;
use ownership::Key;

/// The last word on each target, until the cluster takes it. Cheap to clone; at most one word for each
/// target.
#[derive(Debug)]
pub struct Latest<T>(Arc<Mutex<BTreeMap<Key, T>>>);

/// What is known of targets, on the way to their deputies: the cluster takes it at a fixed rhythm.
pub type Checkpointed = Latest<Seal>;

/// The first tick that was collected of each target since it was started, on the way to the history of
/// moves.
pub type FirstTicks = Latest<FirstTick>;

/// See [`FirstTicks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstTick {
    /// The tick, in milliseconds since the Unix epoch.
    pub tick: i64,
    /// When it had been collected.
    pub at: Instant,
}

impl<T> Latest<T> {
    /// Says what is known of a target now; takes the place of what was said before.
    pub fn put(&self, key: Key, word: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, word);
    }

    pub(in crate::cluster) fn take(&self) -> BTreeMap<Key, T> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
