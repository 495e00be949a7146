//! Shoal: one node of the collector.
//!
//! The crate is the composition root: it joins the pure parts (membership, ownership, the
//! configuration language) and the collectors to sockets, files and clocks.
//!
//! * [`cli`] turns a command line into what is run; `shoal` and the test world both enter there;
//! * [`cluster`] is the event loop that drives the membership core over UDP and the peer API;
//! * [`graph`] is the component graph: what the configuration describes, running;
//! * [`components`] are the kinds of components, [`config`] the blocks that are none;
//! * [`mod@core`] is one node's mind, pure: membership and ownership composed;
//! * [`deliveries`] is where destinations of one name on several nodes find each other;
//! * [`pages`] turns what is known into HTML;
//! * [`server`] is the HTTP surface: probes, Alloy's JSON, Shoal's own API, pages;
//! * [`telemetry`] is what Shoal says about itself: metrics, log lines, profiles.

pub mod cli;
pub mod cluster;
pub mod components;
pub mod config;
pub mod core;
pub mod deliveries;
pub mod graph;
pub mod pages;
pub mod server;
pub mod telemetry;
mod wire;
