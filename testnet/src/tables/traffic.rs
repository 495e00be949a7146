//! What idling costs.

use std::io::Write;
use std::time::Duration;

use membership::Config;

use super::Arguments;
use super::experiment::{Job, formed, on_all_cores, parameters, settings};
use super::render::Grid;
use crate::goals::Goals;
use crate::sim::{Fact, Oracle, Population};

/// How long the news of forming go round before anything is counted.
const SETTLE: Duration = Duration::from_secs(60);

/// How long is counted: two rounds of announcements.
const COUNTED: Duration = Duration::from_secs(60);

/// The bytes of an IPv4 and a UDP header.
const HEADERS: u64 = 28;

/// The longest datagram.
#[derive(Default)]
struct Longest(usize);

impl Oracle for Longest {
    fn see(&mut self, _: Duration, fact: Fact<'_>, _: &Population) {
        if let Fact::Sent { length, .. } = fact {
            self.0 = self.0.max(length);
        }
    }
}

struct Traffic {
    nodes: usize,
    datagrams: f64,
    gossip: f64,
    sync: f64,
    longest: usize,
}

fn experiment(seed: u64, nodes: usize) -> anyhow::Result<Traffic> {
    let mut world = formed(Longest::default(), settings(seed, nodes, Config::default()), SETTLE)?;
    let before = world.cost();
    world.run_until(world.now() + COUNTED);
    let after = world.cost();
    let per = |count: u64| count as f64 / COUNTED.as_secs_f64() / nodes as f64;
    let datagrams = after.datagrams - before.datagrams;
    Ok(Traffic {
        nodes,
        datagrams: per(datagrams),
        gossip: per(after.datagram_bytes - before.datagram_bytes + HEADERS * datagrams),
        sync: per(after.stream_bytes - before.stream_bytes),
        longest: world.oracle().0,
    })
}

/// The most that gossip may cost with headers, in bytes a node and second; nobody has set a goal for more than
/// a thousand nodes.
fn goal(nodes: usize) -> Option<f64> {
    match nodes {
        ..=100 => Some(2000.0),
        101..=1000 => Some(3000.0),
        _ => None,
    }
}

pub(super) fn print(
    arguments: &Arguments,
    goals: &mut Goals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let sizes: &[usize] = arguments.scale.pick(
        &[3, 10, 20],
        &[10, 100, 1000],
        &[3, 10, 30, 100, 300, 1000, 2000, 5000],
    );
    let only = arguments.nodes.map(|nodes| [nodes]);
    let sizes = only.as_ref().map_or(sizes, |only| &only[..]);
    let heads = [
        "nodes",
        "datagrams/s/node",
        "gossip with headers, bytes/s/node",
        "state sync, bytes/s/node",
        "longest datagram ever",
    ];
    let mut grid = Grid::new("Idle traffic", heads).note(format!(
        "Seed {}; {} s, beginning {} s after forming. Every datagram and body counts once, where it is \
         sent.",
        arguments.seed,
        COUNTED.as_secs(),
        SETTLE.as_secs()
    ));
    grid = grid.note(parameters());
    let seed = arguments.seed;
    let jobs = sizes.iter().rev().map(|nodes| -> Job<'_, anyhow::Result<Traffic>> {
        Box::new(move || experiment(seed, *nodes))
    });
    for done in on_all_cores(jobs.collect()).into_iter().rev() {
        let Traffic { nodes, datagrams, gossip, sync, longest } = done?;
        if let Some(goal) = goal(nodes) {
            let what = format!("idle traffic of {nodes} nodes");
            goals.amount(what, gossip, goal, "bytes/s/node");
        }
        grid.row([
            nodes.to_string(),
            format!("{datagrams:.2}"),
            format!("{gossip:.0}"),
            format!("{sync:.0}"),
            longest.to_string(),
        ]);
    }
    write!(out, "{grid}")?;
    Ok(())
}
