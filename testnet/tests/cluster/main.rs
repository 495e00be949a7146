//! Nodes as real processes on loopback, with synthetic targets and the ledger.

mod audit;
mod continuity;
#[path = "../world/divergence.rs"]
mod divergence;
mod formation;
mod joining;
mod keyed;
mod moves;
mod outage;
#[path = "../world/pages.rs"]
mod pages;
mod sharing;
mod telemetry;
mod up;
mod warnings;
#[path = "../world/mod.rs"]
mod world;
