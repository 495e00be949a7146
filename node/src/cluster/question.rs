//! What the rest of the process may ask of the cluster's task.

use std::net::SocketAddr;

use bytes::Bytes;
use membership::{Keyring, Refusal};
use ownership::handover::QuestionError;
use ownership::{ComponentId, Key};
use tokio::sync::{mpsc, oneshot, watch};

use super::Detail;
use super::check::Nonce;
use super::subscription::{Checkpointed, Delta, Snapshot};

/// What becomes of a claim: the body of the answer.
pub(super) type ClaimAnswer = Result<Bytes, QuestionError>;

/// An order or a question. Answers come over a `oneshot`; the task never waits for anybody.
#[derive(Debug)]
pub(super) enum Question {
    /// A component wants to share its targets.
    Subscribe {
        component: ComponentId,
        announced: watch::Receiver<Snapshot>,
        deltas: mpsc::Sender<Vec<Delta>>,
        checkpoints: Checkpointed,
    },
    /// Another node compares its state with ours.
    Sync { body: Bytes, answer: oneshot::Sender<Result<Bytes, Refusal>> },
    /// The keys of the cluster have changed.
    Keys { keyring: Keyring },
    /// Another node sends checkpoints of keys of which this one is the deputy.
    Checkpoint { body: Bytes, answer: oneshot::Sender<Result<(), String>> },
    /// Another node claims keys, or offers some.
    Claim { body: Bytes, answer: oneshot::Sender<ClaimAnswer> },
    /// The configuration runs.
    Participate,
    /// This node will be gone soon, and owns nothing any more.
    Leave,
    /// Answered when others have taken what this node collects.
    Drained { done: oneshot::Sender<()> },
    /// How many targets this node still collects that others could take.
    Remaining { answer: oneshot::Sender<usize> },
    /// This node goes; answered when the farewell is said.
    Depart { done: oneshot::Sender<()> },
    /// Which keys of a component are collected here.
    Running { component: String, answer: oneshot::Sender<Vec<Key>> },
    /// What is known of peers beyond what is published.
    Detail { answer: oneshot::Sender<Detail> },
    /// Somebody waits for a datagram with this number; where it came from is the answer.
    AwaitDatagram { nonce: Nonce, arrived: oneshot::Sender<SocketAddr> },
    /// Send a datagram with this number.
    SendDatagram { nonce: Nonce, to: SocketAddr },
    /// Where keys belong.
    Place { keys: Vec<Key>, answer: oneshot::Sender<Vec<Placed>> },
    /// Everything there is to say about one key.
    Explain { question: KeyQuestion, answer: oneshot::Sender<KeyHistory> },
}

/// Owner and deputy of a key; empty while there are too few participants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// Who collects it.
    pub owner: String,
    /// Who would, were the owner gone.
    pub deputy: String,
}

/// A key of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyQuestion {
    /// The component's global id.
    pub component: String,
    /// The key.
    pub key: Key,
}

/// What the cluster knows of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHistory {
    /// All participants in the order of their rank for the key: owner, deputy, and so on.
    pub ranking: Vec<String>,
    /// Whether this node collects it.
    pub running: bool,
    /// How it changed hands, oldest first, as far as this node remembers.
    pub moves: Vec<Moved>,
    /// What this node did about it, oldest first, as far as it remembers.
    pub records: Vec<Recorded>,
}

/// A key changed hands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Moved {
    /// When this node found out, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The owner before; empty when there was none.
    pub from: String,
    /// The owner after; empty when there is none.
    pub to: String,
    /// Why: `join`, `leave`, `crash`, `withdrawal`, `targets`, `size`.
    pub cause: String,
}

/// This node started or stopped to collect a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Recorded {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// `start` or `stop`.
    pub action: String,
    /// Who collects it now, when it moved.
    pub to: String,
    /// Why.
    pub cause: String,
}
