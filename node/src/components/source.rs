//! What kinds that find something share: a source is run, what it finds is exported, and how it
//! fares is told.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use discovery::{Health, Publisher, Status};
use syntax::{Exports, Problems};
use tokio_util::sync::CancellationToken;

use super::latest::Latest;
use super::{Context, Exporter, HealthReport, Refusal, Targets};
use crate::telemetry::{Exposition, Registration};

/// A source that runs until it is told to stop.
pub(super) type Source<T> = Box<
    dyn FnOnce(Publisher<T>, CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send,
>;

/// What every discovery gives.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// The targets that were found.
    pub(super) targets: Targets,
}

/// Where the finds of a discovery go.
pub(super) struct Outlet {
    exports: Exporter<Output>,
    health: HealthReport,
    counts: Arc<Counts>,
    _registration: Registration,
}

/// What a source did.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Of the sources before the one that runs.
    before: (AtomicU64, AtomicU64),
    refreshes: AtomicU64,
    failures: AtomicU64,
    targets: AtomicUsize,
}

impl Counts {
    fn note(&self, status: &Status) {
        let (refreshes, failures) = &self.before;
        let total = |before: &AtomicU64, now| before.load(Ordering::Relaxed) + now;
        self.refreshes.store(total(refreshes, status.refreshes), Ordering::Relaxed);
        self.failures.store(total(failures, status.failures), Ordering::Relaxed);
    }

    /// Another source takes over.
    fn next(&self) {
        let (refreshes, failures) = &self.before;
        refreshes.store(self.refreshes.load(Ordering::Relaxed), Ordering::Relaxed);
        failures.store(self.failures.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn collect(&self, page: &mut Exposition) {
        page.gauge(
            "shoal_discovery_targets",
            "Targets that were found.",
            &[],
            self.targets.load(Ordering::Relaxed) as f64,
        );
        page.counter(
            "shoal_discovery_refreshes_total",
            "Refreshes that worked.",
            &[],
            self.refreshes.load(Ordering::Relaxed) as f64,
        );
        page.counter(
            "prometheus_sd_refresh_failures_total",
            "Refreshes that failed.",
            &[],
            self.failures.load(Ordering::Relaxed) as f64,
        );
    }
}

impl Outlet {
    /// The outlet of a component. Nothing is known yet, so nothing is exported.
    pub(super) fn of(context: &Context<Output>) -> Self {
        context.exports.set(&Output { targets: Targets::default() });
        context.health.unknown("has not found anything yet");
        let counts = Arc::<Counts>::default();
        let measured = Arc::clone(&counts);
        Self {
            exports: context.exports.clone(),
            health: context.health.clone(),
            counts,
            _registration: context.measure(move |page| measured.collect(page)),
        }
    }

    fn export(&self, targets: discovery::Targets) {
        self.counts.targets.store(targets.len(), Ordering::Relaxed);
        self.exports.set(&Output { targets: Targets(targets) });
    }
}

/// Runs the newest source. When one takes the place of another, what that has found stays exported
/// until the new one has found something.
pub(super) async fn run(
    sources: Latest<Source<discovery::Targets>>,
    outlet: Outlet,
    cancel: CancellationToken,
) -> Result<(), Refusal> {
    let mut next = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        source = sources.take() => source,
    };
    loop {
        let (publisher, mut found) = discovery::targets();
        let stop = cancel.child_token();
        let mut running = next(publisher, stop.clone());
        next = loop {
            tokio::select! {
                // What was found is out before it is said that something was.
                biased;
                // It ends only when it is told to.
                () = &mut running => return Ok(()),
                source = sources.take() => break source,
                Ok(()) = found.exports.changed() => {
                    let targets = found.exports.borrow_and_update().clone();
                    targets.into_iter().for_each(|targets| outlet.export(targets));
                }
                Ok(()) = found.status.changed() => {
                    let status = found.status.borrow_and_update().clone();
                    outlet.counts.note(&status);
                    tell(&outlet.health, &status.health);
                }
            }
        };
        stop.cancel();
        running.await;
        outlet.counts.next();
    }
}

/// Passes the health of a source on.
pub(super) fn tell(report: &HealthReport, health: &Health) {
    match health {
        Health::Unknown => {}
        Health::Healthy => report.healthy("started component"),
        Health::Unhealthy(reason) => report.unhealthy(reason.as_str()),
    }
}

/// Reports a URL that cannot be requested.
pub(super) fn check_url(problems: &mut Problems<'_>, field: &str, text: &str) {
    let url = url::Url::parse(text);
    let usable =
        url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if !usable {
        // It may hold a password, so it is not repeated here.
        problems.field(field, format!("{field} is not an absolute http or https URL"));
    }
}
