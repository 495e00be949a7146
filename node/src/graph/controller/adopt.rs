//! From one plan to the next, and what a change entails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ownership::audit::Fingerprint;
use tokio::time::Instant;
use tracing::warn;

use super::{Controller, Refused};
use crate::graph::evaluate;
use crate::graph::id::ComponentId;
use crate::graph::live::{self, Live, Stopping};
use crate::graph::plan::{Plan, Role};
use crate::graph::prepare::Prepared;

/// How often imports may change each other's texts before the rest waits for the next change.
const MAX_ROUNDS: usize = 32;

impl Controller {
    /// Makes a plan the one that runs. Nodes of the same id go on, and are told only if what they
    /// are given differs; what is no longer in the plan is stopped once nothing sends to it.
    pub(super) async fn adopt(&mut self, prepared: Prepared) {
        self.take_over(prepared);
        self.evaluate_all().await;
    }

    /// Tells the cluster of a configuration before it changes anything, so that the moves of targets
    /// that it changes have it for their cause.
    pub(super) async fn announce(&mut self, prepared: &Prepared) {
        let config = Fingerprint::parse(&prepared.plan.sha256);
        if let (Some(cluster), Some(config)) = (&self.settings.services.cluster, config) {
            // A cluster that is gone has said why.
            let _ = cluster.set_config(config).await;
        }
    }

    fn take_over(&mut self, prepared: Prepared) {
        let Prepared { plan, texts, contents } = prepared;
        super::say_doubts(&plan);
        let old = std::mem::replace(&mut self.plan, plan);
        let lives = std::mem::take(&mut self.live);
        let kept: Vec<&ComponentId> = self.plan.nodes.iter().map(|node| &node.id).collect();
        let kept: std::collections::BTreeSet<&ComponentId> = kept.into_iter().collect();
        let gone: Vec<bool> = old.nodes.iter().map(|node| !kept.contains(&node.id)).collect();
        let levels = levels(&old, &lives, |index| gone[index]);
        let mut by_id: BTreeMap<ComponentId, Live> =
            old.nodes.into_iter().map(|node| node.id).zip(lives).collect();
        self.live =
            self.plan.nodes.iter().map(|node| by_id.remove(&node.id).unwrap_or_default()).collect();
        self.texts = texts;
        self.contents = contents;
        // What did not fit the plan before may fit this one.
        self.refused.clear();
        levels.iter().flatten().for_each(Stopping::removed);
        self.removed.extend(levels);
        self.retire(by_id);
    }

    /// Remembers components that are to be stopped, until they have ended.
    fn retire(&mut self, removed: BTreeMap<ComponentId, Live>) {
        for (id, live) in removed {
            if let Some(component) = live.component
                && component.work.is_none()
            {
                self.leaving.insert(id, component.done);
            }
        }
    }

    /// Evaluates every node, and follows imports as far as they lead.
    pub(super) async fn evaluate_all(&mut self) {
        let all = vec![true; self.plan.nodes.len()];
        self.evaluate(all).await;
        for _ in 0..MAX_ROUNDS {
            if self.news.is_empty() {
                break;
            }
            self.replan().await;
            let all = vec![true; self.plan.nodes.len()];
            self.evaluate(all).await;
        }
        self.stop_removed();
    }

    /// Takes changes of exports, files and health, and what is due again, to whoever they concern.
    pub(super) async fn settle(&mut self) {
        let now = Instant::now();
        let mut dirty = vec![false; self.plan.nodes.len()];
        let readers = self.plan.readers();
        for index in 0..self.live.len() {
            if self.pick_up(index) {
                readers[index].iter().for_each(|&reader| dirty[reader] = true);
            }
            let live = &mut self.live[index];
            let touched = live.watch.as_mut().is_some_and(|watch| {
                let touched = watch.touched.has_changed().unwrap_or(false);
                watch.touched.mark_unchanged();
                touched
            });
            dirty[index] |= touched || live.retry.is_some_and(|retry| retry.at <= now);
        }
        self.leaving.retain(|_, done| !done.is_cancelled());
        self.evaluate(dirty).await;
        if !self.news.is_empty() {
            self.replan().await;
            self.evaluate_all().await;
        }
        self.tell();
        self.publish();
    }

