//! Fetching: a due target becomes profiles.
//!
//! A target moves from node to node as `model::Seal` says. Its payload is the last profile of each kind
//! that is a sum since the start of the program, which the next one is told apart from; without it the next
//! owner begins with a profile that it does not send. `last_tick` is the last fetch, and no checkpoints are
//! needed: after a crash one difference is missing.
