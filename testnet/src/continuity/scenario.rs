//! What can happen to a cluster.

use std::time::Duration;

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
