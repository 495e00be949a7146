//! The destinations that run on this node, and those of the same names on other nodes.
//!
//! When targets move while a backend is away, the samples of a series lie in the logs of several
//! nodes and have to go out in order; when a node leaves, others take over what it could not send.
//! Both are agreed between destinations of the same name; this is where they find each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use delivery::{Neighbours, PendingReport};

mod peers;
#[cfg(test)]
mod tests;
mod wire;

pub use peers::Others;
pub(crate) use wire::{Answer, Asked};

/// The path of the question what is pending: [`Asked`] in, [`Answer`] out.
pub(crate) const PENDING_PATH: &str = "/api/v1/peer/pending";
/// The path of the request to adopt frames: a [`delivery::Consignment`] in, nothing out.
pub(crate) const ADOPT_PATH: &str = "/api/v1/peer/adopt";

/// The destinations of this node, by the names that they have on every node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deliveries(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Arc<str>,
    running: Mutex<BTreeMap<Arc<str>, delivery::Handle>>,
    others: OnceLock<Arc<dyn delivery::Peers>>,
}

/// A destination is found for as long as this lives.
#[derive(Debug)]
pub struct Registered {
    deliveries: Deliveries,
    name: Arc<str>,
}

impl Deliveries {
    /// Those of a node of this name; none runs yet.
    pub fn new(node: impl Into<Arc<str>>) -> Self {
        let node = node.into();
        Self(Arc::new(Inner { node, running: Mutex::default(), others: OnceLock::new() }))
    }

    /// Takes the way to other nodes. A second one changes nothing: there is one a process.
    pub fn connect(&self, others: Arc<dyn delivery::Peers>) {
        let _ = self.0.others.set(others);
    }

    /// What a destination of this name needs to know of the others; `None` on a node without any.
    pub fn neighbours(&self, name: &Arc<str>, hand_over: Duration) -> Option<Neighbours> {
        let peers = Arc::clone(self.0.others.get()?);
        let (node, destination) = (Arc::clone(&self.0.node), Arc::clone(name));
        Some(Neighbours { node, destination, peers, hand_over })
    }

    /// Makes a destination known. One that takes the place of another of its name is found from
    /// now on.
    #[must_use]
    pub fn register(&self, name: &Arc<str>, handle: delivery::Handle) -> Registered {
        self.running().insert(Arc::clone(name), handle);
        Registered { deliveries: self.clone(), name: Arc::clone(name) }
    }

    /// The destination of a name.
    pub fn find(&self, name: &str) -> Option<delivery::Handle> {
        self.running().get(name).cloned()
    }

    /// What every destination has not delivered, by name.
    pub async fn pending(&self) -> Vec<(Arc<str>, Vec<PendingReport>)> {
        let running = self.running().clone();
        let mut reports = Vec::with_capacity(running.len());
        for (name, handle) in running {
            // One that has ended meanwhile is not listed.
            if let Ok(report) = handle.reports().await {
                reports.push((name, report));
            }
        }
        reports
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, delivery::Handle>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut running = self.deliveries.running();
        // Its successor may be there already.
        if running.get(&self.name).is_some_and(delivery::Handle::is_closed) {
            running.remove(&self.name);
        }
    }
}
