//! Why input was not acted upon.

use thiserror::Error;

use crate::keyring::KeyId;

/// Why a datagram or a body was refused. The state is as if it had never arrived; nothing here is
/// worth more than a counter and a rate-limited log line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not even an envelope.
    #[error("too short: {length} bytes of at least {least}")]
    TooShort {
        /// Bytes that arrived.
        length: usize,
        /// Bytes it would have needed.
        least: usize,
    },
    /// Longer than anything a node sends.
    #[error("too long: {length} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes that arrived.
        length: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// Sent by another version of Shoal, or by something else.
    #[error("version {theirs}, this node speaks {mine}")]
    Version {
        /// The version it claims.
        theirs: u8,
        /// The version of this node.
        mine: u8,
    },
    /// Sealed with a key that this node does not have.
    #[error("sealed with key {theirs}, which this node does not have; it has {}", keys(.mine))]
    Key {
        /// The id of the key it claims.
        theirs: KeyId,
        /// The keys of this node.
        mine: Vec<KeyId>,
    },
    /// Not sealed, although this node has a key.
    #[error("not sealed, and this node has a cluster key: the other one needs it too")]
    Unsealed,
    /// Protected in a way that this node does not know.
    #[error("protected by suite {suite}, which this node does not know")]
    Suite {
        /// The suite it claims.
        suite: u8,
    },
    /// Sealed by nobody who has the key it claims, or damaged.
    #[error("not sealed by who has key {key}, or damaged on its way")]
    Forged {
        /// The id of the key it claims.
        key: KeyId,
    },
    /// It arrived before.
    #[error("it was received before")]
    Replayed,
    /// Too old to tell whether it arrived before, or meant for an earlier life of this node.
    #[error("it is out of date")]
    Stale,
    /// From another cluster.
    #[error(
        "it is of cluster {theirs:?}, this node is of {mine:?}: different --cluster.name, or an \
         address was reused"
    )]
    Cluster {
        /// The name of that cluster.
        theirs: String,
        /// The name of this node's.
        mine: String,
    },
    /// A message of one kind where another belongs.
    #[error("a message of kind {found} where kind {expected} belongs")]
    Kind {
        /// The kind that belongs there.
        expected: u8,
        /// The kind it claims.
        found: u8,
    },
    /// The payload is no message.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Meant for a node of another name: its address was reused.
    #[error("it is meant for node {0:?}")]
    Misdirected(String),
    /// From a node that has this node's name.
    #[error("node {0} has this node's name")]
    NameClash(String),
    /// This node left the cluster, or stays out of it.
    #[error("this node takes no part in the cluster")]
    Out,
    /// Asked over a connection without a client certificate, where nodes know each other by them.
    #[error("no client certificate was shown")]
    Certificate,
}

fn keys(ids: &[KeyId]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    }
}

impl Refusal {
    /// How many reasons there are.
    pub const REASONS: usize = 16;

    /// The reasons, in the order of [`Counters::refused`].
    pub const NAMES: [&'static str; Self::REASONS] = [
        "too_short",
        "too_long",
        "version",
        "key",
        "unsealed",
        "suite",
        "forged",
        "replayed",
        "stale",
        "cluster",
        "kind",
        "malformed",
        "misdirected",
        "name_clash",
        "out",
        "certificate",
    ];

    pub(crate) fn index(&self) -> usize {
        match self {
            Refusal::TooShort { .. } => 0,
            Refusal::TooLong { .. } => 1,
            Refusal::Version { .. } => 2,
            Refusal::Key { .. } => 3,
            Refusal::Unsealed => 4,
            Refusal::Suite { .. } => 5,
            Refusal::Forged { .. } => 6,
            Refusal::Replayed => 7,
            Refusal::Stale => 8,
            Refusal::Cluster { .. } => 9,
            Refusal::Kind { .. } => 10,
            Refusal::Malformed(_) => 11,
            Refusal::Misdirected(_) => 12,
            Refusal::NameClash(_) => 13,
            Refusal::Out => 14,
            Refusal::Certificate => 15,
        }
    }

    /// The reason as one word, for a label.
    pub fn reason(&self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// What happened since the start. Every number only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams accepted.
    pub received: u64,
    /// Datagrams given out for sending.
    pub sent: u64,
    /// Bytes of these.
    pub sent_bytes: u64,
    /// Datagrams and bodies refused, by reason; see [`Refusal::NAMES`].
    pub refused: [u64; Refusal::REASONS],
    /// Probes that neither the peer nor others on its behalf answered.
    pub probes_failed: u64,
    /// Verdicts that were dropped because the suspect had meanwhile refuted the suspicion.
    pub stale_verdicts: u64,
    /// Suspicions that a peer is dead which this node has come to hold, by its own probe or by
    /// hearing of it.
    pub suspicions_started: u64,
    /// Of these, how many the peer refuted.
    pub suspicions_refuted: u64,
    /// Of these, how many became a verdict, by this node's own clock or by another's.
    pub suspicions_confirmed: u64,
    /// Signs that a process is gone which shortened a suspicion: its port was closed.
    pub evidence_of_death: u64,
    /// Signs of life from a suspect which put a verdict off: it sent a message.
    pub evidence_of_life: u64,
    /// Times a peer's TCP port was tried because the peer was silent.
    pub knocks: u64,
    /// Messages about lives of peers that had ended, which were ignored.
    pub zombies: u64,
    /// Times this node was declared dead and came back under a higher generation.
    pub rejoins: u64,
    /// Times this node met another live node of its name, or a witness of one. It grows for as long
    /// as there are two.
    pub namesakes: u64,
    /// State syncs that this node began.
    pub syncs: u64,
    /// Of these, how many got no answer.
    pub syncs_failed: u64,
    /// State syncs that this node answered.
    pub syncs_answered: u64,
    /// Inputs that foca called inconsistent; each is a bug worth reporting.
    pub inconsistencies: u64,
}

impl Counters {
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.refused[refusal.index()] += 1;
    }

    /// Everything refused, whatever the reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }
}
