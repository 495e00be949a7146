//! What can happen to a cluster.

use std::time::Duration;

use clap::ValueEnum as _;

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Every node is restarted, one after the other.
    RollingRestart,
    /// Three nodes become twelve, and three again.
    Scale,
    /// The configuration changes where no target is concerned.
    ReloadUnrelated,
    /// The configuration gives half of the targets another label.
    ReloadRelabel,
    /// One node of five is killed.
    Kill,
    /// The backend is away, while five nodes become two, of which one is killed and restarted.
    BackendAway,
    /// Two nodes of five are cut off from the other three, and found again.
    Partition,
    /// The clocks of the nodes differ by 200 ms, and every node is restarted.
    Skew,
    /// The link to one node comes and goes.
    Flapping,
}

impl Scenario {
    /// How many nodes there are at first.
    pub fn nodes(self) -> usize {
        if self == Self::Scale { 3 } else { 5 }
    }

    /// How many nodes there must be for it to happen at all.
    pub fn least_nodes(self) -> usize {
        match self {
            // Who leaves or is killed needs somebody to take over; a link has two ends.
            Self::RollingRestart | Self::Kill | Self::BackendAway | Self::Flapping => 2,
            // Two of five, rounded down, are cut off from the others.
            Self::Partition => 3,
            Self::Scale | Self::ReloadUnrelated | Self::ReloadRelabel => 1,
            // Clocks differ between two.
            Self::Skew => 2,
        }
    }

    /// Refuses a cluster that is too small for it.
    ///
    /// # Errors
    ///
    /// When there are fewer nodes than [`Self::least_nodes`].
    pub fn check_nodes(self, nodes: usize) -> anyhow::Result<()> {
        let least = self.least_nodes();
        let name = self.to_possible_value();
        let name = name.as_ref().map_or("", |name| name.get_name());
        anyhow::ensure!(nodes >= least, "--nodes must be at least {least} for {name}");
        Ok(())
    }

    /// How long the network is broken, or the backend away, unless told: as the promise is made, at the
    /// usual interval of 15 s, and shorter where targets are scraped more often.
    pub fn outage(self, interval: Duration) -> Duration {
        let usual = interval >= Duration::from_secs(15);
        Duration::from_secs(match (self, usual) {
            (Self::BackendAway, true) => 30 * 60,
            (Self::Flapping, true) => 10 * 60,
            (_, true) => 5 * 60,
            (Self::BackendAway, false) => 60,
            (_, false) => 20,
        })
    }

    /// Whether every node needs a host of its own, with links that can be cut.
    pub fn needs_hosts(self) -> bool {
        matches!(self, Self::Partition | Self::Flapping)
    }
}
