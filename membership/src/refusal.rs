//! Why input was not acted upon.

use thiserror::Error;

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
    #[error("version {theirs}, this node speaks {}", crate::envelope::VERSION)]
    Version {
        /// The version it claims.
        theirs: u8,
    },
    /// Protected by a suite or key that this node does not have, or not protected although it should be.
    #[error("protected by suite {suite} and key {key:08x}, which this node does not have")]
    Key {
        /// The suite it claims.
        suite: u8,
        /// The id of the key it claims.
        key: u32,
    },
    /// From another cluster.
    #[error(
        "it is of cluster {theirs:?}: the nodes have different cluster names, or an address was reused"
    )]
    Cluster {
        /// The name of that cluster.
        theirs: String,
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
}

impl Refusal {
    /// How many reasons there are.
    pub const REASONS: usize = 10;

    /// The reasons, in the order of [`Counters::refused`].
    pub const NAMES: [&'static str; Self::REASONS] = [
        "too_short",
        "too_long",
        "version",
        "key",
        "cluster",
        "kind",
        "malformed",
        "misdirected",
        "name_clash",
        "out",
    ];

    fn index(&self) -> usize {
        match self {
            Refusal::TooShort { .. } => 0,
            Refusal::TooLong { .. } => 1,
            Refusal::Version { .. } => 2,
            Refusal::Key { .. } => 3,
            Refusal::Cluster { .. } => 4,
            Refusal::Kind { .. } => 5,
            Refusal::Malformed(_) => 6,
            Refusal::Misdirected(_) => 7,
            Refusal::NameClash(_) => 8,
            Refusal::Out => 9,
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
