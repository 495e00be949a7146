//! The HTTP surface of a node: probes, metrics, profiles, Alloy's JSON, Shoal's own API, the peer
//! API, and pages.
//!
//! One listener serves HTTP/1.1 and HTTP/2 (with and without TLS); connections from within the
//! process arrive beside it. Every body and every wait is bounded.

mod api;
mod asked;
mod auth;
mod browse;
pub mod components;
mod compress;
pub mod config;
mod context;
mod listen;
mod measure;
mod pace;
mod peer;
mod probes;
mod profile;
mod reply;
mod router;
pub(crate) mod tls;

#[cfg(test)]
mod tests;

pub use api::audit::Audit;
pub use api::check::{Check, Path, Paths};
pub use api::cluster::{Cluster, Peer, Seed};
pub use api::explain::{Explanation, History};
pub use api::moves::{Move, Moves};
pub use api::status::{Queue, Status};
pub use api::what_if::WhatIf;
pub use context::{Context, Phase};
pub use listen::{Serve, serve};
#[cfg(fuzzing)]
pub use peer::read_as_everything;
