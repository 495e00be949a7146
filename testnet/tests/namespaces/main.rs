//! Nodes as real processes on hosts of their own: network namespaces on a bridge, with packets that are
//! dropped, cables that are pulled, and a name server.
//! `cargo test -p testnet --features real-programs --test namespaces`, as root on Linux; a program
//! that is missing fails the suite with the line that installs it.

mod lab;
mod names;
mod partitions;
mod paths;
mod pods;
mod server;
