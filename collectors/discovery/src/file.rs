//! Targets from JSON and YAML files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::Labels;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::group::{self, Format};
use crate::outlet::Publisher;
use crate::watcher::Hints;
use crate::{ConfigError, Targets, at_least};

mod pattern;
#[cfg(test)]
mod tests;

use pattern::Pattern;

/// A file of targets larger than this is a wrong file.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// The settings of a [`FileDiscovery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Paths that end in `.json`, `.yml` or `.yaml`. The last element may contain one `*`, which
    /// stands for any characters.
    pub files: Vec<String>,
    /// How often the files are read even if nobody says that they changed.
    pub refresh_interval: Duration,
}

/// Reads target groups from files, and again when they change.
///
/// Each target carries `__meta_filepath`. A file that cannot be read or parsed keeps the targets it had,
/// and is named in the health; a file that is gone takes its targets along.
#[derive(Debug)]
pub struct FileDiscovery {
    patterns: Vec<Pattern>,
    refresh_interval: Duration,
}

type Files = BTreeMap<PathBuf, Result<Vec<Labels>, String>>;

impl FileDiscovery {
    /// Checks the settings; reads nothing.
    ///
    /// # Errors
    ///
    /// The first path that is not one of target files, or an interval of zero.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        at_least(config.refresh_interval, "refresh_interval")?;
        if config.files.is_empty() {
            return Err(ConfigError::Empty("files"));
        }
        let patterns = config.files.iter().map(|path| Pattern::parse(path));
        Ok(Self {
            patterns: patterns.collect::<Result<_, _>>()?,
            refresh_interval: config.refresh_interval,
        })
    }

    /// Publishes until it is told to stop.
    pub async fn run(self, mut publisher: Publisher<Targets>, stop: CancellationToken) {
        let patterns: Arc<[Pattern]> = self.patterns.into();
        let directories: BTreeSet<PathBuf> =
            patterns.iter().map(|pattern| pattern.directory().to_owned()).collect();
        let mut hints = Hints::of_the_system();
        let mut known = BTreeMap::new();
        loop {
            // Before reading: what changes after the look at a file is seen by the watch.
            hints.watch(directories.clone());
            let patterns = Arc::clone(&patterns);
            let read = tokio::task::spawn_blocking(move || read_all(&patterns));
            tokio::select! {
                () = stop.cancelled() => return,
                read = publisher.during(read) => match read {
                    Ok(found) => publish(&mut publisher, &mut known, found),
                    Err(error) => publish(&mut publisher, &mut known, Err(error.to_string())),
                }
            }
            let pause = publisher.pause(self.refresh_interval);
            let next = async {
                tokio::select! {
                    () = hints.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = publisher.during(next) => {}
            }
        }
    }
}

/// Takes over what could be read, keeps what is known of the rest, and tells both.
fn publish(
    publisher: &mut Publisher<Targets>,
    known: &mut BTreeMap<PathBuf, Vec<Labels>>,
    found: Result<Files, String>,
) {
    let found = match found {
        Ok(found) => found,
        Err(reason) => {
            if publisher.unhealthy(reason.clone(), false) {
                warn!(%reason, "cannot look for files of targets; keeping the last ones");
            }
            return;
        }
    };
    known.retain(|path, _| found.contains_key(path));
    let mut broken = Vec::new();
    for (path, result) in found {
        match result {
            Ok(targets) => {
                known.insert(path, targets);
            }
            Err(reason) => broken.push(format!("{}: {reason}", path.display())),
        }
    }
    // With broken files alone there is nothing that could be called a snapshot.
    if !known.is_empty() || broken.is_empty() {
        publisher.offer(known.values().flatten().cloned().collect());
    }
    if broken.is_empty() {
        publisher.healthy();
    } else {
        let reason = broken.join("; ");
        if publisher.unhealthy(reason.clone(), !known.is_empty()) {
            warn!(%reason, "cannot use files of targets");
        }
    }
}

/// Reads every file that a pattern means. It blocks.
fn read_all(patterns: &[Pattern]) -> Result<Files, String> {
    let mut files = Files::new();
    for pattern in patterns {
        let (paths, format) = (pattern.matches()?, pattern.format());
        for path in paths {
            if let Some(result) = read(&path, format) {
                files.insert(path, result);
            }
        }
    }
    Ok(files)
}

/// The targets of one file; `None` when there is no such file.
fn read(path: &Path, format: Format) -> Option<Result<Vec<Labels>, String>> {
    use std::io::Read;

    let mut document = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut document));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.to_string())),
        Ok(size) if size as u64 > MAX_FILE => {
            return Some(Err(format!("it is larger than {MAX_FILE} bytes")));
        }
        Ok(_) => {}
    }
    let shown = path.to_string_lossy();
    Some(group::parse(&document, format, &[("__meta_filepath", &shown)]))
}
