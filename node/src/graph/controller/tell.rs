//! What becomes of nodes, as the log tells it.

use std::collections::BTreeMap;
use std::fmt;

use tracing::{error, info, warn};

use super::Controller;
use crate::graph::id::ComponentId;
use crate::graph::live::{Live, Verdict};
use crate::graph::plan::Plan;

/// How many names stand in one line. A guess: enough to see what is concerned, and a line that can
/// still be read.
const NAMED: usize = 10;

impl Controller {
    /// Logs what broke since the last time, and what is well again. What keeps failing in one way is
    /// told once; those that only wait for it are told together.
    pub(super) fn tell(&mut self) {
        let mut waiting = Vec::new();
        let mut resumed = Names::default();
        for (index, (node, live)) in self.plan.nodes.iter().zip(&mut self.live).enumerate() {
            match live.untold() {
                Some(Verdict::Broken(error)) => {
                    error!(node = %node.id, error, "failed to evaluate");
                }
                Some(Verdict::Mended) => info!(node = %node.id, "evaluated again"),
                Some(Verdict::Waits) => waiting.push(index),
                Some(Verdict::Resumed) => resumed.add(&node.id),
                None => {}
            }
        }
        for (cause, names) in waits(&self.plan, &self.live, waiting) {
            warn!(nodes = %names, waiting_for = %cause, "cannot be evaluated yet");
        }
        if resumed.count > 0 {
            info!(nodes = %resumed, "no longer wait");
        }
    }
}

/// Nodes that wait, by what it all depends on: that which does not wait itself.
pub(super) fn waits<'a>(
    plan: &'a Plan,
    lives: &'a [Live],
    waiting: impl IntoIterator<Item = usize>,
) -> BTreeMap<&'a ComponentId, Names> {
    let on: BTreeMap<&ComponentId, &ComponentId> = plan
        .nodes
        .iter()
        .zip(lives)
        .filter_map(|(node, live)| Some((&node.id, live.waits_for.as_ref()?)))
        .collect();
    let mut waits = BTreeMap::<_, Names>::new();
    for index in waiting {
        let id = &plan.nodes[index].id;
        let mut cause = id;
        // No longer than there are nodes, should they wait for each other.
        for _ in 0..on.len() {
            let Some(next) = on.get(cause) else { break };
            cause = next;
        }
        waits.entry(cause).or_default().add(id);
    }
    waits
}

/// The first of some names, and how many more there are.
#[derive(Debug, Default)]
pub(super) struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    fn add(&mut self, id: &ComponentId) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(id.to_string());
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
