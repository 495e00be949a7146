//! Logs of components that the configuration has no more.
//!
//! Where such a component wrote to, and with which password, is not known any more, so what it left
//! cannot be sent. It is kept for as long as its frames would have been tried, in case the component
//! comes back, and is removed then.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use delivery::{Left, LogConfig, Orphan};
use tracing::{info, warn};

use super::PrometheusRemoteWrite;
use crate::components::Kind;

/// How long an empty log is kept: it may be that of a component whose import is late.
const EMPTY_FOR: Duration = Duration::from_secs(3600);

/// How deep components lie within each other at most.
const DEEPEST: usize = 16;

/// Removes what is too old of the logs of components that are not among `known`; how many. It
/// blocks. Logs in use are left alone.
pub fn sweep(storage: &Path, known: &BTreeSet<String>) -> usize {
    let mut removed = 0;
    for directory in abandoned(storage, storage, known, 0) {
        let orphans = delivery::orphans(&directory, &[]);
        removed += orphans.iter().filter(|orphan| look_after(orphan)).count();
        // Fails as long as there is something in it.
        let _ = fs::remove_dir(&directory);
    }
    removed
}

/// Whether it was removed.
fn look_after(orphan: &Orphan) -> bool {
    let (directory, endpoint) = (orphan.directory.display(), &orphan.name);
    let Left { frames, samples, bytes } = orphan.left;
    let keep = if frames == 0 { EMPTY_FOR } else { LogConfig::default().max_age };
    if orphan.idle <= keep {
        if frames > 0 {
            warn!(%directory, endpoint, frames, samples, bytes, ?keep,
                "a log belongs to no component any more; it is kept for a while");
        }
        return false;
    }
    match orphan.remove() {
        Ok(()) if frames == 0 => info!(%directory, "removed an empty log of no component"),
        Ok(()) => warn!(%directory, endpoint, frames, samples, bytes,
            "removed a log that belongs to no component"),
        Err(error) => {
            warn!(%directory, %error, "could not remove a log of no component");
            return false;
        }
    }
    true
}

/// The folders of components of this kind that are not known, within a folder of `storage`: their
/// places are their names.
fn abandoned(
    storage: &Path,
    folder: &Path,
    known: &BTreeSet<String>,
    depth: usize,
) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if path.file_name().is_some_and(is_of_this_kind) {
            let id = path.strip_prefix(storage).ok().and_then(Path::to_str);
            found.extend(id.is_none_or(|id| !known.contains(id)).then_some(path));
        } else if depth < DEEPEST {
            found.extend(abandoned(storage, &path, known, depth + 1));
        }
    }
    found
}

fn is_of_this_kind(name: &OsStr) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(PrometheusRemoteWrite::NAME));
    rest.is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use delivery::{Destination, EndpointConfig};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Leaves a log of a component behind, with a sample or without, to which nothing has happened
    /// for a while.
    async fn leave(storage: &Path, component: &str, sample: bool, idle: Duration) {
        let config = EndpointConfig::new("x", "http://127.0.0.1:1/".parse().expect("a URL"));
        let directory = storage.join(component).join(config.directory_name());
        fs::create_dir_all(&directory).expect("a directory");
        let client = client::Client::new(&client::Config::default()).expect("a client");
        let destination = Destination::open(&directory, config, client).expect("a log");
        let (input, stop) = (destination.input(), CancellationToken::new());
        if sample {
            let mut batch = model::Batch::default();
            let labels = model::Labels::from_pairs([("__name__", "up")]);
            batch.push(labels.borrowed(), 1_000, 1.0);
            input.send(Arc::new(batch)).await.expect("it is open");
        }
        stop.cancel();
        let left = Box::pin(destination.run(stop, Duration::ZERO)).await;
        assert_eq!(left.frames, u64::from(sample));
        let cursor = fs::File::options().write(true).open(directory.join("cursor"));
        let at = SystemTime::now() - idle;
        cursor.and_then(|cursor| cursor.set_modified(at)).expect("a cursor");
    }

    #[tokio::test]
    async fn logs_of_former_components_go_when_nobody_has_come_back_for_them() {
        const HOUR: Duration = Duration::from_secs(3600);
        let storage = tempfile::tempdir().expect("a directory");
        let of = |name: &str| format!("prometheus.remote_write.{name}");
        for (name, sample, idle) in [
            ("known", true, 100 * HOUR),
            ("old", true, 9 * HOUR),
            ("young", true, 7 * HOUR),
            ("empty", false, 2 * HOUR),
            ("fresh", false, HOUR / 2),
        ] {
            leave(storage.path(), &of(name), sample, idle).await;
        }
        let inside = format!("mine.prod/{}", of("old"));
        leave(storage.path(), &inside, true, 9 * HOUR).await;
        leave(storage.path(), "prometheus.other.old", true, 9 * HOUR).await;
        let known = BTreeSet::from([of("known")]);
        assert_eq!(sweep(storage.path(), &known), 3);
        let there = |component: &str| storage.path().join(component).exists();
        for gone in [of("old"), of("empty"), inside] {
            assert!(!there(&gone), "{gone}");
        }
        for kept in [of("known"), of("young"), of("fresh"), "prometheus.other.old".to_owned()] {
            assert!(there(&kept), "{kept}");
        }
        // Looking at it is nothing that happens to it.
        assert_eq!(sweep(storage.path(), &known), 0);
        assert_eq!(sweep(storage.path(), &BTreeSet::new()), 1, "the known one is old, too");
    }
}
