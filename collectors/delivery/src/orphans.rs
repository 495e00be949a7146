//! Logs that no endpoint has any more: what was left when an endpoint was renamed or removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{EndpointConfig, LogConfig};
use crate::destination::{Left, replicas};
use crate::label::{read_label, url_of};
use crate::log::Log;
use crate::telemetry::Telemetry;

/// A log that belongs to no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Where it is.
    pub directory: PathBuf,
    /// What its endpoint was called.
    pub name: String,
    /// A hash of the URL that it was for.
    url: u64,
    /// What it holds.
    pub left: Left,
    /// How long ago something was last written to it or delivered from it.
    pub idle: Duration,
}

impl Orphan {
    /// Whether it was for the URL of this endpoint, which then may go on with it.
    pub fn is_for(&self, config: &EndpointConfig) -> bool {
        self.url == url_of(config)
    }

    /// Removes it from the disk with all it holds.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn remove(&self) -> std::io::Result<()> {
        fs::remove_dir_all(&self.directory)
    }
}

/// The logs in `parent` whose directories are not among `wanted`. Those that are in use, by an
/// endpoint that is still ending, are left out, and so is what is no log. It blocks.
pub fn orphans(parent: &Path, wanted: &[String]) -> Vec<Orphan> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<Orphan> = entries
        .flatten()
        .filter(|entry| !wanted.iter().any(|name| entry.file_name() == name.as_str()))
        .filter_map(|entry| look(entry.path()))
        .collect();
    found.sort_by(|a, b| a.directory.cmp(&b.directory));
    found
}

fn look(directory: PathBuf) -> Option<Orphan> {
    let (name, url) = read_label(&directory).unwrap_or_default();
    let (mut left, mut changed) = contents(&directory, None)?;
    for replica in replicas(&directory) {
        // One in use: so is the whole.
        let (adopted, at) = contents(&replica, Some(0))?;
        left.frames += adopted.frames;
        left.samples += adopted.samples;
        left.bytes += adopted.bytes;
        changed = changed.max(at);
    }
    let idle = SystemTime::now().duration_since(changed).unwrap_or_default();
    Some(Orphan { directory, name, url, left, idle })
}

/// What a log holds, and when something last happened to it; `None` when it is in use, or no log.
fn contents(directory: &Path, replica: Option<u128>) -> Option<(Left, SystemTime)> {
    let changed = fs::metadata(directory.join("cursor")).and_then(|file| file.modified()).ok()?;
    let (config, telemetry) = (LogConfig::default(), Arc::<Telemetry>::default());
    let log = match replica {
        Some(id) => Log::open_replica(directory, id, config, telemetry),
        None => Log::open(directory, config, telemetry),
    };
    let log = log.ok()?;
    let queued = log.queued();
    let left = Left {
        frames: queued.frames,
        samples: queued.samples + queued.histograms,
        bytes: queued.bytes,
    };
    // Opening it writes the cursor; that is nothing that happened to it.
    drop(log);
    let cursor = fs::File::options().write(true).open(directory.join("cursor"));
    let _ = cursor.and_then(|file| file.set_modified(changed));
    Some((left, changed))
}
