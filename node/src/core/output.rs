//! What the mind wants done.

use std::net::SocketAddr;

use bytes::Bytes;
use membership::{Event, Name};
use model::Seal;
pub use ownership::handover::StopReason;
use ownership::{ComponentId, Key};

/// What the driver is to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send `datagram` over UDP; drop it, counted, when the socket is full.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// At most [`membership::DATAGRAM_MAX`] bytes.
        datagram: Bytes,
    },
    /// Send `body` to the peer API at `to`, and hand what comes of it to
    /// [`super::Core::handle_sync_reply`] or [`super::Core::handle_sync_failure`]: within ten
    /// seconds, and within one if nobody is there.
    Sync {
        /// Where to.
        to: SocketAddr,
        /// At most [`membership::SYNC_MAX`] bytes.
        body: Bytes,
    },
    /// Resolve the seeds and hand them to [`super::Core::handle_seeds`] or
    /// [`super::Core::handle_seeds_failure`].
    Resolve,
    /// Try to open a TCP connection to `to`, and hand what came of it to
    /// [`super::Core::handle_knock`] within one second.
    Knock {
        /// Where the peer API of a silent peer is.
        to: SocketAddr,
    },
    /// Something happened that is worth a log line. [`Event::Me`] with a raised generation is to
    /// be remembered across restarts.
    Event(Event),
    /// [`super::Core::view`] has changed. At most one for each input.
    View,
    /// The gate is open, or closed: new targets may be started, or not.
    Gate {
        /// Which.
        open: bool,
    },
    /// Collect this target from now on.
    Start {
        /// Whose target.
        component: ComponentId,
        /// Which.
        key: Key,
        /// What the last owner left, when it could be had.
        seal: Option<Seal>,
        /// Whether another node may go on collecting it for a while.
        overlap: bool,
        /// Who collected it before, as far as is known.
        from: Option<Name>,
    },
    /// Collect this target no more.
    Stop {
        /// Whose target.
        component: ComponentId,
        /// Which.
        key: Key,
        /// Why.
        reason: StopReason,
        /// Whether a seal is wanted: hand it to [`super::Core::handle_seal`], or say there that
        /// there is none, as soon as the target has stopped.
        seal: bool,
    },
    /// Send `body` to the peer API at `to`, and hand what comes of it to
    /// [`super::Core::handle_claim_reply`] or [`super::Core::handle_claim_failure`] within
    /// [`ownership::handover::CLAIM_TIMEOUT`].
    Claim {
        /// Where to.
        to: SocketAddr,
        /// To tell answers apart.
        id: u64,
        /// At most [`ownership::handover::QUESTION_MAX`] bytes.
        body: Bytes,
    },
    /// The answer to the claim that was handed to [`super::Core::handle_claim`] under `id`.
    ClaimReply {
        /// Which.
        id: u64,
        /// At most [`ownership::handover::ANSWER_MAX`] bytes.
        body: Bytes,
    },
    /// Send `body` to the checkpoints of the peer API at `to`. What gets lost is to be reported.
    Checkpoint {
        /// Where to.
        to: SocketAddr,
        /// At most [`ownership::handover::CHECKPOINT_MAX`] bytes.
        body: Bytes,
    },
    /// Send `body` to the peer API at `to`, and hand what comes of it to
    /// [`super::Core::handle_audit_reply`] or [`super::Core::handle_audit_failure`] within
    /// [`ownership::audit::AUDIT_TIMEOUT`].
    Audit {
        /// Where to.
        to: SocketAddr,
        /// To tell answers apart.
        id: u64,
        /// At most [`ownership::audit::QUESTION_MAX`] bytes.
        body: Bytes,
    },
    /// The farewell is said: the process may end.
    Departed,
}
