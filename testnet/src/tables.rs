//! The figures of membership, measured in the simulator and printed as tables.
//!
//! Each experiment is a world of its own, single-threaded and determined by its seed; independent
//! ones run on all cores.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::goals::Goals;

mod detection;
mod experiment;
mod healing;
mod lifeguard;
mod render;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use render::{Grid, quantile};

/// `testnet tables`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// How much is done for it.
    #[arg(long, value_enum, default_value_t = Scale::Full)]
    pub scale: Scale,
    /// Only these, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "TABLE")]
    pub only: Vec<Table>,
    /// What everything random follows from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Of healing only how two halves that were apart for so long become one again.
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration)]
    pub apart: Option<Duration>,
    /// How many nodes these have together, 1000 unless told; and of idle traffic only this row. A day of
    /// a thousand takes hours, and the row of five thousand 20 GB.
    #[arg(long)]
    pub nodes: Option<usize>,
}

/// How large the worlds are, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Small worlds and few repetitions, to see that it works: seconds.
    Quick,
    /// Worlds of the full size, few of them: about ten minutes on two cores.
    Short,
    /// All of them: hours.
    Full,
}

impl Scale {
    /// What belongs to this scale.
    fn pick<T>(self, quick: T, short: T, full: T) -> T {
        match self {
            Scale::Quick => quick,
            Scale::Short => short,
            Scale::Full => full,
        }
    }
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// The interval and threshold experiments of the Lifeguard paper.
    Lifeguard,
    /// How long until a death is known, against the number of nodes.
    Detection,
    /// What idling costs, against the number of nodes.
    Traffic,
    /// How long a cluster that was parted takes to be one, and one that was restarted as a whole.
    Healing,
}

impl Table {
    /// All tables, in the order in which they are printed.
    pub const ALL: [Table; 4] =
        [Table::Lifeguard, Table::Detection, Table::Traffic, Table::Healing];
}

/// Measures and prints.
///
/// # Errors
/// When nothing can be printed, a cluster does not even form, or, after all is printed, when a goal was missed.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    print(arguments, &mut std::io::stdout().lock())
}

fn print(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let mut goals = Goals::default();
    for table in Table::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&table) {
            continue;
        }
        match table {
            Table::Lifeguard => lifeguard::print(arguments, &mut goals, out)?,
            Table::Detection => detection::print(arguments, &mut goals, out)?,
            Table::Traffic => traffic::print(arguments, &mut goals, out)?,
            Table::Healing => healing::print(arguments, &mut goals, out)?,
        }
        out.flush()?;
    }
    goals.met()
}
