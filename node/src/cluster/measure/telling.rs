//! How long it takes to tell the rest of the process of a change of the cluster.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Measures;
use crate::telemetry::histogram::SECONDS;
use crate::telemetry::{Exposition, Histogram};

/// The figures.
#[derive(Debug)]
pub(super) struct Figures {
    /// When the change was found out that is being told.
    since: Mutex<Option<Instant>>,
    seconds: Histogram,
}

impl Default for Figures {
    fn default() -> Self {
        Self { since: Mutex::default(), seconds: Histogram::new(SECONDS) }
    }
}

impl Measures {
    /// The cluster has changed; unless that of an earlier change has not been told yet, the time runs
    /// from now.
    pub(in crate::cluster) fn changed(&self, now: Instant) {
        let mut since = self.telling.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert(now);
    }

    /// Every component has been told which targets of its own change.
    pub(in crate::cluster) fn told(&self, now: Instant) {
        let mut since = self.telling.since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = since.take() {
            self.telling.seconds.observe(now.saturating_duration_since(since).as_secs_f64());
        }
    }
}

impl Figures {
    /// Alloy's names.
    pub(super) fn page(&self, page: &mut Exposition, cluster: (&str, &str)) {
        let telling = self.since.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let help = "Whether components wait to be told of a change of the cluster.";
        page.gauge("cluster_node_updating", help, &[cluster], f64::from(telling));
        let name = "cluster_node_update_duration_seconds";
        let help = "Time it took to tell components of a change of the cluster.";
        page.histogram(name, help, &[cluster], &self.seconds.snapshot());
    }
}
