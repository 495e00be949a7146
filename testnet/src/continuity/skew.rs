//! Clocks that differ.
//!
//! A process is given another time by a library that stands before the C library. The usual one,
//! libfaketime, allocates when it is asked for the first time, which an allocator that looks at the
//! clock does not survive; this one only adds.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use tokio::process::Command;

use crate::process::{Cluster, World, eventually, http};

/// The library.
const SOURCE: &str = include_str!("skew/skew.c");

/// Gives every node a clock that [`set`] sets.
pub(super) async fn give(cluster: &mut Cluster, world: &World) -> anyhow::Result<()> {
    let folder = world.folder("skew")?;
    let (source, library) = (folder.join("skew.c"), folder.join("skew.so"));
    std::fs::write(&source, SOURCE)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
    let done = compiler.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "`cc` cannot compile {}: {said}", source.display());
    for setup in cluster.setups_mut() {
        setup.env.push(("LD_PRELOAD".to_owned(), library.display().to_string()));
    }
    Ok(())
}

/// Has the clock of every node that is not started yet go fast, but for the first: the last one by this.
pub(super) fn set(cluster: &mut Cluster, apart: Duration) {
    let last = cluster.setups().len().saturating_sub(1).max(1);
    for (index, setup) in cluster.setups_mut().iter_mut().enumerate() {
        let millis = apart.as_millis() * index as u128 / last as u128;
        setup.env.push(("TESTNET_SKEW_MS".to_owned(), millis.to_string()));
    }
}

/// Waits until the first node has found by how much the clock of another one differs; and, where that is more
/// than it may be, a tenth of the interval, until it has said so in its log, in the audit and on its page.
pub(super) async fn until_told(
    cluster: &mut Cluster,
    apart: Duration,
    interval: Duration,
    patience: Duration,
) -> anyhow::Result<()> {
    let node = cluster.node(0);
    let (audit, page) = (node.url("/api/v1/audit"), node.url("/clustering"));
    eventually("the first node to find that clocks differ", patience, async || {
        let audit = http::json(&audit).await?;
        // The clock of the last one; on a busy machine an estimate is off by some milliseconds.
        let wanted = apart.as_secs_f64();
        let found = |peer: &Value| {
            let off = |skew: f64| (skew.abs() - wanted).abs() <= (wanted / 8.0).max(0.02);
            peer["clock_skew_seconds"].as_f64().is_some_and(off)
        };
        let peers = audit["peers"].as_array().map_or(&[][..], Vec::as_slice);
        ensure!(peers.iter().any(found), "no clock is {wanted} s away: {audit}");
        if apart <= interval / 10 {
            return Ok(());
        }
        let log = node.child.log()?;
        ensure!(log.contains("the clock of a peer differs by more than a tenth"), "not in its log");
        let differs = |peer: &Value| peer["clock_differs"] == true;
        ensure!(peers.iter().any(differs), "{audit}");
        let page = http::text(&page).await?;
        ensure!(page.contains("have clocks that differ by more than a tenth"), "not on its page");
        Ok(())
    })
    .await
}
