//! A place for one thing that a component's handle leaves for its work; a newer one replaces it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Both ends of the place; clones are the same place.
#[derive(Debug)]
pub(super) struct Latest<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    value: Mutex<Option<T>>,
    left: Notify,
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Latest<T> {
    /// A place with nothing in it.
    pub(super) fn empty() -> Self {
        Self(Arc::new(Inner { value: Mutex::new(None), left: Notify::new() }))
    }

    /// A place with something in it.
    pub(super) fn new(value: T) -> Self {
        let place = Self::empty();
        place.put(value);
        place
    }

    /// Leaves something; what nobody took yet is forgotten.
    pub(super) fn put(&self, value: T) {
        *self.0.value.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        self.0.left.notify_one();
    }

    /// Waits for something and takes it. Cancel safe.
    pub(super) async fn take(&self) -> T {
        loop {
            let taken = self.0.value.lock().unwrap_or_else(PoisonError::into_inner).take();
            match taken {
                Some(value) => return value,
                None => self.0.left.notified().await,
            }
        }
    }
}
