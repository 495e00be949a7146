//! What other parts of the process, and through them other nodes, ask of a destination.

use std::sync::Arc;

use super::Destination;
use crate::handle::{Ask, NotAdopted};
use crate::log::Log;
use crate::peers::PendingReport;

impl Destination {
    /// Answers a question. Whoever asked may have gone away; then the answer is dropped.
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Pending { origin, answer } => {
                let _ = answer.send(self.report(&origin));
            }
            Ask::Reports { answer } => {
                let mut origins: Vec<Arc<str>> = vec![self.node()];
                for replica in &self.adopted {
                    if !origins.contains(&replica.origin) {
                        origins.push(Arc::clone(&replica.origin));
                    }
                }
                let reports = origins.iter().map(|origin| self.report(origin)).collect();
                let _ = answer.send(reports);
            }
            Ask::Adopt { consignment, answer } => {
                if self.ending {
                    let _ = answer.send(Err(NotAdopted::Ending));
                } else {
                    self.adopt(&consignment, answer);
                }
            }
        }
    }

    /// The name of this node; empty where there is no cluster.
    pub(super) fn node(&self) -> Arc<str> {
        self.neighbours.as_ref().map_or_else(|| "".into(), |n| Arc::clone(&n.node))
    }

    /// The stamp of what is not sealed yet; `None` when there is nothing.
    pub(super) fn open_since(&self) -> Option<i64> {
        (!self.writer.is_empty()).then(|| self.own.stamp_at(self.opened_ms))
    }

    fn report(&mut self, origin: &Arc<str>) -> PendingReport {
        let own = self.node() == *origin;
        let mut oldest = self.open_since().filter(|_| own);
        let mut frames = u64::from(oldest.is_some());
        let logs = own.then_some(&mut self.own).into_iter();
        let adopted = self.adopted.iter_mut().filter(|replica| replica.origin == *origin);
        for log in logs.chain(adopted.map(|replica| &mut replica.log)) {
            frames += log.queued().frames;
            oldest = [oldest, oldest_of(log)].into_iter().flatten().min();
        }
        let accepting = self.sender.accepting();
        PendingReport { origin: Arc::clone(origin), oldest_ms: oldest, frames, accepting }
    }
}

/// A log that cannot be read has something, and nobody knows since when.
fn oldest_of(log: &mut Log) -> Option<i64> {
    log.oldest_pending().unwrap_or(Some(i64::MIN))
}
