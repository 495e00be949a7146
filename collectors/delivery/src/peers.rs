//! What a destination needs of the other nodes: what they have not delivered yet, and somebody who
//! takes over what this node cannot deliver before it leaves.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::consignment::Consignment;

/// A future whose type nobody needs to know.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The other nodes, as a destination sees them.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Asks every other live node what it has, for this destination, of the frames of an origin:
    /// its own, and those it has adopted.
    ///
    /// Frames may be changing hands meanwhile, and no answer may miss them on their way: the origin
    /// is asked first, and the others only after it has answered. Answers within a few seconds.
    fn pending(&self, question: Question) -> Later<'_, Pending>;

    /// Whether a node lives, as far as is known.
    fn lives(&self, node: &str) -> bool;

    /// The nodes that should live and do not, as far as this node remembers; `None` as long as it has not
    /// looked for them yet.
    fn missing(&self) -> Option<Vec<Arc<str>>>;

    /// Gives frames to another live node that will stay. When this returns without an error they
    /// are on its disk. Returns which node that is.
    fn adopt(&self, consignment: Consignment) -> Later<'_, Result<Arc<str>, Refused>>;
}

/// What is asked of the other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The destination, by the name that it has on every node.
    pub destination: Arc<str>,
    /// The name of the node whose frames it is about, whoever has them.
    pub origin: Arc<str>,
}

/// What the other nodes have of an origin's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing: the origin lives, and everybody who lives has said so.
    None,
    /// Something.
    Since {
        /// The stamp of the oldest frame.
        oldest_ms: i64,
        /// Whether whoever has it gets through to the backend.
        accepting: bool,
    },
    /// Somebody who lives did not answer.
    Unknown,
    /// Nothing, but the origin does not live and may come back with some, or it has waited itself
    /// for a node that does not live.
    Gone,
}

/// Nobody has adopted the frames; they are still here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Why, and who said so.
    pub reason: String,
    /// Whether trying again soon may help.
    pub is_transient: bool,
}

/// A destination's place among those of other nodes.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// The name of this node.
    pub node: Arc<str>,
    /// What the destination is called on every node.
    pub destination: Arc<str>,
    /// The other nodes.
    pub peers: Arc<dyn Peers>,
    /// How long handing over may take at the end, after what was sent by then; zero hands nothing
    /// over.
    pub hand_over: Duration,
}

/// What a destination has not delivered of one origin's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReport {
    /// The name of the node that wrote them.
    pub origin: Arc<str>,
    /// The stamp of the oldest, in milliseconds since the Unix epoch; `None` when there is none.
    pub oldest_ms: Option<i64>,
    /// Whether it has waited for a node that does not live and may come back.
    pub passes: bool,
    /// How many.
    pub frames: u64,
    /// Whether the backend took the last request; `None` when there has been none.
    pub accepting: Option<bool>,
}

impl PendingReport {
    /// Everything of an origin has been delivered.
    pub fn nothing(origin: &str) -> Self {
        Self { origin: origin.into(), oldest_ms: None, passes: false, frames: 0, accepting: None }
    }
}
