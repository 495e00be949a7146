//! What it costs to keep owners up to date: `cargo bench -p ownership`.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use membership::Name;
use ownership::{Assignment, ComponentId, Key};

const ROUNDS: usize = 7;

/// The goal for a join: 1,000,000 keys, 100 participants.
const GOAL: Duration = Duration::from_millis(50);

fn name(number: usize) -> Name {
    Name::new(&format!("shoal-{number}")).expect("a short name")
}

/// The least time of several rounds, each on an assignment of its own.
fn least(
    base: impl Fn() -> Assignment,
    act: impl Fn(&mut Assignment) -> usize,
) -> (Duration, usize) {
    let mut best = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let mut assignment = base();
        let begin = Instant::now();
        let moves = act(&mut assignment);
        best = best.min((begin.elapsed(), moves));
        black_box(&assignment);
    }
    best
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let id = ComponentId::from("prometheus.scrape.default");
    writeln!(out, "least of {ROUNDS} rounds; moves are keys that changed their owner")?;
    for (keys, nodes) in [(10_000, 10), (100_000, 100), (1_000_000, 100), (1_000_000, 1000)] {
        let all: Vec<Key> = (0..keys as u64).map(|n| Key::of(&id, [n.to_le_bytes()])).collect();
        let names: Vec<Name> = (0..nodes).map(name).collect();
        let base = || {
            let mut assignment = Assignment::default();
            assignment.change(&names, &[], |_| {});
            assignment.set_keys(&id, all.clone(), |_| {});
            assignment
        };
        let count = |assignment: &mut Assignment, joined: &[Name], left: &[Name]| {
            let mut moves = 0;
            assignment.change(joined, left, |_| moves += 1);
            moves
        };
        let join = least(base, |assignment| count(assignment, &[name(nodes)], &[]));
        let leave = least(base, |assignment| count(assignment, &[], &names[..1]));
        let set = least(
            || {
                let mut assignment = Assignment::default();
                assignment.change(&names, &[], |_| {});
                assignment
            },
            |assignment| {
                let mut moves = 0;
                assignment.set_keys(&id, all.clone(), |_| moves += 1);
                moves
            },
        );
        let same = least(base, |assignment| {
            let mut moves = 0;
            assignment.set_keys(&id, all.clone(), |_| moves += 1);
            moves
        });
        for (what, (time, moves)) in
            [("join", join), ("leave", leave), ("new keys", set), ("same keys", same)]
        {
            let goal = match (what, keys, nodes) {
                ("join", 1_000_000, 100) if time < GOAL => "  (goal of 50 ms: reached)",
                ("join", 1_000_000, 100) => "  (goal of 50 ms: MISSED)",
                _ => "",
            };
            let milliseconds = time.as_secs_f64() * 1000.0;
            writeln!(
                out,
                "{keys:>9} keys {nodes:>5} nodes {what:>10}: {milliseconds:>9.3} ms, {moves:>8} moves{goal}"
            )?;
        }
    }
    Ok(())
}
