//! What parts of a node cost, measured within this process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use membership::Name;
use metrics::parse::{Dialect, Event, TextParser};
use ownership::{Assignment, ComponentId, Key};

/// What Debian's node_exporter says of a small machine.
const NODE_EXPORTER: &str = include_str!("../../../collectors/metrics/benches/node_exporter.txt");

/// How much the parts are given to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How often the page is parsed in a round.
    pub(super) pages: usize,
    /// Keys whose owners are kept.
    pub(super) keys: u64,
    /// Participants before one more joins.
    pub(super) participants: usize,
    /// How often each is done.
    pub(super) rounds: usize,
}

impl Effort {
    /// What the goals speak of.
    pub(super) const FULL: Self =
        Self { pages: 100, keys: 1_000_000, participants: 100, rounds: 7 };
    /// Enough to see that it works.
    pub(super) const QUICK: Self = Self { pages: 1, keys: 1_000, participants: 10, rounds: 3 };
}

/// The figures of the parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parts {
    /// Megabytes of a node_exporter page that one core parses in a second.
    pub(super) parser: f64,
    /// How long it takes until the owner of every key is known again after a join.
    pub(super) join: Duration,
}

impl Parts {
    /// Measures them. It blocks.
    pub(super) fn measure(effort: Effort) -> Self {
        let bytes = NODE_EXPORTER.len() * effort.pages;
        let parsing = least(effort.rounds, || (), |()| parse(effort.pages));
        let id = ComponentId::from("prometheus.scrape.default");
        let keys: Vec<Key> = (0..effort.keys).map(|n| Key::of(&id, [n.to_le_bytes()])).collect();
        let name = |number| Name::new(&format!("shoal-{number}")).expect("a short name");
        let names: Vec<Name> = (0..effort.participants).map(name).collect();
        let newcomer = [name(effort.participants)];
        let settled = || {
            let mut assignment = Assignment::default();
            assignment.change(&names, &[], |_| {});
            assignment.set_keys(&id, keys.clone(), |_| {});
            assignment
        };
        let join = least(effort.rounds, settled, |mut assignment| {
            let mut moves = 0_usize;
            assignment.change(&newcomer, &[], |_| moves += 1);
            (moves, assignment)
        });
        Self { parser: bytes as f64 / 1e6 / parsing.as_secs_f64(), join }
    }
}

fn parse(pages: usize) -> usize {
    let mut samples = 0;
    for _ in 0..pages {
        let mut parser = TextParser::new(black_box(NODE_EXPORTER), Dialect::Prometheus);
        while let Some(event) = parser.next_event().expect("the page is well-formed") {
            samples += usize::from(matches!(event, Event::Sample(_)));
        }
    }
    samples
}

/// The least time of several rounds: whatever else the machine does only adds to it.
fn least<S, T>(rounds: usize, prepare: impl Fn() -> S, act: impl Fn(S) -> T) -> Duration {
    let round = |_| {
        let prepared = prepare();
        let began = Instant::now();
        let done = act(prepared);
        let took = began.elapsed();
        black_box(done);
        took
    };
    (0..rounds).map(round).min().unwrap_or_default()
}
