//! Figures that were measured beside what they are to be at most.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;

#[cfg(test)]
mod tests;

/// The goals that were missed so far. Measuring goes on when one is, so that all is printed.
#[derive(Debug, Default)]
pub(crate) struct Goals {
    missed: Vec<String>,
}

impl Goals {
    /// So many `what` are allowed.
    pub(crate) fn count(&mut self, what: impl fmt::Display, count: u64, limit: u64) {
        if count > limit {
            self.missed.push(format!("{what}: {count}, and the goal is {limit}"));
        }
    }

    /// That `what` may take so long; `None`: it did not come to pass.
    pub(crate) fn time(
        &mut self,
        what: impl fmt::Display,
        time: Option<Duration>,
        limit: Duration,
    ) {
        let figure = match time {
            Some(time) if time <= limit => return,
            Some(time) => format!("{:.2} s", time.as_secs_f64()),
            None => "never".to_owned(),
        };
        self.missed.push(format!("{what}: {figure}, and the goal is {limit:?}"));
    }

    /// That much of `unit` is allowed.
    pub(crate) fn amount(&mut self, what: impl fmt::Display, amount: f64, limit: f64, unit: &str) {
        if amount > limit {
            self.missed.push(format!("{what}: {amount:.2} {unit}, and the goal is {limit} {unit}"));
        }
    }

    /// # Errors
    /// When a goal was missed: which, each in a line.
    pub(crate) fn met(self) -> anyhow::Result<()> {
        ensure!(self.missed.is_empty(), "goals that were missed:\n{}", self.missed.join("\n"));
        Ok(())
    }
}
