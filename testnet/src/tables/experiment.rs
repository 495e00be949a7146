//! What all experiments begin with.

use std::num::NonZero;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;

use crate::sim::{Oracle, Settings, World};

/// How long a cluster may take to form.
const FORMING: Duration = Duration::from_secs(300);

/// A world of so many members, in which nothing is collected.
pub(super) fn settings(seed: u64, nodes: usize, membership: membership::Config) -> Settings {
    let usual = Settings::default();
    let seeds = usual.seeds.min(nodes);
    let membership = membership::Config { seeded: true, named_seeds: true, ..membership };
    Settings { seed, hosts: nodes, targets: 0, seeds, membership, ..usual }
}

/// What all tables are measured with, in words.
pub(super) fn parameters() -> String {
    let Settings { network, membership, .. } = Settings::default();
    let (least, most) = (network.delay, network.delay + network.jitter);
    format!(
        "Each way takes {least:?} to {most:?}, and {} % of the datagrams are lost. A probe each {:?}, \
         answered within {:?}; a suspicion lasts at least {:?} with 10 nodes, {:?} with 100 and {:?} with \
         1,000.",
        100.0 * network.loss,
        membership.probe_period,
        membership.probe_timeout,
        membership.suspicion(10),
        membership.suspicion(100),
        membership.suspicion(1000),
    )
}

/// A world in which everybody runs, agrees, and has done so for `settle`: all timers have come out of
/// step, and the news of forming have gone round.
///
/// # Errors
/// When the nodes do not agree within five minutes.
pub(super) fn formed<O: Oracle>(
    oracle: O,
    settings: Settings,
    settle: Duration,
) -> anyhow::Result<World<O>> {
    let (seed, nodes) = (settings.seed, settings.hosts);
    let mut world = World::watched_by(oracle, settings);
    for host in 0..world.hosts() {
        let at = Duration::from_micros(2_000_000 * host as u64 / nodes as u64);
        world.run_until(at);
        world.boot(host);
    }
    let agreed = world.run_until_agreed(FORMING);
    agreed.with_context(|| format!("{nodes} nodes do not form a cluster, seed {seed}"))?;
    world.run_until(world.now() + settle);
    Ok(world)
}

/// One experiment.
pub(super) type Job<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// Does all of them, on all cores; what came of each, in their order.
pub(super) fn on_all_cores<T: Send>(jobs: Vec<Job<'_, T>>) -> Vec<T> {
    let count = jobs.len();
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    let results = Mutex::new((0..count).map(|_| None).collect::<Vec<Option<T>>>());
    let lock = "no experiment panics while it holds a lock";
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().expect(lock).next();
                    let Some((index, job)) = next else { return };
                    let result = job();
                    results.lock().expect(lock)[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().expect(lock);
    results.into_iter().map(|result| result.expect("every experiment has a result")).collect()
}
