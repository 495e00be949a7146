//! What was measured beside what is wanted.

use std::fmt;
use std::time::Duration;

use super::contender::Contender;
use super::figures::Figures;
use super::parts::Parts;

/// A figure and its goal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    what: String,
    found: f64,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn new(what: impl Into<String>, found: f64, bound: Bound) -> Self {
        Self { what: what.into(), found, bound }
    }

    /// What is no number meets nothing.
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.found <= most,
            Bound::AtLeast(least) => self.found >= least,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, bound) = match self.bound {
            Bound::AtMost(most) => ("at most", most),
            Bound::AtLeast(least) => ("at least", least),
        };
        let Self { what, found, .. } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        write!(f, "{what}: {found:.3}, goal {words} {bound}: {verdict}")
    }
}

/// The goals under one load, as far as the programs were measured that they compare with.
pub(super) fn of_load(figures: &[Figures]) -> Vec<Goal> {
    let of = |program| figures.iter().find(|figures| figures.program == program);
    let Some(shoal) = of(Contender::Shoal) else { return Vec::new() };
    let (prometheus, vmagent) = (of(Contender::Prometheus), of(Contender::Vmagent));
    let mut goals = Vec::new();
    let mut goal = |what: &str, found, most| {
        goals.push(Goal::new(format!("{}, {what}", shoal.load), found, Bound::AtMost(most)));
    };
    if let (Some(prometheus), Some(vmagent)) = (prometheus, vmagent) {
        let better = prometheus.cpu_per_million().min(vmagent.cpu_per_million());
        goal("CPU over the better of the others", shoal.cpu_per_million() / better, 0.5);
    }
    let memory = |other: &Figures| shoal.bytes_per_series() / other.bytes_per_series();
    if let Some(prometheus) = prometheus {
        goal("memory over Prometheus agent's", memory(prometheus), 0.25);
    }
    if let Some(vmagent) = vmagent {
        goal("memory over vmagent's", memory(vmagent), 1.0);
    }
    goals
}

/// The goals of a node on its own.
pub(super) fn of_node(parts: Parts, ready: Duration) -> Vec<Goal> {
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    vec![
        Goal::new("start to ready, ms", millis(ready), Bound::AtMost(200.0)),
        Goal::new("parser, MB/s", parts.parser, Bound::AtLeast(500.0)),
        Goal::new("a join, ms", millis(parts.join), Bound::AtMost(50.0)),
    ]
}

/// Fails when a goal is missed, naming each.
///
/// # Errors
///
/// Every goal that is missed, a line each.
pub(super) fn judge(goals: &[Goal]) -> anyhow::Result<()> {
    let missed: Vec<String> =
        goals.iter().filter(|goal| !goal.is_met()).map(|goal| format!("\n  {goal}")).collect();
    let (count, of) = (missed.len(), goals.len());
    anyhow::ensure!(missed.is_empty(), "{count} of {of} goals missed:{}", missed.concat());
    Ok(())
}
