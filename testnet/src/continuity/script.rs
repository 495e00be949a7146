//! What happens in each scenario.

use std::time::{Duration, Instant};

use super::stage::{Stage, Variant};
use super::table::{Crash, Goal};
use super::{Arguments, Scenario};

/// Plays a scenario, and says what it may have cost.
pub(super) async fn perform(stage: &mut Stage<'_>, arguments: &Arguments) -> anyhow::Result<Goal> {
    stage.begin().await?;
    let nodes = stage.cluster.setups().len();
    let mut goal = Goal::default();
    match arguments.scenario {
        Scenario::RollingRestart | Scenario::Skew => rolling_restart(stage, nodes).await?,
        Scenario::Scale => scale(stage).await?,
        Scenario::ReloadUnrelated => reload(stage, Variant::Unrelated).await?,
        Scenario::ReloadRelabel => reload(stage, Variant::HalfRelabelled).await?,
        Scenario::Kill => goal.crash = Some(kill(stage, nodes).await?),
        Scenario::BackendAway => backend_away(stage, nodes, arguments.outage).await?,
        Scenario::Partition | Scenario::Flapping => anyhow::bail!("needs hosts"),
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
    let (node, at) = stage.kill(nodes / 2).await?;
    let began = Instant::now();
    stage.until_all_see(nodes - 1).await?;
    let detection = began.elapsed();
    stage.pause(8).await?;
    Ok(Crash { node, at, detection })
}

/// Of five nodes two are left; of these one is killed while the backend is away, and started again.
async fn backend_away(stage: &mut Stage<'_>, nodes: usize, outage: Duration) -> anyhow::Result<()> {
    stage.pause(2).await?;
    stage.backend_away().await?;
    stage.wait(outage / 4).await?;
    for node in (2..nodes).rev() {
        stage.stop(&[node]).await?;
    }
    stage.wait(outage / 4).await?;
    stage.kill(1).await?;
    stage.pause(2).await?;
    stage.start(&[1]).await?;
    stage.wait(outage / 2).await?;
    stage.backend_back().await?;
    stage.pause(5).await
}
