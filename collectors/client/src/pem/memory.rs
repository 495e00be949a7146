//! What was made of texts before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// How much is remembered. A guess: configurations spell out a handful of documents, and one that
/// spells out more has them read again, as if nothing were remembered.
const REMEMBERED: usize = 64;

/// A table of what `make` has made of what, for the process: the last that were asked for.
///
/// It is compared with the texts themselves, not with their hashes: there are few of them, most
/// differ in length, and no other text can pass for one. A text that no configuration has any more
/// stays in memory until others take its place.
#[derive(Debug)]
pub(super) struct Memory<K, T> {
    /// The one asked for last comes first.
    made: Mutex<VecDeque<(K, Arc<T>)>>,
}

impl<K: Clone + PartialEq, T> Memory<K, T> {
    pub(super) const fn new() -> Self {
        Self { made: Mutex::new(VecDeque::new()) }
    }

    /// What was made of this before, or is made of it now. What cannot be made is not remembered.
    pub(super) fn recall<E>(
        &self,
        of: &K,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(known) = self.known(of) {
            return Ok(known);
        }
        // Not under the lock: it may take its time, and may ask for its own parts.
        let new = Arc::new(make()?);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.truncate(REMEMBERED - 1);
        made.push_front((of.clone(), Arc::clone(&new)));
        Ok(new)
    }

    fn known(&self, of: &K) -> Option<Arc<T>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let at = made.iter().position(|(text, _)| text == of)?;
        let entry = made.remove(at)?;
        let known = Arc::clone(&entry.1);
        made.push_front(entry);
        Some(known)
    }
}
