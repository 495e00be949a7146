//! A line of JSON for each failed scrape.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ScrapeTarget;
use crate::telemetry::Telemetry;

#[cfg(test)]
mod tests;

/// Lines that wait for the disk; more are lost, and counted.
const WAITING: usize = 256;

/// The least time between two warnings that the file cannot be written: every failed scrape may
/// be a reason for one, and a full disk stays full for long.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// Appends to a file, in a task of its own that ends with this.
#[derive(Debug)]
pub(crate) struct FailureLog {
    lines: Option<mpsc::Sender<String>>,
    telemetry: Arc<Telemetry>,
    /// Holds the task that writes; what waits is written before it ends, as long as the runtime
    /// lives.
    _writer: JoinSet<()>,
}

impl FailureLog {
    /// A log in this file; none without one. Lines that do not get there are counted.
    pub(crate) fn new(path: Option<PathBuf>, telemetry: Arc<Telemetry>) -> Self {
        let mut writer = JoinSet::new();
        let lines = path.map(|path| {
            let (sender, lines) = mpsc::channel(WAITING);
            writer.spawn(write_all(path, lines, Arc::clone(&telemetry)));
            sender
        });
        Self { lines, telemetry, _writer: writer }
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

async fn write_all(path: PathBuf, mut lines: mpsc::Receiver<String>, telemetry: Arc<Telemetry>) {
    let mut warnings = Warnings::default();
    while let Some(line) = lines.recv().await {
        let Err(error) = append(&path, &line).await else { continue };
        telemetry.failure_log_lost.increment();
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
