//! The wall clock, which tests replace by the runtime's.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's.
    System,
    /// One that goes with the runtime, so that it stands still where the runtime does.
    Runtime {
        /// The time at `since`.
        origin: i64,
        /// When the time was `origin`.
        since: Instant,
    },
}

impl Clock {
    /// The time. Before 1970 it is 0.
    pub fn now(self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_millis()).ok())
                .unwrap_or_default(),
            Self::Runtime { origin, since } => {
                let elapsed = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
                origin.saturating_add(elapsed)
            }
        }
    }
}
