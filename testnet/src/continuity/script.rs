//! What happens in each scenario.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::stage::{EventKind, PATIENCE, Stage, Variant};
use super::table::{Crash, Goal, Suspicions};
use super::{Arguments, Scenario, skew};

/// Plays a scenario, and says what it may have cost.
pub(super) async fn perform(stage: &mut Stage<'_>, arguments: &Arguments) -> anyhow::Result<Goal> {
    if arguments.scenario == Scenario::Skew {
        skew::set(&mut stage.cluster, arguments.skew);
    }
    stage.begin().await?;
    let nodes = stage.cluster.setups().len();
    let mut goal = Goal::default();
    let outage = arguments.outage.unwrap_or(arguments.scenario.outage(arguments.interval));
    match arguments.scenario {
        Scenario::RollingRestart => {
            goal.planned = true;
            rolling_restart(stage, nodes).await?;
        }
        Scenario::Skew => {
            goal.planned = true;
            let (apart, interval) = (arguments.skew, arguments.interval);
            skew::until_told(&mut stage.cluster, apart, interval, PATIENCE).await?;
            rolling_restart(stage, nodes).await?;
        }
        Scenario::Scale => {
            goal.planned = true;
            scale(stage).await?;
        }
        Scenario::ReloadUnrelated => reload(stage, Variant::Unrelated).await?,
        Scenario::ReloadRelabel => reload(stage, Variant::HalfRelabelled).await?,
        Scenario::Kill => goal.crash = Some(kill(stage, nodes).await?),
        Scenario::BackendAway => {
            goal.crash = Some(backend_away(stage, nodes, outage).await?);
        }
        Scenario::Partition => {
            goal.overlap = Some(partition(stage, nodes, outage).await?);
        }
        Scenario::Flapping => goal.flapped = Some(flapping(stage, nodes, outage).await?),
    }
    Ok(goal)
}

async fn rolling_restart(stage: &mut Stage<'_>, nodes: usize) -> anyhow::Result<()> {
    stage.pause(2).await?;
    for node in 0..nodes {
        stage.stop(&[node]).await?;
        stage.start(&[node]).await?;
        stage.pause(2).await?;
    }
    stage.pause(2).await
}

async fn scale(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    const MORE: usize = 9;
    stage.pause(2).await?;
    let more = stage.add(MORE)?;
    stage.start(&more).await?;
    stage.pause(5).await?;
    stage.stop(&more).await?;
    stage.pause(4).await
}

async fn reload(stage: &mut Stage<'_>, variant: Variant) -> anyhow::Result<()> {
    stage.pause(4).await?;
    stage.reload(variant).await?;
    stage.pause(8).await
}

async fn kill(stage: &mut Stage<'_>, nodes: usize) -> anyhow::Result<Crash> {
    stage.pause(3).await?;
    let crash = crash(stage, nodes / 2, nodes - 1).await?;
    stage.pause(8).await?;
    Ok(crash)
}

/// Kills a node, and waits until each of the others, of which there are so many, knows.
async fn crash(stage: &mut Stage<'_>, node: usize, others: usize) -> anyhow::Result<Crash> {
    let (node, at) = stage.kill(node).await?;
    let began = Instant::now();
    stage.until_all_see(others).await?;
    Ok(Crash { node, at, detection: began.elapsed() })
}

/// Of five nodes two are left; of these one is killed while the backend is away, and started again.
/// That costs what a kill costs, and the backend's absence costs nothing.
async fn backend_away(
    stage: &mut Stage<'_>,
    nodes: usize,
    outage: Duration,
) -> anyhow::Result<Crash> {
    stage.pause(2).await?;
    stage.backend_away().await?;
    stage.wait(outage / 4).await?;
    for node in (2..nodes).rev() {
        stage.stop(&[node]).await?;
    }
    stage.wait(outage / 4).await?;
    let crash = crash(stage, 1, 1).await?;
    stage.pause(2).await?;
    stage.start(&[1]).await?;
    stage.wait(outage / 2).await?;
    stage.backend_back().await?;
    stage.pause(5).await?;
    Ok(crash)
}

/// How long two may go on to collect the same once all see each other, at least. Who is the owner now
/// claims at once and has its answer within two seconds or takes over without it; the rest is for a
/// machine that is busy.
const RESOLVED: Duration = Duration::from_secs(5);

/// The same in intervals: who is asked for a target finishes the scrape of it first, which may take one,
/// and the tick that comes meanwhile may be that of both.
const RESOLVED_INTERVALS: u32 = 2;

/// The first nodes and the last can do everything but reach each other. Returns until when both sides may
/// collect the same, in milliseconds since the Unix epoch.
async fn partition(stage: &mut Stage<'_>, nodes: usize, outage: Duration) -> anyhow::Result<i64> {
    let first: Vec<usize> = (0..nodes * 2 / 5).collect();
    let last: Vec<usize> = (first.len()..nodes).collect();
    stage.pause(3).await?;
    stage.note(EventKind::Harm, "partition");
    cut(stage, &first, &last, true).await?;
    stage.wait(outage).await?;
    for side in [&first, &last] {
        stage.until_alone(side).await?;
    }
    stage.note(EventKind::Planned, "healed");
    cut(stage, &first, &last, false).await?;
    stage.until_all_see(nodes).await?;
    stage.wait(RESOLVED.max(stage.interval() * RESOLVED_INTERVALS)).await?;
    let resolved = stage.note(EventKind::Planned, "no doubles from here");
    // What is judged: ticks of which there must be one.
    stage.pause(5).await?;
    Ok(resolved)
}

/// The last node and the others lose each other again and again, for less time than it takes to be
/// taken for dead. Returns what they thought of each other meanwhile.
async fn flapping(
    stage: &mut Stage<'_>,
    nodes: usize,
    outage: Duration,
) -> anyhow::Result<Suspicions> {
    const DOWN: Duration = Duration::from_millis(700);
    const UP: Duration = Duration::from_millis(1300);
    /// Cuts of 0.9 s have buried no node of five, and one of 1.7 s did.
    const OVERLONG: Duration = Duration::from_millis(1200);
    let (others, last): (Vec<usize>, [usize; 1]) = ((0..nodes - 1).collect(), [nodes - 1]);
    stage.pause(3).await?;
    let before = stage.suspicions().await?;
    stage.note(EventKind::Harm, "link flaps");
    let began = Instant::now();
    let mut overlong = 0;
    while began.elapsed() < outage {
        let down = Instant::now();
        cut(stage, &others, &last, true).await?;
        stage.wait(DOWN).await?;
        cut(stage, &others, &last, false).await?;
        overlong += u64::from(down.elapsed() > OVERLONG);
        stage.wait(UP).await?;
    }
    stage.note(EventKind::Planned, "link holds");
    stage.until_all_see(nodes).await?;
    // What was suspected last has been confirmed by then, if it is.
    stage.pause(8).await?;
    let after = stage.suspicions().await?;
    Ok(Suspicions {
        raised: after.raised - before.raised,
        confirmed: after.confirmed - before.confirmed,
        overlong,
    })
}

/// Cuts every link between some hosts and others, or mends all.
async fn cut(
    stage: &Stage<'_>,
    some: &[usize],
    others: &[usize],
    broken: bool,
) -> anyhow::Result<()> {
    let switch = stage.switch.as_ref().context("the nodes are on hosts")?;
    if !broken {
        return switch.heal().await;
    }
    switch.cut(some, others).await?;
    switch.cut(others, some).await
}
