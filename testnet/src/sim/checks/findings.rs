//! What was found to be wrong.

use std::time::Duration;

/// The most violations that are told; there is no end to what follows from one.
const TOLD: usize = 20;

/// Violations, each with its time.
#[derive(Debug, Default)]
pub struct Findings {
    pub(super) now: Duration,
    violations: Vec<String>,
}

impl Findings {
    /// The first of them, in order.
    pub fn told(&self) -> &[String] {
        &self.violations
    }

    /// Notes that a law does not hold.
    pub fn violate(&mut self, what: String) {
        if self.violations.len() < TOLD {
            self.violations.push(format!("at {:.3} s: {what}", self.now.as_secs_f64()));
        }
    }
}
