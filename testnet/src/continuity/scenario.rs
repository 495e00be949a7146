//! What can happen to a cluster.

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

    /// Whether every node needs a host of its own, with links that can be cut.
    pub fn needs_hosts(self) -> bool {
        matches!(self, Self::Partition | Self::Flapping)
    }
}