    /// Evaluates nodes in order, and whoever reads what they change.
    async fn evaluate(&mut self, mut dirty: Vec<bool>) {
        let readers = self.plan.readers();
        let since = Instant::now();
        for at in 0..self.plan.order.len() {
            let index = self.plan.order[at];
            if !std::mem::take(&mut dirty[index]) {
                continue;
            }
            self.measure.queued(dirty.iter().filter(|dirty| **dirty).count());
            let began = self.measure.begin(since);
            let changed = self.evaluate_node(index).await;
            self.measure.end(&self.plan.nodes[index].id, began);
            if changed {
                readers[index].iter().for_each(|&reader| dirty[reader] = true);
            }
        }
        self.measure.queued(0);
    }

    /// Plans again with what imports have read. What does not fit leaves everything as it was, and
    /// its import unhealthy.
    async fn replan(&mut self) {
        let news = std::mem::take(&mut self.news);
        match self.prepare(Some(self.texts.clone()), &news).await {
            Ok(prepared) => {
                self.announce(&prepared).await;
                self.take_over(prepared);
            }
            Err(error) => {
                for (node, live) in self.plan.nodes.iter().zip(&mut self.live) {
                    if let Some(content) = news.get(&node.id) {
                        let why = error.to_string();
                        live.failed(why.as_str());
                        let refused = Refused { content: Arc::clone(content), why };
                        self.refused.insert(node.id.clone(), refused);
                    }
                }
            }
        }
    }

    /// Stops what is no longer in the plan, beside everything else.
    pub(super) fn stop_removed(&mut self) {
        let levels = std::mem::take(&mut self.removed);
        if levels.is_empty() {
            return;
        }
        let deadline = self.settings.services.shutdown_deadline;
        self.tasks.spawn(async move {
            let forced = live::stop(levels, deadline).await;
            if forced > 0 {
                warn!(forced, "removed components did not stop in time and were ended by force");
            }
        });
    }

    /// The components of the plan that runs, in the order they are to be stopped.
    pub(super) fn levels(&self) -> Vec<Vec<Stopping>> {
        levels(&self.plan, &self.live, |_| true)
    }

    /// Whether a node has new exports; they are then what its readers see.
    pub(super) fn pick_up(&mut self, index: usize) -> bool {
        let live = &mut self.live[index];
        let Some(component) = &mut live.component else { return false };
        // A component that exports once and never again has dropped its end.
        if !component.exported.has_changed().unwrap_or(true) {
            return false;
        }
        let value = component.exported.borrow_and_update().clone();
        let differs = live.exports.as_ref() != Some(&value);
        if differs {
            live.exports = Some(value);
        }
        differs
    }

    /// What the nodes that a node reads give; the index of one that has nothing to give.
    pub(super) fn scope_of(&self, index: usize) -> Result<syntax::Scope, usize> {
        let exports = |read: usize| self.live[read].exports.clone();
        evaluate::scope(&self.library, &self.plan.nodes[index], exports)
    }
}

/// Components in levels: those of a level are read by nobody but those of the levels before it.
fn levels(plan: &Plan, lives: &[Live], wanted: impl Fn(usize) -> bool) -> Vec<Vec<Stopping>> {
    let mut depth = vec![0usize; plan.nodes.len()];
    let mut levels: Vec<Vec<Stopping>> = Vec::new();
    for &index in plan.order.iter().rev() {
        let node = &plan.nodes[index];
        for &read in &node.dependencies {
            depth[read] = depth[read].max(depth[index] + 1);
        }
        let is_component = matches!(node.role, Role::Component(_));
        if let (true, true, Some(component)) =
            (is_component, wanted(index), &lives[index].component)
        {
            if levels.len() <= depth[index] {
                levels.resize_with(depth[index] + 1, Vec::new);
            }
            levels[depth[index]].push(component.stopping());
        }
    }
    levels.retain(|level| !level.is_empty());
    levels
}
