//! The cluster as this process lives it: one task that drives the membership core over sockets,
//! and the handles the rest of the process holds.

mod handle;
mod state;
pub mod subscription;

pub use handle::Handle;
pub use state::{ClusterState, ComponentShare, PeerStatus};
pub use subscription::{Announced, Delta, Key, Reason, Subscription};
