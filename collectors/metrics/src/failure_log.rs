//! A line of JSON for each failed scrape.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::ScrapeTarget;

#[cfg(test)]
mod tests;

/// Lines that wait for the disk; more are lost, and counted.
const WAITING: usize = 256;

/// Appends to a file, in a task of its own that ends with this.
#[derive(Debug)]
pub(crate) struct FailureLog {
    lines: Option<mpsc::Sender<String>>,
    /// Holds the task that writes; what waits is written before it ends, as long as the runtime
    /// lives.
    _writer: JoinSet<()>,
}

impl FailureLog {
    /// A log in this file; none without one.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        let mut writer = JoinSet::new();
        let lines = path.map(|path| {
            let (sender, lines) = mpsc::channel(WAITING);
            writer.spawn(write_all(path, lines));
            sender
        });
        Self { lines, _writer: writer }
    }

    /// Writes a line; says whether there was room for it.
    pub(crate) fn write(&self, now: i64, target: &ScrapeTarget, error: &str) -> bool {
        let Some(lines) = &self.lines else { return true };
        let mut line = String::with_capacity(200);
        let _ = write!(line, "{{\"time_ms\":{now},\"level\":\"ERROR\",\"msg\":");
        push_json(&mut line, error);
        line.push_str(",\"job_name\":");
        push_json(&mut line, target.job());
        line.push_str(",\"target\":");
        push_json(&mut line, &target.url.to_string());
        line.push_str("}\n");
        lines.try_send(line).is_ok()
    }
}

async fn write_all(path: PathBuf, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        if let Err(error) = append(&path, &line).await {
            tracing::warn!(path = %path.display(), %error, "cannot write the log of failed scrapes");
        }
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
