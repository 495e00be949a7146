//! Who collects what: stable keys, rendezvous assignment, handover and audit, pure.
//!
//! A target's [`Key`] is the same on every node, and so is the ranking of the nodes for it:
//! whoever agrees on the participants agrees on the owners. A join or a leave moves only the keys
//! that the joined node gains or the left one loses.
//!
//! What moves is handed over: [`handover`] has the claims, the seals and the checkpoints, and [`audit`] finds
//! what nobody collects, or two do.
//!
//! ```
//! use membership::Name;
//! use ownership::{Assignment, ComponentId, Key};
//!
//! let (a, b) = (Name::new("a")?, Name::new("b")?);
//! let component = ComponentId::from("prometheus.scrape.default");
//! let keys: Vec<Key> = (0..100u32)
//!     .map(|target| Key::of(&component, [target.to_le_bytes().as_slice()]))
//!     .collect();
//!
//! let mut assignment = Assignment::default();
//! assignment.change(&[a.clone()], &[], |_| {});
//! assignment.set_keys(&component, keys, |moved| assert_eq!(moved.to, Some(&a)));
//!
//! // Whatever moves when b joins, moves to b.
//! let mut moves = 0;
//! assignment.change(&[b.clone()], &[], |moved| {
//!     assert_eq!((moved.from, moved.to), (Some(&a), Some(&b)));
//!     moves += 1;
//! });
//! assert_eq!(assignment.owned(&component, &b).count(), moves);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assignment;
pub mod audit;
pub mod handover;
mod key;
mod rank;

pub use assignment::{Assignment, Move, Placement, WhatIf, WhatIfError};
pub use audit::Audit;
pub use handover::Handover;
pub use key::{ComponentId, Key};
pub use rank::{NodeHash, Ranking, StableHasher};
