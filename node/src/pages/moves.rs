//! The timeline of what a node started and stopped.

use super::{age, duration};
use crate::cluster::{Timeline, TimelineEntry};

/// Lines below the drawing; it shows more than that.
const LINES: usize = 30;

/// The drawing is so many units wide, and reaches so far up and down from its middle.
const WIDTH: f64 = 600.0;
const REACH: f64 = 44.0;

/// The drawing and its lines.
pub(super) struct Moves {
    pub(super) bars: Vec<Bar>,
    pub(super) lines: Vec<Line>,
    pub(super) left_out: usize,
    /// How far back the drawing reaches.
    pub(super) span: String,
}

/// One bar: up for starts, down for stops.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) height: f64,
    pub(super) cause: &'static str,
    pub(super) title: String,
}

/// The same in words.
pub(super) struct Line {
    pub(super) at: String,
    pub(super) cause: &'static str,
    pub(super) what: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) continuity: String,
}

/// What there is to show; nothing when nothing moved.
pub(super) fn moves(timeline: &Timeline, now: i64) -> Option<Moves> {
    let first = timeline.entries.first()?.at;
    let span = (now - first).max(1000);
    let most = timeline.entries.iter().map(|entry| entry.targets).max().unwrap_or(1).max(1);
    let bars = timeline.entries.iter().map(|entry| {
        // By the root, so that a few targets are seen beside thousands.
        let height = (REACH * (entry.targets as f64 / most as f64).sqrt()).max(2.0);
        Bar {
            x: (WIDTH - 6.0) * (entry.at - first) as f64 / span as f64,
            y: if entry.started { REACH - height } else { REACH },
            height,
            cause: entry.cause,
            title: format!("{} ago: {}, {}", age(now - entry.at), what(entry), entry.cause),
        }
    });
    let lines = timeline.entries.iter().rev().take(LINES).map(|entry| Line {
        at: format!("{} ago", age(now - entry.at)),
        cause: entry.cause,
        what: what(entry),
        from: entry.from.clone(),
        to: entry.to.clone(),
        continuity: continuity(entry),
    });
    Some(Moves {
        bars: bars.collect(),
        lines: lines.collect(),
        left_out: timeline.entries.len().saturating_sub(LINES),
        span: age(span),
    })
}

fn what(entry: &TimelineEntry) -> String {
    let verb = if entry.started { "started" } else { "stopped" };
    let targets = if entry.targets == 1 { "target" } else { "targets" };
    format!("{verb} {} {targets}", super::count(entry.targets))
}

/// How well the series go on; nothing to say of stops, and of what nobody collected before.
fn continuity(entry: &TimelineEntry) -> String {
    if !entry.started || entry.from.is_empty() {
        return String::new();
    }
    let mut said = format!("{} of {} with their last tick", entry.sealed, entry.targets);
    if entry.overlaps > 0 {
        said.push_str(&format!(", {} perhaps collected twice", entry.overlaps));
    }
    said + ", within " + &duration(entry.took_micros as f64 / 1e6)
}
