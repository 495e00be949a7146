//! What a component knows of its targets while it collects them, on the way to their deputies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Seal;
use ownership::Key;

/// The last seal of each target since the last checkpoint: the cluster takes them at a fixed rhythm.
/// Cheap to clone; at most one seal for each target.
#[derive(Debug, Clone, Default)]
pub struct Checkpointed(Arc<Mutex<BTreeMap<Key, Seal>>>);

impl Checkpointed {
    /// Says what is known of a target now; takes the place of what was said before.
    pub fn put(&self, key: Key, seal: Seal) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, seal);
    }

    pub(in crate::cluster) fn take(&self) -> BTreeMap<Key, Seal> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
