//! A hint that something in a directory changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::{debug, warn};

/// Writers touch a file several times in a row; one look behind them is enough.
const SETTLE: Duration = Duration::from_millis(50);

/// Watches directories. It is only a hint: whoever uses it looks again now and then anyway, because
/// network file systems tell nothing and the system's watches are limited.
#[derive(Debug)]
pub struct Hints {
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Hints {
    /// No hints: changes are found by looking.
    pub fn none() -> Self {
        Self { changed: Arc::default(), watcher: None, watched: BTreeSet::new() }
    }

    /// The system's hints, as far as it gives any.
    pub fn of_the_system() -> Self {
        let mut hints = Self::none();
        let changed = Arc::clone(&hints.changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // To have been opened or read is no change, and we are the reader; to be closed by a
            // writer is its last one.
            let writer_done = EventKind::Access(AccessKind::Close(AccessMode::Write));
            let only_read = event.is_ok_and(|event| {
                matches!(event.kind, EventKind::Access(_)) && event.kind != writer_done
            });
            if !only_read {
                changed.notify_one();
            }
        });
        match watcher {
            Ok(watcher) => hints.watcher = Some(watcher),
            Err(error) => warn!(%error, "cannot watch files; changes are found by polling"),
        }
        hints
    }

    /// Watches exactly these directories. One that is missing is tried again with the next call.
    pub fn watch(&mut self, directories: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(&directories) {
            // It may have vanished, and its watch with it.
            if let Err(error) = watcher.unwatch(gone) {
                debug!(directory = %gone.display(), %error, "stopped watching");
            }
        }
        self.watched.retain(|directory| directories.contains(directory));
        for directory in directories {
            // A directory that was replaced by another of the same name needs a new watch, and
            // to watch twice is harmless.
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(directory);
                }
                Err(error) => debug!(directory = %directory.display(), %error, "cannot watch"),
            }
        }
    }

    /// Waits until something may have changed, and has settled.
    pub async fn changed(&self) {
        self.changed.notified().await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// The directory that holds a file.
pub fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
