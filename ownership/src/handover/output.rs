//! What the handover wants done, and what it counts.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;
use model::Seal;
use serde::{Deserialize, Serialize};

use crate::{ComponentId, Key};

/// A key of a component: what changes hands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Whose key it is.
    pub component: ComponentId,
    /// The key.
    pub key: Key,
}

impl Target {
    /// The key of a component.
    pub fn new(component: &ComponentId, key: Key) -> Self {
        Self { component: component.clone(), key }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.key, self.component)
    }
}

/// Why something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MoveCause {
    /// A node joined.
    Joined,
    /// A node said that it leaves.
    Left,
    /// A node was silent for too long.
    Failed,
    /// This node withdrew: another one has its name.
    Withdrawn,
    /// The component announced other targets: discovery found some, or lost some.
    Targets,
    /// The same, right after a new configuration was loaded.
    Reloaded,
    /// The owner does not know the target, or does not collect it: this node stands in.
    Covered,
    /// The cluster reached its least size, or waited long enough for it.
    Gate,
}

impl MoveCause {
    /// Every cause there is.
    pub const ALL: [Self; 8] = [
        Self::Joined,
        Self::Left,
        Self::Failed,
        Self::Withdrawn,
        Self::Targets,
        Self::Reloaded,
        Self::Covered,
        Self::Gate,
    ];

    /// Why something came to a node that wanted it for this reason, from one that gave it for another. That
    /// discovery found a target here does not move it, if another collected it: a node that joins mostly
    /// hears of its targets after others have heard of it.
    pub(super) fn given_for(self, theirs: Self) -> Self {
        match (self, theirs) {
            (
                Self::Targets | Self::Reloaded,
                Self::Joined | Self::Left | Self::Failed | Self::Withdrawn,
            ) => theirs,
            _ => self,
        }
    }

    /// The cause as one word, for pages and telemetry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "join",
            Self::Left => "leave",
            Self::Failed => "crash",
            Self::Withdrawn => "withdrawal",
            Self::Targets => "discovery",
            Self::Reloaded => "reload",
            Self::Covered => "cover",
            Self::Gate => "size",
        }
    }
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Hand `body` to another node's [`super::Handover::handle_question`], and what comes of it to
    /// [`super::Handover::handle_answer`] or [`super::Handover::handle_failure`], within
    /// [`super::CLAIM_TIMEOUT`].
    Ask {
        /// Whom to ask.
        to: Name,
        /// To tell answers apart.
        id: u64,
        /// At most [`super::QUESTION_MAX`] bytes.
        body: Bytes,
    },
    /// The answer to the question that was handed in under `id`.
    Answer {
        /// Which question.
        id: u64,
        /// At most [`super::ANSWER_MAX`] bytes.
        body: Bytes,
    },
    /// Collect this target from now on.
    Start(Start),
    /// Collect this target no more.
    Stop {
        /// Which.
        target: Target,
        /// Why.
        reason: StopReason,
        /// Whether the next owner waits for a seal: hand it to
        /// [`super::Handover::handle_seal`], or say there that there is none.
        seal: bool,
        /// What brought it about.
        cause: MoveCause,
    },
}

/// What is known of a question that got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody acts upon it: it was not sent, or the other node says that it did nothing.
    Declined,
    /// It may have arrived and been acted upon.
    Lost,
}

/// A target that this node collects from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Which.
    pub target: Target,
    /// What the last owner left, when it could be had.
    pub seal: Option<Seal>,
    /// Whether another node may go on collecting it for a while, because nobody could say that it
    /// stopped.
    pub overlap: bool,
    /// Who collected it before, as far as this node knows.
    pub from: Option<Name>,
    /// How long it took from wanting it to this moment.
    pub took: Duration,
    /// What brought it about.
    pub cause: MoveCause,
}

/// Why a target stops on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Another node collects it: its series go on.
    Moved {
        /// That node.
        to: Name,
    },
    /// The component does not announce it any more: its series have ended.
    Gone,
    /// This node takes no part any more, and knows of nobody who does. The series may go on.
    Unowned,
}

/// How a key of this node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is this node's, and `from` is asked for it.
    Claiming {
        /// Who is asked; this node itself while it is too new to know of anybody.
        from: Name,
        /// Since when it is wanted.
        since: Instant,
    },
    /// It is this node's, which collects it.
    Active,
    /// It is another node's, which has not claimed it: this one goes on collecting it.
    Yielding {
        /// Whose it is; `None` when nobody takes part.
        to: Option<Name>,
        /// Since when.
        since: Instant,
        /// The owner said that it does not know the target.
        unknown: bool,
    },
    /// Its collector was told to stop, so that `to` goes on.
    Sealing {
        /// Who claimed it.
        to: Name,
    },
}

impl Standing {
    /// Whether this node collects the key.
    pub fn collects(&self) -> bool {
        matches!(self, Self::Active | Self::Yielding { .. })
    }
}

/// What happened since the start. Every number only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandoverCounters {
    /// Keys that this node asked another for.
    pub claimed: u64,
    /// Of these, how many came with a seal.
    pub sealed: u64,
    /// How many came without one from a node that had stopped them, since its collector had none in time.
    pub unsealed: u64,
    /// How many were not collected there.
    pub idle: u64,
    /// How many another node kept, because it ranks higher; each attempt counts.
    pub kept: u64,
    /// How many were followed to another node.
    pub followed: u64,
    /// How many were started without an answer, so that an overlap is possible.
    pub timed_out: u64,
    /// Keys that this node gave away with a seal.
    pub given: u64,
    /// Keys that this node gave away without one, since the collector had none in time.
    pub given_unsealed: u64,
    /// Bytes of the seals that were received.
    pub seal_bytes: u64,
    /// Seals that were cut down to their tick, because they were too long.
    pub seals_cut: u64,
    /// Keys that were offered to their owner; each attempt counts.
    pub offered: u64,
    /// Of these, how many the owner collected as well.
    pub doubled: u64,
    /// Of these, how many the owner did not know.
    pub unknown: u64,
    /// Keys that this node collected in the place of an owner that does not.
    pub covered: u64,
    /// Questions and answers that could not be read, or did not fit.
    pub malformed: u64,
    /// Questions that could not be delivered.
    pub failed: u64,
}
