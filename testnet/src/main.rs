//! `testnet`: see [`testnet::cli`].

use std::process::ExitCode;

/// As in the binary `shoal`, and with the same settings, which come with the crate `node`: what runs
/// here as a node has to cost what a node costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    testnet::cli::main_from(std::env::args_os())
}
