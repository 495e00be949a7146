//! Nodes as real processes on loopback, with synthetic targets and the ledger.

mod formation;
mod sharing;
#[path = "../world/mod.rs"]
mod world;
