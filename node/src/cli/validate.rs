//! `shoal validate`: everything that can be said of a configuration without running it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum as _};

use super::{Stability, console, host};
use crate::components::Registry;

/// What to check.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A configuration file, or a directory whose *.alloy files are read as one.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,

    /// The least stable features that may be used.
    #[arg(
        long = "stability.level",
        value_name = "LEVEL",
        default_value = "generally-available",
        value_parser = |text: &str| Stability::from_str(text, false)
    )]
    stability: Stability,
}

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        let registry = Registry::shoal();
        let stability = self.stability.into();
        match crate::graph::validate(&self.config, &registry, &host::host(), stability) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problems) => console::fail(&problems.to_string()),
        }
    }
}
