//! Waiting for what another process does.

use std::time::Duration;

use anyhow::Context;

/// How often a condition of another process is looked at.
const RHYTHM: Duration = Duration::from_millis(50);

/// Looks at a condition until it holds, and returns what it found.
///
/// # Errors
///
/// When it does not hold within `patience`: what was waited for, and why it did not hold last.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut last = None;
    let found = async {
        let mut rhythm = tokio::time::interval(RHYTHM);
        rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rhythm.tick().await;
            match look().await {
                Ok(found) => return found,
                Err(error) => last = Some(error),
            }
        }
    };
    match tokio::time::timeout(patience, found).await {
        Ok(found) => Ok(found),
        Err(_) => Err(last.unwrap_or_else(|| anyhow::anyhow!("no answer at all")))
            .with_context(|| format!("waited {} s for {what}", patience.as_secs_f32())),
    }
}
