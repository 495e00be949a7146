//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ask;
mod cluster;
mod console;
mod docs;
mod flags;
mod fmt;
mod host;
mod key;
mod life;
mod limits;
mod moves;
mod options;
mod run;
mod status;
#[cfg(test)]
mod tests;
mod validate;

pub use options::{Options, Stability};

/// A clustered telemetry collector.
#[derive(Debug, Parser)]
#[command(name = "shoal", version, about, propagate_version = true)]
struct Shoal {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node.
    #[command(args_override_self = true)]
    Run(Box<flags::Flags>),
    /// Format configuration files.
    Fmt(fmt::Arguments),
    /// Check a configuration without running it.
    Validate(validate::Arguments),
    /// Print what a running node says of itself.
    Status(status::Arguments),
    /// Make and show the keys of a cluster.
    Key(key::Arguments),
    /// Print the cluster as a running node sees it: peers, seeds, and what is wrong.
    Cluster(cluster::Arguments),
    /// Check the paths between a running node and its peers and seeds: TCP, UDP out, UDP in.
    Check(cluster::Arguments),
    /// Explain why a target is where it is, and how it got there.
    Explain(moves::ExplainArguments),
    /// Print which targets would move if a node left or joined.
    WhatIf(moves::WhatIfArguments),
    /// Print the reference of components.
    Docs(docs::Arguments),
}

/// Runs what a command line asks for; the first argument is the program's name.
///
/// The exit code is 0 when that was done, 1 when it could not be, and 2 when the command line
/// itself is wrong.
pub fn main_from(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Shoal::try_parse_from(arguments) {
        Ok(shoal) => shoal.command,
        Err(error) => {
            // Help and version come this way too. Nobody is left to tell when it cannot be printed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match command {
        Command::Run(flags) => match flags.options() {
            Ok(options) => run::run(options),
            Err(problems) => {
                console::complain(&problems);
                ExitCode::from(2)
            }
        },
        Command::Fmt(arguments) => arguments.run(),
        Command::Validate(arguments) => arguments.run(),
        Command::Status(arguments) => arguments.run(),
        Command::Cluster(arguments) => arguments.run(),
        Command::Check(arguments) => arguments.check(),
        Command::Key(arguments) => arguments.run(),
        Command::Explain(arguments) => arguments.run(),
        Command::WhatIf(arguments) => arguments.run(),
        Command::Docs(arguments) => arguments.run(),
    }
}
