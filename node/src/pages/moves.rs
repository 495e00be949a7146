//! The timeline of what the nodes started and stopped.

use super::{age, count, duration};
use crate::server::{Move, Moves};

/// Lines below the drawing; it shows more than that.
const LINES: usize = 30;

/// The drawing is so many units wide, and reaches so far up and down from its middle.
const WIDTH: f64 = 600.0;
const REACH: f64 = 44.0;

/// The drawing and its lines.
pub(super) struct Drawn {
    pub(super) bars: Vec<Bar>,
    pub(super) lines: Vec<Line>,
    pub(super) left_out: usize,
    /// And more than were asked for.
    pub(super) more: bool,
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
    pub(super) node: String,
    pub(super) what: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) continuity: String,
}

/// What there is to show; nothing when nothing moved.
pub(super) fn drawn(moves: &Moves, now: i64) -> Option<Drawn> {
    let first = moves.moves.last()?.at_ms;
    // A clock of another node may be ahead.
    let last = moves.moves.first()?.at_ms.max(now);
    let span = (last - first).max(1000);
    let most = moves.moves.iter().map(|moved| moved.targets).max().unwrap_or(1).max(1);
    let bars = moves.moves.iter().rev().map(|moved| {
        // By the root, so that a few targets are seen beside thousands.
        let height = (REACH * (moved.targets as f64 / most as f64).sqrt()).max(2.0);
        let (ago, node, what) = (age(now - moved.at_ms), &moved.node, what(moved));
        Bar {
            x: (WIDTH - 6.0) * (moved.at_ms - first) as f64 / span as f64,
            y: if moved.action == "start" { REACH - height } else { REACH },
            height,
            cause: moved.cause,
            title: format!("{ago} ago: {node} {what}, {}", moved.cause),
        }
    });
    let lines = moves.moves.iter().take(LINES).map(|moved| Line {
        at: format!("{} ago", age(now - moved.at_ms)),
        cause: moved.cause,
        node: moved.node.clone(),
        what: what(moved),
        from: moved.from.clone(),
        to: moved.to.clone(),
        continuity: continuity(moved),
    });
    Some(Drawn {
        bars: bars.collect(),
        lines: lines.collect(),
        left_out: moves.moves.len().saturating_sub(LINES),
        more: moves.truncated,
        span: age(span),
    })
}

fn what(moved: &Move) -> String {
    let verb = if moved.action == "start" { "started" } else { "stopped" };
    let targets = if moved.targets == 1 { "target" } else { "targets" };
    format!("{verb} {} {targets}", number(moved.targets))
}

fn number(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

/// How well the series go on; nothing to say of stops, and of what nobody collected before.
fn continuity(moved: &Move) -> String {
    if moved.action != "start" || moved.from.is_empty() {
        return String::new();
    }
    let of = |some: u64| format!("for {} of {}", number(some), number(moved.targets));
    let mut said = Vec::new();
    match moved.gap_seconds {
        Some(0.0) => said.push(format!("no gap {}", of(moved.gaps_measured))),
        Some(gap) => said.push(format!("a gap of {} {}", duration(gap), of(moved.gaps_measured))),
        None => {}
    }
    if let Some(gap) = moved.gap_at_most_seconds {
        said.push(format!("a gap of at most {} {}", duration(gap), of(moved.gaps_bounded)));
    }
    if moved.gaps_open > 0 {
        said.push(format!("no tick so far {}", of(moved.gaps_open)));
    }
    if moved.overlaps > 0 {
        said.push(format!("{} perhaps collected twice", number(moved.overlaps)));
    }
    said.push(format!("within {}", duration(moved.took_seconds)));
    said.join(", ")
}
