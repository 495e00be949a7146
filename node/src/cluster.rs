//! The cluster as this process lives it: one task that drives [`crate::core::Core`] over sockets,
//! and the handles the rest of the process holds.

pub mod advertise;
mod check;
mod datagrams;
mod detail;
pub mod discover;
mod driver;
mod exchange;
mod gap;
pub mod generation;
mod handle;
pub mod keys;
pub mod known;
mod log;
mod measure;
mod node;
mod options;
mod question;
mod refusals;
mod seal;
pub mod seeds;
mod socket;
mod state;
mod streams;
mod subscribers;
pub mod subscription;

#[cfg(test)]
mod tests;

pub use check::Nonce;
pub use detail::{Detail, PeerDetail, Suspicion};
pub use driver::CHECKPOINTS_EVERY;
pub use exchange::{PeerAccess, PeerError};
pub use gap::Gap;
pub use handle::{Closed, Handle, Listed};
pub use node::{Node, StartError, Started};
pub use options::Options;
pub use ownership::Key;
pub use question::{
    Doings, Done, KeyHistory, KeyQuestion, Moved, Placed, Recorded, Reported, Thought,
};
pub(crate) use seal::Arrival;
pub use seal::PeerSeal;
pub use seeds::OutOfReach;
pub use state::{
    ClusterState, ComponentShare, Missing, NameClash, PeerStatus, SeedLookup, SeedStatus,
};
pub use subscription::{
    Announced, Checkpointed, Delta, FirstTick, FirstTicks, Reason, Snapshot, Subscription,
};

/// The path of the state sync in the peer API.
pub(crate) const SYNC_PATH: &str = "/api/v1/peer/sync";

/// The path of checkpoints in the peer API.
pub(crate) const CHECKPOINT_PATH: &str = "/api/v1/peer/checkpoint";
/// The path of the audit in the peer API.
pub(crate) const AUDIT_PATH: &str = "/api/v1/peer/audit";

/// The path of claims in the peer API.
pub(crate) const CLAIM_PATH: &str = "/api/v1/peer/claim";
