//! What happens in each scenario.

use std::time::Duration;

use super::course::Expected;
use super::{Ledger, Play};
use crate::continuity::Scenario;
use crate::continuity::table::Suspicions;
use crate::sim::{Catalog, World};

/// How long nodes may take to agree, and a node to end, before that is a finding of its own.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a cluster is left alone once it agrees, so that all is collected: discovery has found
/// everything by then, and claims have been answered.
const SETTLED: Duration = Duration::from_secs(15);

/// The component that an unrelated change concerns.
const OTHER: &str = "prometheus.scrape.other";

/// What a scenario may cost. Nothing, unless it says so.
#[derive(Debug, Default)]
pub(super) struct Goal {
    /// What should have been collected.
    pub expected: Vec<Expected>,
    /// Nodes that were killed.
    pub crashes: Vec<Crash>,
    /// Until when two nodes may collect the same, each without knowing of the other, in milliseconds
    /// since the Unix epoch; `None` when nobody may.
    pub overlap: Option<i64>,
    /// Nothing may move.
    pub still: bool,
    /// What a flapping link did to membership, which is to suspect and to bury nobody.
    pub flapped: Option<Suspicions>,
    /// Every move brings a seal, since all of them are planned.
    pub planned: bool,
    /// Deputies keep how far collectors are, and nothing gets lost on the way.
    pub checkpoints: bool,
    /// What went wrong beyond what is collected.
    pub failures: Vec<String>,
}

/// A node that was killed.
#[derive(Debug, Clone)]
pub(super) struct Crash {
    /// Where it ran.
    pub host: usize,
    /// When.
    pub at: Duration,
    /// How long it took until every other node knew.
    pub detection: Duration,
}

/// A world, and what was done to it.
pub(super) struct Stage {
    pub world: World<Ledger>,
    interval: Duration,
    log: Vec<(Duration, String)>,
    failures: Vec<String>,
}

impl Stage {
    /// Nothing runs yet.
    pub(super) fn set(play: &Play, world: World<Ledger>) -> Self {
        Self { world, interval: play.interval, log: Vec::new(), failures: Vec::new() }
    }

    /// The world when the play is over, and what was done to it.
    pub(super) fn clear(self) -> (World<Ledger>, Vec<(Duration, String)>) {
        (self.world, self.log)
    }

    fn note(&mut self, text: impl Into<String>) {
        self.log.push((self.world.now(), text.into()));
    }

    fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.failures.push(format!("{what}, at {:.3} s", self.world.now().as_secs_f64()));
        self.note(what);
    }

    fn wait(&mut self, time: Duration) {
        let until = self.world.now() + time;
        self.world.run_until(until);
    }

    /// A time of up to `most`.
    fn draw(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.world.pick(most.as_micros() as usize + 1) as u64)
    }

    /// Waits for so many intervals, and a time for other things.
    fn pause(&mut self, intervals: u32) {
        self.wait(self.interval * intervals + Duration::from_secs(1));
    }

    fn until_agreed(&mut self) {
        let limit = self.world.now() + PATIENCE;
        if self.world.run_until_agreed(limit).is_none() {
            self.fail("the nodes do not agree");
        }
    }

    /// Boots nodes within two seconds, and waits until everything is collected.
    fn begin(&mut self, nodes: usize) {
        for host in 0..nodes {
            let pause = self.draw(Duration::from_secs(4) / nodes as u32);
            self.wait(pause);
            self.world.boot(host);
        }
        self.until_agreed();
        self.wait(SETTLED);
        self.note("the cluster has formed");
    }

    fn start(&mut self, hosts: &[usize]) {
        for host in hosts {
            self.note(format!("node-{host} starts"));
            self.world.boot(*host);
        }
        self.until_agreed();
    }

    /// Asks nodes to leave, and waits until they have.
    fn stop(&mut self, hosts: &[usize]) {
        for host in hosts {
            self.note(format!("node-{host} drains"));
            self.world.drain(*host);
        }
        let limit = self.world.now() + PATIENCE;
        let ended =
            |world: &mut World<Ledger>| hosts.iter().all(|host| !world.population().runs(*host));
        if self.world.run_until_so(limit, ended).is_none() {
            self.fail("a node that was asked to leave does not end");
        }
        self.note("ended");
    }

    fn kill(&mut self, host: usize) -> Crash {
        self.kill_and(host, |_| {})
    }

    /// As a supervisor does it: before anybody has missed the node, mostly. Then nobody takes over, and its
    /// targets are missing until its discovery has found them again.
    fn kill_and_restart(&mut self, host: usize) -> Crash {
        let down = self.draw(Duration::from_millis(500));
        let crash = self.kill_and(host, |stage| {
            stage.wait(down);
            stage.note(format!("node-{host} starts"));
            stage.world.boot(host);
        });
        let found = down + self.world.slowest_discovery();
        Crash { detection: crash.detection.max(found), ..crash }
    }

    fn kill_and(&mut self, host: usize, then: impl FnOnce(&mut Self)) -> Crash {
        self.note(format!("node-{host} is killed"));
        let at = self.world.now();
        self.world.crash(host);
        then(self);
        self.until_agreed();
        let detection = self.world.now() - at;
        self.note("all know of it");
        Crash { host, at, detection }
    }

    /// What the nodes that run have thought of each other since they were started.
    fn suspicions(&self) -> Suspicions {
        let mut all = Suspicions::default();
        let cores = self.world.running().into_iter().filter_map(|host| self.world.core(host));
        for counters in cores.filter_map(|core| core.swim()).map(membership::Swim::counters) {
            all.raised += counters.suspicions_started;
            all.confirmed += counters.suspicions_confirmed;
        }
        all
    }

    fn reload(&mut self, catalog: Catalog) {
        self.note("the configuration changes");
        self.world.publish(catalog);
        let hosts = self.world.running();
        let mut turns: Vec<(Duration, usize)> =
            hosts.into_iter().map(|host| (self.draw(Duration::from_secs(2)), host)).collect();
        turns.sort_unstable();
        let began = self.world.now();
        for (after, host) in turns {
            self.world.run_until(began + after);
            self.world.reload(host);
        }
    }
}

