//! How a component is doing.

use std::time::SystemTime;

/// The state of a component. The order is from best to worst, so the worst of several is their
/// maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// It runs and does its work.
    Healthy,
    /// It has not been evaluated or started yet.
    Unknown,
    /// It runs, but something is wrong; the message says what.
    Unhealthy,
    /// It has stopped, and only a change of its arguments starts it again.
    Exited,
}

impl HealthState {
    /// The word that the HTTP API and the metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
            Self::Exited => "exited",
        }
    }

    /// Every state, for gauges that count components by state.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Unknown, Self::Unhealthy, Self::Exited];
}

/// The health of a component, why, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub state: HealthState,
    /// Why, for people.
    pub message: String,
    /// When it came to be so.
    pub updated: SystemTime,
}

impl Health {
    /// A state that begins now.
    pub fn now(state: HealthState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), updated: SystemTime::now() }
    }

    /// Works since now.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self::now(HealthState::Healthy, message)
    }

    /// Does not work since now.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::now(HealthState::Unhealthy, message)
    }

    /// Not known yet.
    pub fn unknown() -> Self {
        Self::now(HealthState::Unknown, "component evaluated")
    }

    /// The worse of two; of equals, the one that is newer.
    pub fn worse(self, other: Self) -> Self {
        let key = |health: &Self| (health.state, health.updated);
        if key(&self) >= key(&other) { self } else { other }
    }
}
