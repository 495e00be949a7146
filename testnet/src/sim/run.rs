//! A run from the first boot to the last check.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::{Fault, Pace, Scenario, Strike, Undo, World};

/// How long after the last fault everything has to be well again. The seeds are asked once a minute,
/// with a jitter of a tenth; a wrong verdict of the last moment takes another suspicion to be
/// settled, and the rest is for the news to spread.
const RECOVERY: Duration = Duration::from_secs(120);

/// How long after the views agree every key has one owner: claims may have to be given up, and keys
/// that two nodes collect are offered to their owner, every two seconds or so. An offer whose answer is
/// lost for good takes seven, and where a quarter of all packets is lost several in a row are.
const SETTLED: Duration = Duration::from_secs(60);

/// How long after that nothing may move, at least: several rounds of the audit.
const STILL: Duration = Duration::from_secs(20);

/// How long all is left alone after forming, to measure what that costs.
const QUIET: Duration = Duration::from_secs(60);

/// The bytes of an IPv4 and a UDP header.
pub(crate) const HEADERS: u64 = 28;

/// Runs `scenario`, printing to `out`. Should it fail, the last `events` are told.
///
/// # Errors
/// When a check failed or the cluster did not recover: what was wrong. The last events and the
/// command that gives the same run again have been printed.
pub fn simulate(scenario: &Scenario, events: usize, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "seed {}", scenario.seed)?;
    let mut world = World::new(scenario.settings());
    world.oracle().journal.remember(events);
    let started = Instant::now();
    let mut run = Run { out, world: &mut world, scenario };
    let outcome = run.all();
    if let Err(error) = &outcome {
        let journal = world.checks().journal.tell(world.population());
        writeln!(out, "FAILED: {error:#}\nthe last events:\n{journal}again:")?;
        writeln!(out, "  cargo run --release -p testnet -- sim {scenario}")?;
    }
    let wall = started.elapsed().as_secs_f64();
    let (now, events, trace) = (world.now().as_secs_f64(), world.cost().events, world.trace());
    writeln!(
        out,
        "{now:.0} s of virtual time in {wall:.1} s, {events} events, trace {trace:016x}"
    )?;
    outcome
}

/// Goes through the phases of a simulation, printing as it goes.
struct Run<'a, W> {
    out: &'a mut W,
    world: &'a mut World,
    scenario: &'a Scenario,
}

