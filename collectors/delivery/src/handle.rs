//! What the rest of the process asks of a destination that runs.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::consignment::Consignment;
use crate::peers::PendingReport;

/// Questions that wait at most; whoever asks one more waits.
pub(crate) const QUESTIONS: usize = 64;

/// A handle on a destination that runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle(mpsc::Sender<Ask>);

/// The destination has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the destination has ended")]
pub struct Closed;

/// Why frames were not adopted. Those of the same consignment before the one that failed may have
/// been; they are recognised when they come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdopted {
    /// The destination ends itself.
    #[error("the destination ends here, too")]
    Ending,
    /// What was adopted already has reached the size cap of the log.
    #[error("{bytes} bytes of other nodes wait here already; the log has room for {limit}")]
    Full {
        /// What waits, in bytes.
        bytes: u64,
        /// The cap, in bytes.
        limit: u64,
    },
    /// A frame was damaged on its way, or the disk refuses.
    #[error("{0}")]
    Log(String),
}

#[derive(Debug)]
pub(crate) enum Ask {
    Pending { origin: Arc<str>, answer: oneshot::Sender<PendingReport> },
    Reports { answer: oneshot::Sender<Vec<PendingReport>> },
    Adopt { consignment: Consignment, answer: oneshot::Sender<Result<(), NotAdopted>> },
}

impl Handle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ask>) {
        let (sender, asks) = mpsc::channel(QUESTIONS);
        (Self(sender), asks)
    }

    /// Whether the destination has ended.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// What is not delivered of the frames that a node wrote.
    ///
    /// # Errors
    ///
    /// When the destination has ended.
    pub async fn pending(&self, origin: &str) -> Result<PendingReport, Closed> {
        let origin = Arc::from(origin);
        self.ask(|answer| Ask::Pending { origin, answer }).await
    }

    /// What is not delivered, by the node that wrote it; this one first.
    ///
    /// # Errors
    ///
    /// When the destination has ended.
    pub async fn reports(&self) -> Result<Vec<PendingReport>, Closed> {
        self.ask(|answer| Ask::Reports { answer }).await
    }

    /// Takes over frames that another node cannot deliver. They are on the disk when this returns
    /// without an error, and a frame that comes twice is kept once.
    ///
    /// # Errors
    ///
    /// See [`NotAdopted`]; a destination that has ended does not adopt.
    pub async fn adopt(&self, consignment: Consignment) -> Result<(), NotAdopted> {
        let adopted = self.ask(|answer| Ask::Adopt { consignment, answer }).await;
        adopted.unwrap_or(Err(NotAdopted::Ending))
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Closed> {
        let (answer, answered) = oneshot::channel();
        self.0.send(ask(answer)).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }
}
