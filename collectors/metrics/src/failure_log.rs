//! A line of JSON for each failed scrape.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ScrapeTarget;
use crate::telemetry::Telemetry;

#[cfg(test)]
mod tests;

/// Lines that wait for the disk; more are lost, and counted.
const WAITING: usize = 256;

/// The least time between two warnings that the file cannot be written: every failed scrape may
/// be a reason for one, and a full disk stays full for long.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// How long the last lines may take to be written. A guess: a disk that takes longer for 256 lines is
/// no longer there.
const CLOSING: Duration = Duration::from_secs(1);

/// Appends to a file, in a task of its own that ends with this; what waits then is lost, and counted.
#[derive(Debug)]
pub(crate) struct FailureLog {
    path: Option<PathBuf>,
    lines: Option<mpsc::Sender<String>>,
    telemetry: Arc<Telemetry>,
    /// The tasks that write.
    writers: JoinSet<()>,
    /// The file of each writer, and what is cancelled once it has written all it had. Those of one
    /// file come one after the other.
    files: Vec<(PathBuf, CancellationToken)>,
}

impl FailureLog {
    /// A log in this file; none without one. Lines that do not get there are counted.
    pub(crate) fn new(path: Option<PathBuf>, telemetry: Arc<Telemetry>) -> Self {
        let mut log =
            Self { path: None, lines: None, telemetry, writers: JoinSet::new(), files: Vec::new() };
        log.redirect(path);
        log
    }

    /// Writes to this file from now on, or nowhere; what waits still goes where it was meant to go.
    pub(crate) fn redirect(&mut self, path: Option<PathBuf>) {
        if self.path == path {
            return;
        }
        // Those that have written all they had.
        while self.writers.try_join_next().is_some() {}
        self.files.retain(|(_, ended)| !ended.is_cancelled());
        self.path.clone_from(&path);
        self.lines = path.map(|path| self.open(path));
    }

    /// Starts what writes to a file, once whoever wrote to it before has ended.
    fn open(&mut self, path: PathBuf) -> mpsc::Sender<String> {
        let (sender, lines) = mpsc::channel(WAITING);
        let waiting = Waiting { lines, unwritten: 0, telemetry: Arc::clone(&self.telemetry) };
        let last = self.files.iter().rfind(|(file, _)| *file == path);
        let before = last.map(|(_, ended)| ended.clone());
        let ended = CancellationToken::new();
        self.files.push((path.clone(), ended.clone()));
        self.writers.spawn(async move {
            // Also when it is ended by force.
            let _ended = ended.drop_guard();
            if let Some(before) = before {
                before.cancelled().await;
            }
            write_all(path, waiting).await;
        });
        sender
    }

    /// Has what waits written. What the disk does not take in time is lost, and counted.
    pub(crate) async fn close(&mut self) {
        self.path = None;
        self.lines = None;
        let written = async { while self.writers.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSING, written).await.is_err() {
            self.writers.shutdown().await;
        }
    }

    /// Writes a line. It is lost if too many wait already, or if the file cannot be written.
    pub(crate) fn write(&self, now: i64, target: &ScrapeTarget, error: &str) {
        let Some(lines) = &self.lines else { return };
        let mut line = String::with_capacity(200);
        let _ = write!(line, "{{\"time_ms\":{now},\"level\":\"ERROR\",\"msg\":");
        push_json(&mut line, error);
        line.push_str(",\"job_name\":");
        push_json(&mut line, target.job());
        line.push_str(",\"target\":");
        push_json(&mut line, &target.url.to_string());
        line.push_str("}\n");
        if lines.try_send(line).is_err() {
            self.telemetry.failure_log_lost.increment();
        }
    }
}

/// Lines on their way to a file. Those that never get there are counted, also when the task that
/// writes them ends before it has come to them.
#[derive(Debug)]
struct Waiting {
    lines: mpsc::Receiver<String>,
    /// Lines that were taken out and are not written.
    unwritten: usize,
    telemetry: Arc<Telemetry>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.lines.close();
        while self.lines.try_recv().is_ok() {
            self.unwritten += 1;
        }
        self.telemetry.failure_log_lost.add(self.unwritten);
    }
}

async fn write_all(path: PathBuf, mut waiting: Waiting) {
    let mut warnings = Warnings::default();
    while let Some(line) = waiting.lines.recv().await {
        waiting.unwritten = 1;
        let written = append(&path, &line).await;
        waiting.unwritten = 0;
        let Err(error) = written else { continue };
        waiting.telemetry.failure_log_lost.increment();
        if let Some(lost) = warnings.lose(Instant::now()) {
            let path = path.display();
            tracing::warn!(%path, %error, lost, "cannot write the log of failed scrapes");
        }
    }
}

/// When to say that lines are lost.
#[derive(Debug, Default)]
struct Warnings {
    last: Option<Instant>,
    /// Lines lost since.
    lost: u64,
}

impl Warnings {
    /// One more line is lost; if it is time to say so, how many are since that was said last.
    fn lose(&mut self, now: Instant) -> Option<u64> {
        self.lost += 1;
        if self.last.is_some_and(|last| now.duration_since(last) < BETWEEN_WARNINGS) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.lost))
    }
}

/// Opens the file each time, so that a rotated one is noticed; failures are rare enough.
async fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    file.write_all(line.as_bytes()).await?;
    file.flush().await
}

fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
