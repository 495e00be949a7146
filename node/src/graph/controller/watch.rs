//! Noticing that an imported file changed.

use std::path::Path;
use std::sync::Arc;

use discovery::{Hints, directory_of};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Controller;
use crate::graph::imports::{FileState, Watched, file_state};
use crate::graph::live::FileWatch;

impl Controller {
    /// Watches a file for a node, if it is not watched already.
    pub(super) fn watch_file(&mut self, index: usize, watched: Option<(Watched, FileState)>) {
        let live = &mut self.live[index];
        let wanted = watched.as_ref().map(|(watched, _)| watched);
        if live.watch.as_ref().map(|watch| &watch.watched) == wanted {
            return;
        }
        live.watch = watched.map(|(watched, mut seen)| {
            let (touch, touched) = watch::channel(0);
            let cancel = CancellationToken::new();
            let (stop, changed) = (cancel.clone(), Arc::clone(&self.changed));
            let look = watched.clone();
            self.tasks.spawn(async move {
                let mut hints = if look.hints { Hints::of_the_system() } else { Hints::none() };
                // The path itself too, if it is a directory.
                let directories = [directory_of(&look.path), look.path.clone()];
                loop {
                    // Before looking: what changes after the look is seen by the watch.
                    hints.watch(directories.iter().filter(|path| path.is_dir()).cloned().collect());
                    let now = state(&look.path).await;
                    if now != seen {
                        seen = now;
                        touch.send_modify(|times| *times += 1);
                        changed.notify_one();
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = hints.changed() => {}
                        () = tokio::time::sleep(look.frequency) => {}
                    }
                }
            });
            FileWatch { watched, touched, cancel }
        });
    }
}

async fn state(path: &Path) -> FileState {
    let path = path.to_owned();
    // Only a panic could end it early, and then the next look tells.
    tokio::task::spawn_blocking(move || file_state(&path)).await.unwrap_or_default()
}
