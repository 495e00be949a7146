//! Words for whoever typed the command.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Prints what was asked for. A reader that has gone away (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says what is wrong, on standard error.
pub(super) fn complain(problem: &str) {
    // Nobody is left to tell when that is closed.
    let _ = writeln!(io::stderr().lock(), "{}", problem.trim_end());
}

/// Says what is wrong and fails.
pub(super) fn fail(problem: &str) -> ExitCode {
    complain(problem);
    ExitCode::FAILURE
}
