//! What a component knew when it ended, for its next life in the same process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::Seal;
use ownership::Key;

/// How long it is kept: a component that is made anew begins at once, and what is older than a few
/// intervals says little.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Where one component leaves its seals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Left>>>);

/// What was left, and when.
#[derive(Debug)]
struct Left {
    at: Instant,
    seals: BTreeMap<Key, Seal>,
}

impl Kept {
    /// What was left, unless that is long ago.
    pub(super) fn take(&self) -> BTreeMap<Key, Seal> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let fresh = taken.filter(|left| left.at.elapsed() <= KEPT_FOR);
        fresh.map(|left| left.seals).unwrap_or_default()
    }

    /// Whether there is nothing to take any more, and nobody who could still leave something.
    pub(crate) fn is_spent(&self) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = left.as_ref().is_some_and(|left| left.at.elapsed() <= KEPT_FOR);
        !fresh && Arc::strong_count(&self.0) == 1
    }

    pub(super) fn put(&self, seals: BTreeMap<Key, Seal>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Left { at: Instant::now(), seals });
    }
}
