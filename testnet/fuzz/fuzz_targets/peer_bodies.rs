//! Bodies of the peer API from anybody, those that no machine reads itself: what targets a node
//! collects, describes and did, what is pending, frames of a node that leaves, checks. Nothing panics,
//! memory is bounded, and what is read can be said again.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| node::server::read_as_everything(bytes));
