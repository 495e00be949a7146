//! What the graph tells of its own work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::health::HealthState;
use super::id::ComponentId;
use super::publish::Published;
use crate::telemetry::histogram::SECONDS;
use crate::telemetry::{Exposition, Histogram, Registration, Registry};

/// An evaluation that takes longer is called slow, which Alloy's alerts ask for.
const SLOW: Duration = Duration::from_secs(60);

/// Counts of evaluations.
#[derive(Debug)]
pub(super) struct Measure {
    evaluating: AtomicUsize,
    queue: AtomicUsize,
    seconds: Histogram,
    /// From a change to the evaluation of who reads it.
    waits: Histogram,
    /// Seconds in slow evaluations, by component; empty unless something is wrong.
    slow: Mutex<BTreeMap<ComponentId, f64>>,
}

impl Default for Measure {
    fn default() -> Self {
        Self {
            evaluating: AtomicUsize::new(0),
            queue: AtomicUsize::new(0),
            seconds: Histogram::new(SECONDS),
            waits: Histogram::new(SECONDS),
            slow: Mutex::default(),
        }
    }
}

impl Measure {
    /// So many nodes are to be evaluated.
    pub(super) fn queued(&self, nodes: usize) {
        self.queue.store(nodes, Ordering::Relaxed);
    }

    /// An evaluation begins; the nodes were to be evaluated since `since`.
    pub(super) fn begin(&self, since: Instant) -> Instant {
        self.evaluating.store(1, Ordering::Relaxed);
        let now = Instant::now();
        self.waits.observe(now.duration_since(since).as_secs_f64());
        now
    }

    /// An evaluation ends that began at `began`.
    pub(super) fn end(&self, id: &ComponentId, began: Instant) {
        self.evaluating.store(0, Ordering::Relaxed);
        let took = began.elapsed();
        self.seconds.observe(took.as_secs_f64());
        if took > SLOW {
            let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
            *slow.entry(id.clone()).or_default() += took.as_secs_f64();
        }
    }

    /// Puts it on the page, with the edges of the graph and how its nodes fare.
    pub(super) fn register(
        self: &Arc<Self>,
        registry: &Registry,
        published: watch::Receiver<Arc<Published>>,
    ) -> Registration {
        let measure = Arc::clone(self);
        registry.register(&[], move |page| {
            measure.collect(page);
            let published = Arc::clone(&published.borrow());
            let states: Vec<HealthState> = published.states().collect();
            for state in HealthState::ALL {
                let in_state = states.iter().filter(|&&is| is == state).count();
                page.gauge(
                    "alloy_component_controller_running_components",
                    "Components, imports and blocks of the process, by how they fare.",
                    &[("health_type", state.as_str())],
                    in_state as f64,
                );
            }
            for (from, to) in published.connections() {
                page.gauge(
                    "alloy_component_graph_connection",
                    "One component reads another; always 1.",
                    &[("from", &from), ("to", &to)],
                    1.0,
                );
            }
        })
    }

    fn collect(&self, page: &mut Exposition) {
        page.gauge(
            "alloy_component_controller_evaluating",
            "Whether a component is being evaluated.",
            &[],
            self.evaluating.load(Ordering::Relaxed) as f64,
        );
        page.gauge(
            "alloy_component_evaluation_queue_size",
            "Components that wait to be evaluated.",
            &[],
            self.queue.load(Ordering::Relaxed) as f64,
        );
        page.histogram(
            "alloy_component_evaluation_seconds",
            "Time it took to evaluate a component.",
            &[],
            &self.seconds.snapshot(),
        );
        page.histogram(
            "alloy_component_dependencies_wait_seconds",
            "Time a component waited to be evaluated after what it reads had changed.",
            &[],
            &self.waits.snapshot(),
        );
        for (id, seconds) in self.slow.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let path = id.path();
            page.counter(
                "alloy_component_evaluation_slow_seconds",
                "Time spent in evaluations that took longer than a minute.",
                &[("component_id", &id.local), ("component_path", &path)],
                *seconds,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_takes_longer_than_a_minute_is_called_slow() {
        let measure = Measure::default();
        for (id, seconds) in [("quick", 60), ("a.b/slow", 61), ("a.b/slow", 62)] {
            let since = Instant::now();
            tokio::time::advance(Duration::from_secs(1)).await;
            let began = measure.begin(since);
            tokio::time::advance(Duration::from_secs(seconds)).await;
            measure.end(&ComponentId::parse(id), began);
        }
        let mut page = Registry::default().exposition();
        measure.collect(&mut page);
        let labels = [("component_id", "slow"), ("component_path", "/a.b")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(page.samples("alloy_component_evaluation_slow_seconds"), [(labels, 123.0)]);
        let text = page.text();
        assert!(text.contains("alloy_component_dependencies_wait_seconds_sum 3\n"), "{text}");
        assert!(text.contains("alloy_component_evaluation_seconds_count 3\n"), "{text}");
    }
}
