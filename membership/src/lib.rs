//! Who is alive: SWIM around [`foca`], as a pure state machine.
//!
//! [`Swim`] knows no socket and no clock. It is handed datagrams, bodies of state syncs, resolved
//! seeds and the time, and hands out what is to be sent and what has changed:
//!
//! ```
//! use std::time::Instant;
//!
//! use membership::{Config, Event, Name, Output, Peer, State, Swim};
//! use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng};
//!
//! let me = Peer {
//!     name: Name::new("a")?,
//!     address: "127.0.0.1:12345".parse()?,
//!     generation: Peer::generation_at_boot(1_700_000_000, 0),
//!     state: State::Joining,
//! };
//! let now = Instant::now();
//! let mut swim = Swim::new(me, Config::default(), ChaCha12Rng::seed_from_u64(1), now);
//! let outputs: Vec<Output> = std::iter::from_fn(|| swim.poll_output()).collect();
//! // Without seeds a node is a cluster of its own.
//! assert!(outputs.contains(&Output::Event(Event::Formed)));
//! swim.participate(now);
//! assert_eq!(swim.view().me.state, State::Participant);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A node that has seeds begins with [`Output::Resolve`], asks what the seeds resolve to with
//! [`Output::Sync`], and gossips only once somebody answered: that is how it learns the names behind
//! the addresses, and whether its own name is taken.

mod channel;
mod codec;
mod config;
mod envelope;
mod header;
mod keyring;
mod name;
mod peer;
mod refusal;
mod replay;
mod seal;
mod swim;
mod view;

pub use channel::{Admission, Answering, Channel, Heard, Introduction, Opener, Question, Reply};
pub use config::Config;
pub use envelope::{DATAGRAM_MAX, SYNC_MAX};
pub use header::{CLUSTER_MAX, Kind, VERSION};
pub use keyring::{Key, KeyId, Keyring, KeyringError};
pub use name::{Name, NameError};
pub use peer::{Peer, State};
pub use refusal::{Counters, Refusal};
pub use swim::{
    Cause, Event, Knock, Output, PeerStatus, SeedResult, SeedStatus, Suspicion, Swim, SyncFailure,
};
pub use view::View;
