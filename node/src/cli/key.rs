//! `shoal key`: the keys of a cluster.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::console;
use crate::cluster::keys;

/// What to do with keys.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a new key, as a line for the file of --cluster.key-file.
    New,
    /// Print the ids of the keys in a file, which logs and metrics show, that of the one which
    /// seals first.
    Ids {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        match &self.command {
            Command::New => console::print(&format!("{}\n", keys::fresh())),
            Command::Ids { file } => match keys::read(file) {
                Ok(keyring) => {
                    let mut out = String::new();
                    for id in keyring.ids() {
                        // Writing to a string cannot fail.
                        let _ = writeln!(out, "{id}");
                    }
                    console::print(&out)
                }
                Err(error) => console::fail(&format!("{:#}", anyhow::Error::from(error))),
            },
        }
    }
}
