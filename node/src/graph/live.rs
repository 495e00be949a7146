//! What a node of the plan is while it runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use syntax::{Evaluated, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::{Health, HealthState};
use super::id::ComponentId;
use crate::components::{Running, Work};

/// The running side of a node.
pub(super) struct Live {
    /// The arguments in force.
    pub evaluated: Option<Arc<Evaluated>>,
    /// What its readers were evaluated with; none when it has nothing to give yet.
    pub exports: Option<Value>,
    /// How the last evaluation went.
    pub evaluation: Health,
    /// The component, if it is one and could be made.
    pub component: Option<Component>,
    /// For an import of a file: says when the file changed.
    pub watch: Option<FileWatch>,
    /// What has nothing to give to it yet, if that is why it cannot be evaluated.
    pub waits_for: Option<ComponentId>,
    /// When to try again what failed.
    pub retry: Option<Retry>,
    /// What was last told of its failing; none while it does not fail.
    told: Option<Told>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            evaluated: None,
            exports: None,
            evaluation: Health::unknown(),
            component: None,
            watch: None,
            waits_for: None,
            retry: None,
            told: None,
        }
    }
}

/// What was told of a node that cannot be evaluated.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Why, since it fails itself.
    Reason(String),
    /// That it waits for this one.
    Waiting(ComponentId),
}

/// What became of a node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// It cannot be evaluated, for this reason.
    Broken(&'a str),
    /// It can be evaluated again.
    Mended,
    /// It waits for another.
    Waits,
    /// It waited, and no longer does.
    Resumed,
}

impl Live {
    /// What there is to tell of it that was not told before; it counts as told then.
    pub(super) fn untold(&mut self) -> Option<Verdict<'_>> {
        if self.evaluation.state != HealthState::Unhealthy {
            return self.told.take().map(|told| match told {
                Told::Reason(_) => Verdict::Mended,
                Told::Waiting(_) => Verdict::Resumed,
            });
        }
        let now = match &self.waits_for {
            Some(other) => Told::Waiting(other.clone()),
            None => Told::Reason(self.evaluation.message.clone()),
        };
        if self.told.as_ref() == Some(&now) {
            return None;
        }
        Some(match self.told.insert(now) {
            Told::Reason(reason) => Verdict::Broken(reason),
            Told::Waiting(_) => Verdict::Waits,
        })
    }

    /// Everything is as it should be.
    pub(super) fn succeeded(&mut self) {
        self.retry = None;
        self.waits_for = None;
        if self.evaluation.state != HealthState::Healthy {
            self.evaluation = Health::healthy("component evaluated");
        }
    }

    /// Something is wrong, and may be right again when a value changes.
    pub(super) fn failed(&mut self, message: impl Into<String>) {
        self.waits_for = None;
        let message = message.into();
        if self.evaluation.state != HealthState::Unhealthy || self.evaluation.message != message {
            self.evaluation = Health::unhealthy(message);
        }
    }

    /// Another node has nothing to give to it yet.
    pub(super) fn waits(&mut self, other: &ComponentId) {
        self.failed(format!("waits for {other}"));
        self.waits_for = Some(other.clone());
    }

    /// Something is wrong, and trying again may help.
    pub(super) fn failed_for_now(&mut self, message: impl Into<String>) {
        self.failed(message);
        let attempt = self.retry.as_ref().map_or(0, |retry| retry.attempt + 1);
        self.retry = Some(Retry { at: Instant::now() + backoff(attempt), attempt });
    }
}

/// A second attempt of something that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub at: Instant,
    pub attempt: u32,
}

/// Twice as long each time, from a second to a minute.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.min(6)).min(Duration::from_secs(60))
}

/// A component that was made.
pub(super) struct Component {
    pub handle: Arc<dyn Running>,
    /// Stops it.
    pub cancel: CancellationToken,
    /// Says that it stops because the configuration has it no more.
    pub removed: CancellationToken,
    /// Cancelled once its work has ended.
    pub done: CancellationToken,
    /// Its work, until it is run.
    pub work: Option<Work>,
    /// Ends its work by force.
    pub abort: Option<AbortHandle>,
    pub exported: watch::Receiver<Value>,
    pub reported: watch::Receiver<Health>,
    /// Set when its work has ended though nobody asked it to.
    pub exited: watch::Receiver<Option<Health>>,
    pub exit: watch::Sender<Option<Health>>,
}

impl Component {
    /// What has to be done to stop it.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping {
            cancel: self.cancel.clone(),
            removed: self.removed.clone(),
            done: self.done.clone(),
            abort: self.abort.clone(),
            // What was never run has nothing to end.
            running: self.work.is_none(),
        }
    }
}

/// What it takes to stop a component.
#[derive(Debug, Clone)]
pub(super) struct Stopping {
    cancel: CancellationToken,
    removed: CancellationToken,
    done: CancellationToken,
    abort: Option<AbortHandle>,
    running: bool,
}

impl Stopping {
    /// It stops because the configuration has it no more.
    pub(super) fn removed(&self) {
        self.removed.cancel();
    }
}

/// Stops components, level by level: nobody is stopped while something still sends to it. What is
/// not done by the deadline is ended by force; returns how many were.
pub(super) async fn stop(levels: Vec<Vec<Stopping>>, deadline: Duration) -> usize {
    let deadline = Instant::now() + deadline;
    let mut forced = 0;
    for level in levels {
        for stopping in &level {
            stopping.cancel.cancel();
        }
        for stopping in level.iter().filter(|stopping| stopping.running) {
            if tokio::time::timeout_at(deadline, stopping.done.cancelled()).await.is_err() {
                forced += 1;
                if let Some(abort) = &stopping.abort {
                    abort.abort();
                }
            }
        }
    }
    forced
}

/// An import's file, being watched.
pub(super) struct FileWatch {
    pub watched: super::imports::Watched,
    pub touched: watch::Receiver<u64>,
    pub cancel: CancellationToken,
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// How loading the configuration went, for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadStatus {
    /// Whether the last attempt succeeded.
    pub successful: bool,
    /// When the last successful attempt was.
    pub last_success: Option<SystemTime>,
    /// How many attempts failed.
    pub failures: u64,
    /// The SHA-256 of the configuration that runs, in hexadecimal: for a single file without imports
    /// that of the file, else of all texts one after another.
    pub sha256: String,
    /// Why the last attempt was refused, so that the configuration before it runs on. None if it was
    /// taken over, even if some of its components failed.
    pub refusal: Option<String>,
}