impl<W: Write> Run<'_, W> {
    fn all(&mut self) -> anyhow::Result<()> {
        let end = Duration::from_secs(60 * self.scenario.minutes);
        self.form()?;
        self.idle()?;
        if !self.scenario.faults.is_empty() && self.scenario.nodes > 1 {
            self.faults(end.saturating_sub(RECOVERY))?;
        }
        self.finish(end)
    }

    /// Boots everybody within two seconds, in random order.
    fn form(&mut self) -> anyhow::Result<()> {
        let mut boots: Vec<(Duration, usize)> = (0..self.world.hosts())
            .map(|host| (Duration::from_millis(self.world.pick(2000) as u64), host))
            .collect();
        boots.sort_unstable();
        let last = boots.last().map_or(Duration::ZERO, |(at, _)| *at);
        for (at, host) in boots {
            self.world.run_until(at);
            self.world.boot(host);
        }
        match self.world.run_until_agreed(last + RECOVERY) {
            Some(at) => self.line(format!(
                "formed {} nodes, agreed {} after the last boot",
                self.scenario.nodes,
                seconds(at - last)
            ))?,
            None => self.fail("the cluster did not form")?,
        }
        self.check()
    }

    fn idle(&mut self) -> anyhow::Result<()> {
        // The news of forming are still going round for a few seconds.
        self.world.run_until(self.world.now() + Duration::from_secs(20));
        let before = self.world.cost();
        self.rest(self.world.now() + QUIET);
        let after = self.world.cost();
        let per = |count: u64| count as f64 / QUIET.as_secs_f64() / self.world.hosts() as f64;
        let datagrams = after.datagrams - before.datagrams;
        let bytes = per(after.datagram_bytes - before.datagram_bytes + HEADERS * datagrams);
        let text = format!(
            "idle: {:.2} datagrams, {bytes:.0} bytes of gossip with headers and {:.0} bytes of state \
             sync per node and second",
            per(datagrams),
            per(after.stream_bytes - before.stream_bytes),
        );
        self.line(text)?;
        self.check()
    }

    /// Whether few probes are late or lost.
    fn is_calm(&self) -> bool {
        self.scenario.loss <= 0.02 && self.scenario.jitter <= 10.0
    }

    /// Lets nothing happen until `end`. That has bounds of its own, and nobody is taken for dead, except
    /// where probes are late or lost: asking others to probe costs more.
    fn rest(&mut self, end: Duration) {
        let calm = self.is_calm();
        let since = self.world.now();
        self.world.oracle().bounds.rest(calm.then_some(since));
        self.world.oracle().verdicts.rest(calm);
        self.world.run_until(end);
        self.world.oracle().bounds.rest(None);
        self.world.oracle().verdicts.rest(false);
    }

    /// Lets things go wrong until `stop`, then makes everything well.
    fn faults(&mut self, stop: Duration) -> anyhow::Result<()> {
        let kinds = &self.scenario.faults;
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        self.line(format!("faults: {}", names.join(", ")))?;
        let interval = Duration::from_secs(self.scenario.fault_interval);
        let mut undos: Vec<(Duration, Undo)> = Vec::new();
        let mut next = self.world.now();
        while next < stop {
            while let Some(first) = earliest(&undos, next) {
                let (at, undo) = undos.remove(first);
                self.world.run_until(at.max(self.world.now()));
                self.undo(undo)?;
            }
            self.world.run_until(next);
            let kind = kinds[self.world.pick(kinds.len())];
            if let Some((until, undo)) = self.strike(kind, &undos, stop.min(next + interval))? {
                undos.push((until, undo));
            }
            let pause = 2 * interval.as_millis() as usize + 1;
            next = self.world.now() + Duration::from_millis(self.world.pick(pause) as u64);
        }
        for (_, undo) in undos {
            self.undo(undo)?;
        }
        self.world.network.heal();
        for host in self.world.running() {
            self.world.set_pace(host, Pace::Prompt);
        }
        self.line(format!("{} everything healed", seconds(self.world.now())))
    }

    fn undo(&mut self, undo: Undo) -> anyhow::Result<()> {
        let at = self.world.now();
        self.world.oracle().journal.fault(at, format!("over: {undo:?}"));
        undo.apply(self.world);
        self.check()
    }

    /// One fault; when it is to be taken back, and how.
    fn strike(
        &mut self,
        kind: Fault,
        undos: &[(Duration, Undo)],
        limit: Duration,
    ) -> anyhow::Result<Option<(Duration, Undo)>> {
        // With losses a namesake may be asked in vain, and be believed to be dead for a moment.
        let calm = self.scenario.loss == 0.0 && self.world.agreed();
        let before = self.world.cost();
        let at = self.world.now();
        let guarded = self.world.oracle().names.release();
        let strike = kind.strike(self.world);
        let undo = strike.as_ref().map(|strike| &strike.undo);
        // The first of two of one name is undisturbed whatever happens to others meanwhile.
        let first = match undo {
            Some(Undo::Impostor(impostor)) if calm => {
                Some(self.world.population().called_first(*impostor))
            }
            Some(undo) => guarded.filter(|first| undo.spares(*first)),
            None => guarded,
        };
        let spared = |first: &usize| undos.iter().all(|(_, undo)| undo.spares(*first));
        if let Some(first) = first.filter(spared) {
            self.world.oracle().names.guard(first);
        }
        let Some(Strike { whom, undo }) = strike else {
            return Ok(None);
        };
        let what = format!("{} of {whom}", kind.as_str());
        self.world.oracle().journal.fault(at, what.clone());
        let struck = self.world.now();
        let until = struck + Undo::after(self.world);
        // Whoever is parted from others cannot agree with them before that is over.
        let over = undos.iter().map(|(at, _)| *at).chain([until]).min().unwrap_or(limit);
        let agreed = match self.world.run_until_agreed(limit.min(over).max(struck)) {
            // Short or one-sided faults may end before anybody is taken for dead.
            Some(then) if then == struck => "no view has changed".to_owned(),
            Some(then) => format!("agreed after {}", seconds(then - struck)),
            None => "not agreed before the next change".to_owned(),
        };
        let (lasts, moves) = (seconds(until - struck), self.world.cost().starts - before.starts);
        self.line(format!("{} {what} for {lasts}: {agreed}, {moves} starts", seconds(at)))?;
        self.check()?;
        Ok(Some((until, undo)))
    }

    fn finish(&mut self, end: Duration) -> anyhow::Result<()> {
        let healed = self.world.now();
        match self.world.run_until_agreed(healed + RECOVERY) {
            Some(at) => self.line(format!("one view {} after healing", seconds(at - healed)))?,
            None => self.fail("the nodes do not agree")?,
        }
        self.check()?;
        self.world.run_until(self.world.now() + SETTLED);
        let moves = self.settled()?;
        self.rest(end.max(self.world.now() + STILL));
        if !self.world.agreed() {
            self.fail("the nodes agreed, and do no more")?;
        }
        let later = self.settled()?;
        if moves != later {
            self.fail(&format!("all was settled, and {} targets moved", later - moves))?;
        }
        let (cost, checks) = (self.world.cost(), self.world.checks());
        let text = format!(
            "{} starts, {} stops; {:.0} target-seconds unowned, {:.0} doubled; deaths found: {} true, \
             {} false; {} name clashes; a node sent at most {} datagrams in a second, and {} with {} bytes in \
             ten idle seconds",
            cost.starts,
            cost.stops,
            checks.ownership.unowned_seconds,
            checks.ownership.doubled_seconds,
            checks.verdicts.right,
            checks.verdicts.wrong,
            checks.names.clashes,
            checks.bounds.busiest.datagrams,
            checks.bounds.idlest.datagrams,
            checks.bounds.idlest.bytes,
        );
        self.line(text)
    }

    /// Each target is collected by one node; how many were started and stopped so far.
    fn settled(&mut self) -> anyhow::Result<u64> {
        let (unowned, doubled) = (self.world.checks().unowned(), self.world.checks().doubled());
        if unowned + doubled > 0 {
            self.fail(&format!("{unowned} targets unowned and {doubled} owned twice"))?;
        }
        self.check()?;
        let cost = self.world.cost();
        Ok(cost.starts + cost.stops)
    }

    fn line(&mut self, text: String) -> anyhow::Result<()> {
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    fn check(&mut self) -> anyhow::Result<()> {
        for host in 0..self.world.hosts() {
            let swim = self.world.core(host).and_then(node::core::Core::swim);
            let inconsistencies = swim.map_or(0, |swim| swim.counters().inconsistencies);
            if inconsistencies > 0 {
                self.fail(&format!("host {host} has {inconsistencies} inconsistencies"))?;
            }
        }
        let violations = self.world.checks().violations();
        if violations.is_empty() { Ok(()) } else { bail!("{}", violations.join("\n")) }
    }

    fn fail(&mut self, what: &str) -> anyhow::Result<()> {
        bail!("at {}: {what}", seconds(self.world.now()))
    }
}

/// Which of `undos` comes first, if one comes before `limit`.
fn earliest(undos: &[(Duration, Undo)], limit: Duration) -> Option<usize> {
    let due = undos.iter().enumerate().filter(|(_, (at, _))| *at <= limit);
    due.min_by_key(|(_, (at, _))| *at).map(|(index, _)| index)
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
