//! What the rest of the process holds of the cluster.

use std::sync::Arc;

use tokio::sync::watch;

use super::{ClusterState, Subscription};

/// A handle on the cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    state: watch::Receiver<Arc<ClusterState>>,
}

impl Handle {
    /// The cluster as it looks now, and a way to wait for the next change.
    pub fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.state.clone()
    }

    /// Lets a component take part in the sharing of targets. A second subscription of one
    /// component takes the place of the first.
    pub async fn subscribe(&self, _component: impl Into<Arc<str>>) -> Subscription {
        Subscription::local()
    }
}
