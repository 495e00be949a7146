//! How long to wait before the next attempt.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::QueueConfig;

/// Pauses that double up to a bound, each somewhere in its upper half, so that senders that failed
/// together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) fn new(queue: &QueueConfig) -> Self {
        Self { next: queue.min_backoff, max: queue.max_backoff }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.max);
        pause.mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// When an endpoint wants to be asked again: it holds for all of its shards.
#[derive(Debug)]
pub(super) struct Hold(watch::Sender<Option<Instant>>);

impl Default for Hold {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Hold {
    pub(super) fn for_at_least(&self, wait: Duration) {
        // A tenth more at most: whoever was told the same does not come back in the same instant.
        let until = Instant::now() + wait.mul_f64(rand::random_range(1.0..=1.1));
        self.0.send_if_modified(|current| {
            let later = current.is_none_or(|current| current < until);
            if later {
                *current = Some(until);
            }
            later
        });
    }

    pub(super) async fn wait(&self) {
        loop {
            let until = *self.0.borrow();
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound() {
        let queue = QueueConfig {
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_millis(350),
            ..QueueConfig::default()
        };
        let mut backoff = Backoff::new(&queue);
        for most in [100, 200, 350, 350] {
            let pause = backoff.next();
            let most = Duration::from_millis(most);
            assert!(pause >= most / 2 && pause <= most, "{pause:?} of {most:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_hold_counts() {
        let hold = Hold::default();
        let begun = Instant::now();
        hold.wait().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        hold.for_at_least(Duration::from_secs(10));
        hold.for_at_least(Duration::from_secs(1));
        hold.wait().await;
        assert!(begun.elapsed() >= Duration::from_secs(10));
        assert!(begun.elapsed() <= Duration::from_secs(12));
    }
}