/// Plays a scenario, and says what it may have cost.
pub(super) fn perform(stage: &mut Stage, play: &Play) -> Goal {
    let checkpoints = stage.world.keeps_checkpoints() && play.loss == 0.0;
    let mut goal = Goal { checkpoints, ..Goal::default() };
    let nodes = play.nodes;
    let keys = Catalog::of(play.targets).keys().to_vec();
    stage.world.publish(unrelated(play.targets, 1));
    stage.begin(nodes);
    let from = stage.world.wall();
    let mut expected = vec![Expected { keys, from, until: 0, ends: false }];
    match play.scenario {
        Scenario::RollingRestart | Scenario::Skew => {
            goal.planned = true;
            rolling_restart(stage, nodes);
        }
        Scenario::Scale => {
            goal.planned = true;
            scale(stage, nodes);
        }
        Scenario::ReloadUnrelated => {
            goal.still = true;
            stage.pause(2);
            stage.reload(unrelated(play.targets, 2));
            stage.wait(2 * SETTLED);
            stage.pause(2);
        }
        Scenario::ReloadRelabel => expected = relabel(stage, play.targets, from),
        Scenario::Kill => {
            for _ in 0..(nodes / 20).max(1) {
                stage.pause(1);
                let running = stage.world.running();
                let host = running[stage.world.pick(running.len())];
                match stage.world.pick(3) {
                    0 => goal.crashes.push(stage.kill(host)),
                    1 => goal.crashes.push(stage.kill_and_restart(host)),
                    _ => {
                        // Others have just given it what is its own.
                        stage.stop(&[host]);
                        stage.start(&[host]);
                        let pause = stage.draw(SETTLED);
                        stage.wait(pause);
                        goal.crashes.push(stage.kill_and_restart(host));
                    }
                }
                stage.wait(SETTLED);
            }
        }
        Scenario::BackendAway => goal.crashes.push(backend_away(stage, nodes, play.outage)),
        Scenario::Partition => {
            goal.overlap = Some(partition(stage, nodes, play.outage));
        }
        Scenario::Flapping => {
            goal.still = true;
            goal.flapped = Some(flapping(stage, nodes, play.outage));
        }
    }
    stage.pause(2);
    let until = stage.world.wall();
    // What is due until then is stored by then, on every clock.
    stage.pause(1);
    stage.world.close();
    for expected in &mut expected {
        if expected.until == 0 {
            expected.until = until;
        }
    }
    goal.failures = std::mem::take(&mut stage.failures);
    Goal { expected, ..goal }
}

/// The targets of a play, beside some of a component that the change is about.
fn unrelated(targets: usize, version: u8) -> Catalog {
    Catalog::of(targets).with(OTHER, usize::from(version) * targets.div_ceil(50)).version(version)
}

