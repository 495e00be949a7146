//! What the machine wants done, and what it found out.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::Peer;

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send `datagram` over UDP. It may be dropped when the socket is full.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// At most [`crate::DATAGRAM_MAX`] bytes.
        datagram: Bytes,
    },
    /// Send `body` to the peer API at `to`, and hand what comes of it to
    /// [`crate::Swim::handle_sync_reply`] or [`crate::Swim::handle_sync_failure`], within ten
    /// seconds; within one, if nobody is there.
    Sync {
        /// Where to.
        to: SocketAddr,
        /// At most [`crate::SYNC_MAX`] bytes.
        body: Bytes,
    },
    /// Resolve the seeds and hand them to [`crate::Swim::handle_seeds`] or
    /// [`crate::Swim::handle_seeds_failure`].
    Resolve,
    /// Try to open a TCP connection to `to`, close it at once, and hand what came of it to
    /// [`crate::Swim::handle_knock`], within one second. A probe went unanswered, or somebody
    /// found a connection refused: whether the port is closed tells a dead process from a slow one.
    /// A driver that cannot find out need not answer.
    Knock {
        /// Where the peer API of the silent peer is.
        to: SocketAddr,
    },
    /// Something happened.
    Event(Event),
    /// [`crate::Swim::view`] has changed. At most one for each input, after its events.
    View,
    /// The farewell is said: the process may end.
    Departed,
}

/// What happened. Up, down and changed are exactly the differences between successive views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer is alive that was not before.
    Up(Peer),
    /// A peer is gone.
    Down {
        /// What it was last.
        peer: Peer,
        /// Why.
        cause: Cause,
        /// When this node itself last heard from it; `None` when it knew it by hearsay alone.
        last_heard: Option<Instant>,
    },
    /// A peer has another address, generation or state.
    Changed {
        /// What it was.
        from: Peer,
        /// What it is.
        to: Peer,
        /// When this node itself last heard from the process before, where this is another one; `None` when
        /// it knew that by hearsay alone.
        last_heard: Option<Instant>,
    },
    /// This node presents itself differently: by its state, or by a generation that it had to raise. A
    /// raised generation is to be remembered across restarts.
    Me {
        /// What it was.
        from: Peer,
        /// What it is.
        to: Peer,
    },
    /// This node joined the cluster of `seed`.
    Joined {
        /// The node that told it of the cluster.
        seed: Peer,
    },
    /// This node found nobody to join and is a cluster of its own.
    Formed,
    /// All peers are gone. Seeds are tried at once.
    Isolated,
    /// Another live node has this node's name. This one stays out until that one is gone.
    NameClash {
        /// This node.
        mine: Peer,
        /// The other one.
        theirs: Peer,
    },
}

/// Why a peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It said so.
    Left,
    /// It was silent for too long.
    Failed,
    /// This node itself withdrew from the cluster.
    Withdrawn,
}

impl Cause {
    /// The cause as one word, for logs and telemetry.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Left => "left",
            Cause::Failed => "failed",
            Cause::Withdrawn => "withdrawn",
        }
    }
}
