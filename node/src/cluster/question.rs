//! What the rest of the process may ask of the cluster's task.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use membership::{Keyring, Refusal};
use ownership::audit::{self, Fingerprint, Report};
use ownership::handover::QuestionError;
use ownership::{ComponentId, Key, WhatIf, WhatIfError};
use tokio::sync::{mpsc, oneshot, watch};

use super::Detail;
use super::check::Nonce;
use super::subscription::{Checkpointed, Delta, FirstTicks, Snapshot};

/// What becomes of a claim: the body of the answer.
pub(super) type ClaimAnswer = Result<Bytes, QuestionError>;

/// What becomes of a comparison: the body of the answer.
pub(super) type AuditAnswer = Result<Bytes, audit::QuestionError>;

/// What the audit has found.
#[derive(Debug)]
pub struct Reported {
    /// With names.
    pub report: Report,
    /// By how much the clocks of two nodes may differ: a tenth of the shortest interval, where targets
    /// are collected at fixed instants.
    pub skew_limit: Option<Duration>,
}

/// An order or a question. Answers come over a `oneshot`; the task never waits for anybody.
#[derive(Debug)]
pub(super) enum Question {
    /// A component wants to share its targets.
    Subscribe {
        component: ComponentId,
        announced: watch::Receiver<Snapshot>,
        deltas: mpsc::Sender<Vec<Delta>>,
        checkpoints: Checkpointed,
        first_ticks: FirstTicks,
    },
    /// Another node compares its state with ours.
    Sync { body: Bytes, answer: oneshot::Sender<Result<Bytes, Refusal>> },
    /// The keys of the cluster have changed.
    Keys { keyring: Keyring },
    /// Another node sends checkpoints of keys of which this one is the deputy.
    Checkpoint { body: Bytes, answer: oneshot::Sender<Result<(), QuestionError>> },
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
    /// Another node compares what it knows and collects with this one.
    Audit { body: Bytes, answer: oneshot::Sender<AuditAnswer> },
    /// This configuration runs, or is about to.
    Config { fingerprint: Fingerprint, done: oneshot::Sender<()> },
    /// What the audit has found.
    Report { answer: oneshot::Sender<Reported> },
    /// What would move if the participants were others; so many of the moves are listed.
    WhatIf { change: WhatIf, most: usize, answer: oneshot::Sender<Result<Thought, WhatIfError>> },
    /// What this node started and stopped, oldest first.
    Done { answer: oneshot::Sender<Doings> },
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
    /// It did so much that it has forgotten what it did first.
    pub forgotten: bool,
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
    /// Why, see [`ownership::handover::MoveCause::as_str`].
    pub cause: String,
}

/// A node started or stopped to collect a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Recorded {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// `start` or `stop`.
    pub action: String,
    /// Who collected it before, as far as is known; of a stop, this node.
    pub from: String,
    /// Who collects it now; of a start, this node.
    pub to: String,
    /// Why.
    pub cause: String,
    /// The last tick of the node before, in milliseconds since the Unix epoch, if it left word.
    pub last_tick: Option<i64>,
    /// The first tick that was collected here since, in milliseconds since the Unix epoch, once there is
    /// one.
    pub first_tick: Option<i64>,
    /// When the node before was last heard from, in milliseconds since the Unix epoch, if it is out of
    /// reach and left no word.
    pub last_heard: Option<i64>,
    /// From wanting the target to starting it, in microseconds; 0 of a stop.
    pub took_micros: u64,
    /// Whether both nodes may have collected it for a while.
    pub overlap: bool,
}

/// What this node started and stopped lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doings {
    /// Oldest first.
    pub done: Vec<Done>,
    /// It did more than that, before.
    pub truncated: bool,
}

/// What this node did about one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Whose key.
    pub component: String,
    /// Which.
    pub key: Key,
    /// What.
    pub record: Recorded,
}

/// What would move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thought {
    /// Targets that move, by component, and how many there are.
    pub components: BTreeMap<String, (usize, usize)>,
    /// Targets that move, by owner before and after; empty when nobody would own them.
    pub matrix: BTreeMap<(String, String), usize>,
    /// The first of them: component, key, owner before and after.
    pub moves: Vec<(String, Key, String, String)>,
}
