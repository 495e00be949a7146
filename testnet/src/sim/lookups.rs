//! What a node was told of its seeds, and when.

use std::time::Duration;

/// The lookups of one life of a node.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// When the one began that is under way, if one is.
    begun: Option<Duration>,
    /// Since when all answers told of all seeds, if the last one did.
    whole_since: Option<Duration>,
    /// How long they did before.
    whole_before: Duration,
}

impl Lookups {
    /// A lookup begins now, unless one is under way; whether it does.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        let begins = self.begun.is_none();
        self.begun.get_or_insert(now);
        begins
    }

    /// It is over, and told of all seeds, or did not.
    pub(super) fn end(&mut self, whole: bool, now: Duration) {
        let begun = self.begun.take().unwrap_or(now);
        if whole {
            self.whole_since.get_or_insert(now);
        } else if let Some(since) = self.whole_since.take() {
            self.whole_before += begun.saturating_sub(since);
        }
    }

    /// For how long the name server told of all seeds, if it does, and is not being asked.
    pub(super) fn known_for(&self, now: Duration) -> Option<Duration> {
        let since = self.whole_since.filter(|_| self.begun.is_none())?;
        Some(self.whole_before + now.saturating_sub(since))
    }
}
