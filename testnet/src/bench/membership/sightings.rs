//! What a node knew since when, by its log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

#[cfg(test)]
mod tests;

/// What may be known about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It takes part.
    Joined,
    /// It is about to leave, or gone.
    Left,
    /// It was silent for too long.
    Failed,
}

impl News {
    /// Whether `line` says so.
    fn is_in(self, line: &Value) -> bool {
        let says = |name: &str, value: &str| line[name] == value;
        let changed_to = |state| says("msg", "peer changed its state") && says("to", state);
        match self {
            News::Joined => {
                says("msg", "peer is up") && says("state", "participant")
                    || changed_to("participant")
            }
            News::Left => says("msg", "peer left") || changed_to("leaving"),
            News::Failed => says("msg", "peer failed"),
        }
    }
}

/// The log of one node, which grows.
pub(super) struct Log {
    path: PathBuf,
    read: u64,
    /// The beginning of a line whose end is not written yet.
    partial: String,
    lines: Vec<(u64, Value)>,
}

impl Log {
    /// The log at `path` from its present end on.
    pub(super) fn from_here(path: PathBuf) -> anyhow::Result<Self> {
        let read = std::fs::metadata(&path).map_or(0, |file| file.len());
        Ok(Self { path, read, partial: String::new(), lines: Vec::new() })
    }

    /// How long after `since`, in milliseconds since the Unix epoch, the node learned of `news` about
    /// `peer`; `None` when it has not.
    pub(super) fn sighting(
        &mut self,
        peer: &str,
        news: News,
        since: u64,
    ) -> anyhow::Result<Option<Duration>> {
        self.read_on()?;
        let found = self
            .lines
            .iter()
            .find(|(at, line)| *at >= since && line["peer"] == peer && news.is_in(line));
        Ok(found.map(|(at, _)| Duration::from_millis(at - since)))
    }

    fn read_on(&mut self) -> anyhow::Result<()> {
        // A node that has not started yet has no log.
        let Ok(mut file) = File::open(&self.path) else { return Ok(()) };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = Vec::new();
        self.read += file.read_to_end(&mut text)? as u64;
        self.partial.push_str(&String::from_utf8_lossy(&text));
        while let Some((line, rest)) = self.partial.split_once('\n') {
            // Before the configuration is read, lines have another format.
            if let Ok(value) = serde_json::from_str::<Value>(line)
                && let Some(at) = value["ts"].as_str().and_then(milliseconds)
            {
                self.lines.push((at, value));
            }
            self.partial = rest.to_owned();
        }
        Ok(())
    }
}

/// Milliseconds since the Unix epoch of an instant as logs have it: `2026-11-22T20:02:28.453Z`.
fn milliseconds(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days since 0000-03-01, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    let days = days.checked_sub(719_468)?;
    Some((days * 86_400 + seconds) * 1000 + number(20..23)?)
}
