//! `testnet`: see [`testnet::cli`].

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// As in the binary `shoal`, and with the same settings, which come with the crate `node`: what runs
/// here as a node has to cost what a node costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Where jemalloc looks for other settings.
const SETTINGS: &str = "MALLOC_CONF";

/// Pages of 2 MiB. A thousand nodes in one process are far more than caches hold, and with pages of
/// 4 KiB each look at one of them is a look into the page table besides.
const HUGE_PAGES: &str = "thp:always,metadata_thp:auto";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let simulates = arguments.get(1).is_some_and(|command| command == "sim" || command == "tables");
    // jemalloc reads its settings before this function runs. Whoever has chosen some keeps them.
    if simulates && std::env::var_os(SETTINGS).is_none() {
        let error = start_over(&arguments);
        // With nobody to read it there is nobody to tell; it works as well, but slower.
        drop(writeln!(std::io::stderr(), "testnet: no huge pages: {error}"));
    }
    testnet::cli::main_from(arguments)
}

/// Becomes this program with the same arguments and huge pages, or says why that cannot be.
fn start_over(arguments: &[OsString]) -> std::io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    Command::new(program).args(arguments.iter().skip(1)).env(SETTINGS, HUGE_PAGES).exec()
}
