//! `prometheus.remote_write`: delivers samples to backends, each by a durable log of its own.

mod abandoned;
mod arguments;
mod endpoint;
mod measure;
mod unavailable;

use std::sync::Arc;
use std::time::Duration;

use client::MemoryDialer;
use model::Batch;
use syntax::Exports;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::latest::Latest;
use super::receiver::MetricsReceiver;
use super::{Context, HealthReport, Kind, Refusal, Started, Updated};
use crate::telemetry::Registration;

pub use abandoned::sweep;
use arguments::{Input, Wanted};
use endpoint::{Endpoints, Surroundings};
use measure::Appended;

/// How long a log that could not be opened is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// How often the logs are asked whether their disks take what they write: as often as they try.
const LOOK: Duration = Duration::from_secs(1);

/// A running `prometheus.remote_write`.
pub(super) struct PrometheusRemoteWrite {
    wanted: Latest<Vec<Wanted>>,
    memory: Option<MemoryDialer>,
    _registration: Registration,
}

/// What `prometheus.remote_write` gives.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// Takes the samples to deliver.
    receiver: Arc<MetricsReceiver>,
}

impl Kind for PrometheusRemoteWrite {
    const NAME: &'static str = "prometheus.remote_write";
    const SUMMARY: &'static str =
        "Delivers samples to backends that speak Prometheus' remote write, by a queue on disk.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let wanted = arguments.endpoints()?;
        let surroundings = Surroundings::of(&context);
        let mut endpoints = Endpoints::new(surroundings);
        endpoints.open_all(wanted).await?;
        let (receiver, batches) = MetricsReceiver::new();
        context.exports.set(&Output { receiver });
        let appended = Arc::new(Appended::default());
        let measured = Arc::clone(&appended);
        let registration = context.measure(move |page| measured.collect(page));
        let wanted = Latest::empty();
        let component = Self {
            wanted: wanted.clone(),
            memory: context.services.memory,
            _registration: registration,
        };
        let work = Deliveries { endpoints, batches, wanted, appended, health: context.health };
        Ok(Started::new(component, work.run(context.cancel)))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        let wanted = arguments.endpoints()?;
        // What cannot be made is said now; the rest happens between two batches.
        for endpoint in &wanted {
            endpoint.client(self.memory.as_ref())?;
        }
        self.wanted.put(wanted);
        Ok(Updated::InPlace)
    }
}

/// The work of the component: batches in, to every endpoint out.
struct Deliveries {
    endpoints: Endpoints,
    batches: mpsc::Receiver<Arc<Batch>>,
    wanted: Latest<Vec<Wanted>>,
    appended: Arc<Appended>,
    health: HealthReport,
}

impl Deliveries {
    /// Delivers until told to stop; then takes what waits, since those that send have stopped, and
    /// leaves in the logs what the backends do not take in time.
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Refusal> {
        self.endpoints.run();
        let mut retry = Instant::now() + RETRY;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled(), if !self.batches.is_closed() => self.batches.close(),
                wanted = self.wanted.take() => self.endpoints.change(wanted).await,
                () = tokio::time::sleep_until(retry), if self.endpoints.some_are_closed() => {
                    self.endpoints.reopen().await;
                    retry = Instant::now() + RETRY;
                }
                _ = look.tick() => {}
                batch = self.batches.recv() => {
                    let Some(batch) = batch else { break };
                    let closed = self.endpoints.send(&batch).await;
                    self.appended.count(&batch, closed);
                }
            }
            match self.endpoints.complaint() {
                Some(complaint) => self.health.unhealthy(complaint),
                None => self.health.healthy("started component"),
            }
        }
        self.endpoints.end().await;
        Ok(())
    }
}
