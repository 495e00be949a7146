//! What other parts of the process, and through them other nodes, ask of a destination.

use std::sync::Arc;

use super::Destination;
use crate::handle::{Ask, NotAdopted};
use crate::log::Oldest;
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
        let open = self.open_since().filter(|_| own);
        let mut oldest = Oldest { stamp_ms: open, passes: false };
        let mut frames = u64::from(open.is_some());
        let logs = own.then_some(&mut self.own).into_iter();
        let adopted = self.adopted.iter_mut().filter(|replica| replica.origin == *origin);
        for log in logs.chain(adopted.map(|replica| &mut replica.log)) {
            frames += log.queued().frames;
            // A log that cannot be read has something, and nobody knows since when.
            let unknown = Oldest { stamp_ms: Some(i64::MIN), passes: false };
            oldest = oldest.and(log.oldest_pending().unwrap_or(unknown));
        }
        let Oldest { stamp_ms: oldest_ms, passes } = oldest;
        let accepting = self.sender.accepting();
        PendingReport { origin: Arc::clone(origin), oldest_ms, passes, frames, accepting }
    }
}
