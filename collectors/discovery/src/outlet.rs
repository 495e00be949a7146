//! How a source tells what it found.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// A discovery exports at most this often: each export re-evaluates what depends on it.
pub const EXPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Until a source has answered once it is asked at least this often.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The writing end of a source.
#[derive(Debug)]
pub struct Publisher<T> {
    exports: watch::Sender<Option<T>>,
    status: watch::Sender<Status>,
    interval: Duration,
    /// Before this instant nothing goes out.
    next: Instant,
    /// What goes out then.
    pending: Option<T>,
}

/// The reading end of a source.
#[derive(Debug, Clone)]
pub struct Subscription<T> {
    /// The last snapshot; `None` until the source has answered for the first time.
    pub exports: watch::Receiver<Option<T>>,
    /// How the source is doing; it changes at once, and with each refresh.
    pub status: watch::Receiver<Status>,
}

/// How a source is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether the last refresh worked.
    pub health: Health,
    /// When the source answered last.
    pub refreshed: Option<SystemTime>,
    /// Refreshes so far that worked.
    pub refreshes: u64,
    /// Refreshes so far that failed, at least in part.
    pub failures: u64,
}

/// Whether a source works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// It has not answered yet.
    #[default]
    Unknown,
    /// The last refresh worked.
    Healthy,
    /// The last refresh failed, at least in part; what is exported is the last that is known.
    Unhealthy(String),
}

/// The two ends of a source whose snapshots go out at most once an `interval`: at once when
/// something changed, and then not again before the interval is over.
pub fn channel<T>(interval: Duration) -> (Publisher<T>, Subscription<T>) {
    let (exports, exported) = watch::channel(None);
    let (status, told) = watch::channel(Status::default());
    let publisher = Publisher { exports, status, interval, next: Instant::now(), pending: None };
    (publisher, Subscription { exports: exported, status: told })
}

impl<T: Clone + PartialEq> Publisher<T> {
    /// How long to wait before the next refresh: not the whole interval while nothing is known.
    pub(crate) fn pause(&self, refresh_interval: Duration) -> Duration {
        let known = self.exports.borrow().is_some();
        if known { refresh_interval } else { refresh_interval.min(FIRST_RETRY) }
    }

    /// Publishes a snapshot, now or when the interval is over; nothing happens if it is the one that
    /// is out already.
    pub(crate) fn offer(&mut self, snapshot: T) {
        if self.exports.borrow().as_ref() == Some(&snapshot) {
            self.pending = None;
            return;
        }
        self.pending = Some(snapshot);
        if Instant::now() >= self.next {
            self.flush();
        }
    }

    /// The refresh worked.
    pub(crate) fn healthy(&self) {
        self.status.send_modify(|status| {
            status.health = Health::Healthy;
            status.refreshed = Some(SystemTime::now());
            status.refreshes += 1;
        });
    }

    /// The refresh failed; `in_part` when some of it worked. Whether the reason is another than before:
    /// a log that tells each failure fills up, and where it is in a directory that is watched, each line
    /// of it is a reason to look again.
    pub(crate) fn unhealthy(&self, reason: String, in_part: bool) -> bool {
        let health = Health::Unhealthy(reason);
        let news = self.status.borrow().health != health;
        self.status.send_modify(|status| {
            status.health = health;
            status.failures += 1;
            if in_part {
                status.refreshed = Some(SystemTime::now());
            }
        });
        news
    }

    /// Waits for something else, and meanwhile lets out what is due.
    pub(crate) async fn during<F: Future>(&mut self, waiting: F) -> F::Output {
        let mut waiting = std::pin::pin!(waiting);
        while self.pending.is_some() {
            tokio::select! {
                biased;
                output = &mut waiting => return output,
                () = tokio::time::sleep_until(self.next) => self.flush(),
            }
        }
        waiting.await
    }

    fn flush(&mut self) {
        if let Some(snapshot) = self.pending.take() {
            self.exports.send_replace(Some(snapshot));
            self.next = Instant::now() + self.interval;
        }
    }
}
