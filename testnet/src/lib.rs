//! The world around Shoal: synthetic targets, ledgers that count what arrives, real node
//! processes, and the commands that put them together.
//!
//! * [`exporter`]: thousands of targets on one listener, far cheaper than what they measure;
//! * [`ledger`]: a remote-write receiver that remembers who stored which tick of which series;
//! * [`process`]: node processes and real programs that never outlive who started them;
//! * [`sim`]: many nodes in virtual time, over a simulated network with faults;
//! * [`tables`]: what membership costs and how fast it is, measured in that simulator;
//! * [`up`]: the README's first command, a whole cluster on loopback;
//! * [`continuity`]: what a graph shows while nodes come, go and die;
//! * [`mod@bench`]: Shoal beside Prometheus' agent and vmagent on the same pages.

pub mod bench;
pub mod cli;
pub mod continuity;
pub mod exporter;
mod goals;
pub mod ledger;
pub mod process;
pub mod sim;
pub mod tables;
pub mod up;
