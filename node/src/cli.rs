//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

mod flags;
mod options;

pub use options::{Options, Stability};

/// Runs what a command line asks for; the first argument is the program's name.
pub fn main_from(_arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::FAILURE
}
