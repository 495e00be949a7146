//! What should have arrived at the backend, and waiting until it has.

use std::time::Duration;

use anyhow::ensure;

use super::super::course::{Expected, on_the_way};
use super::{PATIENCE, Stage, is_relabelled, now};
use crate::ledger::Account;

/// How often it is looked whether everything has arrived: that costs a look at every sample. With
/// long intervals, which are for many targets, it is looked less often.
const LOOK: Duration = Duration::from_millis(700);

impl Stage<'_> {
    /// What a backend should have by now: until the end of what was played.
    pub(in super::super) fn expected(&self) -> Vec<Expected> {
        self.expected_until(now())
    }

    fn expected_until(&self, until: i64) -> Vec<Expected> {
        let mut expected = Vec::new();
        for target in 0..self.fleet.len() {
            let instance = self.fleet.address(target).to_string();
            let first = Expected {
                instance,
                release: "1".to_owned(),
                series: self.series,
                from: self.from,
                until,
                ends: false,
            };
            match self.relabelled {
                Some((began, done)) if is_relabelled(target) => {
                    // What comes later is another target, with ticks of its own.
                    // All nodes know it when the last has reloaded, and its next tick is due within an
                    // interval: that and all later ones are collected.
                    let from = done + self.millis();
                    let second = Expected { release: "2".to_owned(), from, until, ..first.clone() };
                    expected.push(Expected { until: began, ends: true, ..first });
                    expected.push(second);
                }
                _ => expected.push(first),
            }
        }
        expected
    }

    /// Waits until something from after an instant has arrived of every target: what is older and not
    /// there will not come. Gives up when nothing of the time before it has come for so long: after
    /// an outage it takes a while.
    pub(super) async fn until_arrived(
        &mut self,
        until: i64,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let expected = self.expected_until(until);
        let ledger = self.ledger.clone();
        let cluster = &mut self.cluster;
        let mut progress = (0, tokio::time::Instant::now());
        loop {
            tokio::time::sleep(LOOK.max(self.interval / 5)).await;
            cluster.running().try_for_each(|node| node.child.check_alive())?;
            let account = ledger.account().await?;
            let late = on_the_way(&account, &expected);
            let Some(first) = late.first() else { return Ok(()) };
            let arrived = account.arrived_until(until);
            if arrived > progress.0 {
                progress = (arrived, tokio::time::Instant::now());
            }
            ensure!(
                progress.1.elapsed() < patience,
                "nothing for {} s, and {} of {} targets have not arrived, {} among them",
                patience.as_secs(),
                late.len(),
                expected.len(),
                first.instance,
            );
        }
    }

    /// What the backend has of the targets that are expected, once all that comes has come.
    pub(in super::super) async fn account(
        &mut self,
        expected: &[Expected],
    ) -> anyhow::Result<Account> {
        let until = expected.iter().map(|expected| expected.until).max().unwrap_or(self.from);
        if let Err(error) = self.until_arrived(until, PATIENCE / 2).await {
            // The table will show what is missing.
            tracing::warn!(%error, "not everything has arrived");
        }
        // What was held back comes last, and out of the order of targets.
        self.wait(self.interval.max(Duration::from_secs(2))).await?;
        self.backend.account(&self.ledger, self.from).await
    }
}