fn rolling_restart(stage: &mut Stage, nodes: usize) {
    stage.pause(1);
    for host in 0..nodes {
        stage.stop(&[host]);
        let down = stage.draw(Duration::from_secs(2));
        stage.wait(down);
        if stage.world.pick(2) == 0 {
            stage.world.readdress(host);
        }
        stage.start(&[host]);
        let pause = stage.draw(Duration::from_secs(3));
        stage.wait(pause);
    }
}

/// To four times the size, and back.
fn scale(stage: &mut Stage, nodes: usize) {
    let more: Vec<usize> = (nodes..4 * nodes).collect();
    stage.pause(1);
    stage.start(&more);
    stage.pause(2);
    let pause = stage.draw(SETTLED);
    stage.wait(pause);
    stage.stop(&more);
    stage.until_agreed();
    stage.pause(2);
}

/// Half of the targets get another label: their series end, and others begin.
fn relabel(stage: &mut Stage, targets: usize, from: i64) -> Vec<Expected> {
    let (odd, before) = (|number: usize| number % 2 == 1, Catalog::of(targets));
    let after = Catalog::relabelled(targets, odd);
    let both = |one: &Catalog, other: &Catalog, shared: bool| {
        let known = |key: &&ownership::Key| other.keys().binary_search(key).is_ok() == shared;
        one.keys().iter().filter(known).copied().collect()
    };
    stage.pause(2);
    let began = stage.world.wall();
    stage.reload(after.clone().version(2));
    // Unlike a process, a node here has reloaded before its discovery finds the new targets, for which the
    // slowest of a play takes three seconds; and a claim that nobody answers is given up after two.
    stage.wait(Duration::from_secs(5));
    let ended = stage.world.wall();
    stage.wait(2 * SETTLED);
    let kept = both(&before, &after, true);
    let (old, new) = (both(&before, &after, false), both(&after, &before, false));
    vec![
        Expected { keys: kept, from, until: 0, ends: false },
        Expected { keys: old, from, until: began, ends: true },
        Expected { keys: new, from: ended, until: 0, ends: false },
    ]
}

/// What happens to the nodes while the backend is away: of five nodes two are left, of which one is
/// killed and started again. The absence itself is a matter of their queues, which are not simulated.
fn backend_away(stage: &mut Stage, nodes: usize, outage: Duration) -> Crash {
    let left = (2 * nodes / 5).max(2);
    stage.pause(2);
    stage.wait(outage / 4);
    for host in (left..nodes).rev() {
        stage.stop(&[host]);
        stage.until_agreed();
    }
    stage.wait(outage / 4);
    let crash = stage.kill(1);
    stage.pause(2);
    stage.start(&[1]);
    stage.wait(outage / 2);
    crash
}

/// The first nodes and the last can do everything but reach each other. Returns until when both sides may
/// collect the same: once nodes agree, all is claimed within [`SETTLED`].
fn partition(stage: &mut Stage, nodes: usize, outage: Duration) -> i64 {
    stage.pause(2);
    stage.note("partition");
    let rules = stage.world.network.part(0..nodes * 2 / 5);
    stage.wait(outage);
    stage.note("healed");
    rules.into_iter().for_each(|rule| stage.world.network.remove(rule));
    stage.until_agreed();
    stage.note("one view");
    stage.wait(SETTLED);
    let resolved = stage.world.wall();
    stage.wait(SETTLED);
    resolved
}

/// The last node and the others lose each other again and again, for less time than it takes to be
/// taken for dead. Returns what they thought of each other meanwhile.
fn flapping(stage: &mut Stage, nodes: usize, outage: Duration) -> Suspicions {
    const DOWN: Duration = Duration::from_millis(700);
    const UP: Duration = Duration::from_millis(1300);
    stage.pause(2);
    let before = stage.suspicions();
    stage.note("the link flaps");
    let end = stage.world.now() + outage;
    while stage.world.now() < end {
        let rules = stage.world.network.part([nodes - 1]);
        stage.wait(DOWN);
        rules.into_iter().for_each(|rule| stage.world.network.remove(rule));
        stage.wait(UP);
    }
    stage.note("the link holds");
    stage.until_agreed();
    stage.wait(SETTLED);
    let after = stage.suspicions();
    Suspicions {
        raised: after.raised - before.raised,
        confirmed: after.confirmed - before.confirmed,
        overlong: 0,
    }
}
