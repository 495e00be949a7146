//! What the mind wants done.

use std::net::SocketAddr;

use bytes::Bytes;
use membership::{Event, Name};
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
    },
    /// Collect this target no more.
    Stop {
        /// Whose target.
        component: ComponentId,
        /// Which.
        key: Key,
        /// Why.
        reason: StopReason,
    },
    /// The farewell is said: the process may end.
    Departed,
}

/// Why a target stops on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Another node collects it: its series go on.
    Moved {
        /// The owner.
        to: Name,
    },
    /// The component does not announce it any more: its series have ended.
    Gone,
    /// This node takes no part any more, and knows of nobody who does. The series may go on.
    Unowned,
}
