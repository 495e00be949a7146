//! `prometheus.relabel`: rewrites and drops series on their way.

mod cache;
mod rewrite;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use model::Batch;
use model::relabel::Rules;
use syntax::{Arguments, Exports, Problems};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::receiver::{Fanout, MetricsReceiver};
use super::rule::{self, ExportedRules, Rule};
use super::{Context, Exporter, Kind, Refusal, Started, Updated};
use crate::telemetry::Registration;

use cache::Bounds;
use rewrite::{Rewriter, Telemetry};

/// A running `prometheus.relabel`.
pub(super) struct PrometheusRelabel {
    settings: watch::Sender<Settings>,
    fanout: Arc<Fanout>,
    receiver: Arc<MetricsReceiver>,
    exports: Exporter<Output>,
    _registration: Registration,
}

/// What `prometheus.relabel` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// Where the series go that are left.
    forward_to: Vec<Arc<MetricsReceiver>>,
    /// The rules, which are applied in their order.
    #[arg(rename = "rule", block)]
    rules: Vec<Rule>,
    /// How many series are remembered with what the rules made of them.
    #[arg(default = 100_000)]
    max_cache_size: usize,
    /// How long a series is remembered after it was last seen; excludes `max_cache_size`.
    #[arg(default = Duration::ZERO)]
    cache_ttl: Duration,
}

/// What `prometheus.relabel` gives.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// Takes the series to rewrite.
    receiver: Arc<MetricsReceiver>,
    /// The rules, for other components.
    rules: Arc<ExportedRules>,
}

/// What can change while it runs.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    rules: Rules,
    bounds: Bounds,
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        let known = problems.are_known(&["max_cache_size", "cache_ttl"]);
        if known && self.max_cache_size == 0 && self.cache_ttl.is_zero() {
            problems.field("max_cache_size", "max_cache_size must be greater than 0");
        }
        if !self.cache_ttl.is_zero() {
            if self.cache_ttl < Duration::from_secs(60) {
                problems.field("cache_ttl", "cache_ttl must be at least 1m");
            }
            if problems.is_written("max_cache_size") {
                problems.field("cache_ttl", "cache_ttl and max_cache_size exclude each other");
            }
        }
    }

    fn settings(&self) -> Result<Settings, Refusal> {
        let bounds = match self.cache_ttl {
            Duration::ZERO => Bounds::Entries(self.max_cache_size),
            ttl => Bounds::Age(ttl),
        };
        Ok(Settings { rules: rule::compile(&self.rules)?, bounds })
    }
}

impl Kind for PrometheusRelabel {
    const NAME: &'static str = "prometheus.relabel";
    const SUMMARY: &'static str = "Rewrites and drops series by relabelling rules.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let (settings, changes) = watch::channel(arguments.settings()?);
        let fanout = Fanout::new(arguments.forward_to);
        let telemetry = Arc::new(Telemetry::default());
        let (receiver, batches) = MetricsReceiver::new();
        let measured = (Arc::clone(&telemetry), Arc::clone(&fanout));
        let registration = context.measure(move |page| {
            measured.0.collect(page);
            measured.1.collect(page);
        });
        let component = Self {
            settings,
            fanout: Arc::clone(&fanout),
            receiver,
            exports: context.exports.clone(),
            _registration: registration,
        };
        component.export();
        Ok(Started::new(component, work(batches, changes, fanout, telemetry, context.cancel)))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        let settings = arguments.settings()?;
        self.settings.send_if_modified(|current| {
            let differs = *current != settings;
            *current = settings;
            differs
        });
        self.fanout.set(arguments.forward_to);
        self.export();
        Ok(Updated::InPlace)
    }
}

impl PrometheusRelabel {
    fn export(&self) {
        let rules = Arc::new(ExportedRules(self.settings.borrow().rules.clone()));
        self.exports.set(&Output { receiver: Arc::clone(&self.receiver), rules });
    }
}

/// Rewrites batch by batch. Told to stop, it first takes what waits for it: those that send have
/// stopped by then.
async fn work(
    mut batches: mpsc::Receiver<Arc<Batch>>,
    mut changes: watch::Receiver<Settings>,
    fanout: Arc<Fanout>,
    telemetry: Arc<Telemetry>,
    cancel: CancellationToken,
) -> Result<(), Refusal> {
    let Settings { rules, bounds } = changes.borrow_and_update().clone();
    let mut rewriter = Rewriter::new(rules, bounds, telemetry);
    loop {
        tokio::select! {
            () = cancel.cancelled(), if !batches.is_closed() => batches.close(),
            batch = batches.recv() => {
                let Some(batch) = batch else { return Ok(()) };
                if changes.has_changed().unwrap_or(false) {
                    let Settings { rules, bounds } = changes.borrow_and_update().clone();
                    rewriter.change(rules, bounds);
                }
                if let Some(batch) = rewriter.rewrite(&batch, tokio::time::Instant::now()) {
                    fanout.send(&batch).await;
                }
            }
        }
    }
}
