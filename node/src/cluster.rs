//! The cluster as this process lives it: one task that drives the membership core over sockets,
//! and the handles the rest of the process holds.

pub mod advertise;
pub mod generation;
mod handle;
mod options;
pub mod seeds;
mod state;
pub mod subscription;

pub use handle::Handle;
pub use options::Options;
pub use state::{ClusterState, ComponentShare, PeerStatus};
pub use subscription::{Announced, Delta, Reason, Subscription};
