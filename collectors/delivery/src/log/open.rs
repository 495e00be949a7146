//! Opening a log: what the last process left behind.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::Log;
use super::cursor::{CursorFile, Position};
use super::held::Held;
use super::read::Reader;
use super::segment::{SEGMENT_HEADER, Segment, Totals};
use super::window::Window;
use crate::config::LogConfig;
use crate::telemetry::Telemetry;
use crate::throttle::Throttle;

/// A log has at least this many segments' worth of room, so that dropping one is never dropping
/// most of it.
const SEGMENTS_AT_LEAST: u64 = 8;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another destination of this one, writes to it.
    #[error("the log in {0} is in use by another process or endpoint")]
    Busy(PathBuf),
    /// The file system refuses.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Log {
    /// Opens the log in a directory, or begins one there. What is damaged is not an error.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; what is on disk is untouched then.
    pub fn open(
        directory: &Path,
        config: LogConfig,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, OpenError> {
        open(directory, config, telemetry, Role::Own)
    }
}

/// What a log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is written by this node, and the gauges of its destination speak of it.
    Own,
    /// It keeps frames of another log, which has this id.
    Replica(u128),
}

pub(super) fn open(
    directory: &Path,
    config: LogConfig,
    telemetry: Arc<Telemetry>,
    role: Role,
) -> Result<Log, OpenError> {
    fs::create_dir_all(directory).map_err(failed("create", directory))?;
    let lock = lock(directory)?;
    let cursor_path = directory.join("cursor");
    let (mut cursor, saved) =
        CursorFile::open(&cursor_path).map_err(failed("open", &cursor_path))?;
    let firsts = Segment::list(directory).map_err(failed("read", directory))?;
    let known = log_id(directory, &firsts, saved.as_ref());
    let id = known.unwrap_or_else(|| match role {
        Role::Own => rand::random(),
        Role::Replica(id) => id,
    });
    let position = saved.filter(|saved| saved.log == id).unwrap_or_else(|| {
        let mut start = Position::start(id);
        start.first = firsts.first().copied().unwrap_or(1);
        start
    });
    // Twice, so that both slots exist: from now on a full disk does not stop the cursor.
    for _ in 0..2 {
        cursor.write(&position).map_err(failed("write", &cursor_path))?;
    }
    let segments = load(directory, &firsts, &position)?;
    let mut queued = Totals::default();
    segments.iter().for_each(|segment| queued.add(segment.unread));
    let last = segments.back().map_or(0, |segment| segment.last.max(segment.first));
    let reader_at = segments.front().map_or(0, |segment| segment.first);
    // What is appended behind a gate of before must not be stamped before it.
    let floor_ms = segments.iter().map(|segment| segment.newest_sealed_ms).max();
    let mut log = Log {
        directory: directory.to_owned(),
        config: LogConfig {
            segment_bytes: config.segment_bytes.min(config.max_bytes / SEGMENTS_AT_LEAST),
            ..config
        },
        telemetry,
        id,
        lock,
        segments,
        writer: None,
        reader: Reader::at(reader_at, SEGMENT_HEADER),
        window: Window::default(),
        cursor,
        restored: position.clone(),
        next: position.above().max(last + 1),
        handed: position.first,
        position,
        unwritten: VecDeque::new(),
        unwritten_bytes: 0,
        held: Held::default(),
        queued,
        unsynced: Vec::new(),
        directory_unsynced: true,
        complaint: Throttle::default(),
        dropping: Throttle::default(),
        refusal: watch::Sender::default(),
        gates: Vec::new(),
        floor_ms: floor_ms.unwrap_or(i64::MIN),
        role,
        instance: rand::random(),
    };
    log.handed = log.handed.min(log.next);
    log.publish();
    Ok(log)
}

impl Drop for Log {
    fn drop(&mut self) {
        // Not left to the closing of the file: a process that is being started may have a copy.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, directory = %self.directory.display(), "could not unlock the log");
        }
    }
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Busy(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

/// The id that the files agree on: the segments' before the cursor's, because frames are named by
/// it; none for a new log.
fn log_id(directory: &Path, firsts: &[u64], saved: Option<&Position>) -> Option<u128> {
    let mut ids = firsts
        .iter()
        .filter_map(|first| Segment::log_id(&File::open(Segment::path(directory, *first)).ok()?));
    ids.next_back().or(saved.map(|saved| saved.log))
}

/// Reads what the segments hold, and removes those that are finished.
fn load(
    directory: &Path,
    firsts: &[u64],
    position: &Position,
) -> Result<VecDeque<Segment>, OpenError> {
    let mut segments = VecDeque::new();
    for (index, first) in firsts.iter().enumerate() {
        let path = Segment::path(directory, *first);
        let below = firsts.get(index + 1).copied().unwrap_or(u64::MAX);
        if below <= position.first {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            continue;
        }
        let file = File::open(&path).map_err(failed("open", &path))?;
        let segment = Segment::load(*first, below, &file, position);
        segments.push_back(segment.map_err(failed("read", &path))?);
    }
    Ok(segments)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}
