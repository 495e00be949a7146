//! What a component is given besides its arguments.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::MemoryDialer;
use syntax::{Exports, Value};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::cluster;
use crate::graph::{ComponentId, Health, HealthState};
use crate::telemetry::{Exposition, Registration, Registry as Telemetry};

/// What every component may use of the process around it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    /// Who owns what; without it this node owns everything.
    pub cluster: Option<cluster::Handle>,
    /// Where figures about the component go.
    pub telemetry: Telemetry,
    /// Where components keep their files.
    pub storage_path: PathBuf,
    /// Reaches this process without a network, under an address of its own.
    pub memory: Option<MemoryDialer>,
    /// Under what name this process writes of itself: the machine's, or the node's in a cluster,
    /// since several nodes may share a machine and would write each other's series.
    pub instance: String,
    /// How long a component may take to stop.
    pub shutdown_deadline: Duration,
}

/// What one component is given.
#[derive(Debug)]
pub struct Context<E> {
    /// Its name.
    pub id: ComponentId,
    /// Where it may keep files; not created yet.
    pub directory: PathBuf,
    /// Cancelled when the component is to stop.
    pub cancel: CancellationToken,
    /// Cancelled before that if it stops because the configuration has it no more, rather than
    /// because the process ends or it is made anew.
    pub removed: CancellationToken,
    /// Where its exports go.
    pub exports: Exporter<E>,
    /// Where it says how it is.
    pub health: HealthReport,
    /// The process around it.
    pub services: Services,
}

impl<E> Context<E> {
    /// Publishes figures under the labels that say which component they belong to.
    pub fn measure(
        &self,
        collect: impl Fn(&mut Exposition) + Send + Sync + 'static,
    ) -> Registration {
        let path = self.id.path();
        let labels = [("component_id", self.id.local.as_str()), ("component_path", path.as_str())];
        self.services.telemetry.register(&labels, collect)
    }
}

/// Where a component puts its exports. The graph evaluates whoever reads them when they change;
/// several changes in a row may be seen as one.
#[derive(Debug)]
pub struct Exporter<E> {
    value: watch::Sender<Value>,
    changed: Arc<Notify>,
    exports: PhantomData<fn(E)>,
}

impl<E> Clone for Exporter<E> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), changed: Arc::clone(&self.changed), exports: PhantomData }
    }
}

impl<E: Exports> Exporter<E> {
    /// Replaces the exports. Equal ones change nothing.
    pub fn set(&self, exports: &E) {
        let value = exports.to_value();
        let changed = self.value.send_if_modified(|current| {
            let differs = *current != value;
            if differs {
                *current = value;
            }
            differs
        });
        if changed {
            self.changed.notify_one();
        }
    }
}

impl<E> Exporter<E> {
    /// An exporter, and where its exports are read: null until they are set.
    pub(crate) fn new(changed: Arc<Notify>) -> (Self, watch::Receiver<Value>) {
        let (value, values) = watch::channel(Value::Null);
        (Self { value, changed, exports: PhantomData }, values)
    }

    pub(super) fn typed<T>(self) -> Exporter<T> {
        Exporter { value: self.value, changed: self.changed, exports: PhantomData }
    }
}

/// Where a component says how it is.
#[derive(Debug, Clone)]
pub struct HealthReport {
    health: watch::Sender<Health>,
    changed: Arc<Notify>,
}

impl HealthReport {
    /// A report, and where it is read.
    pub(crate) fn new(changed: Arc<Notify>) -> (Self, watch::Receiver<Health>) {
        let (health, reports) = watch::channel(Health::healthy("started component"));
        (Self { health, changed }, reports)
    }

    /// It cannot say yet.
    pub fn unknown(&self, message: impl Into<String>) {
        self.set(Health::now(HealthState::Unknown, message));
    }

    /// It works.
    pub fn healthy(&self, message: impl Into<String>) {
        self.set(Health::healthy(message));
    }

    /// It does not, for this reason.
    pub fn unhealthy(&self, message: impl Into<String>) {
        self.set(Health::unhealthy(message));
    }

    fn set(&self, health: Health) {
        let changed = self.health.send_if_modified(|current| {
            let differs = (current.state, &current.message) != (health.state, &health.message);
            if differs {
                *current = health;
            }
            differs
        });
        if changed {
            self.changed.notify_one();
        }
    }
}
