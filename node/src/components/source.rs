//! What kinds that find something share: a source is run, what it finds is exported, and how it
//! fares is told.

use std::pin::Pin;

use discovery::{Health, Publisher, Subscription};
use syntax::{Exports, Problems};
use tokio_util::sync::CancellationToken;

use super::latest::Latest;
use super::{Exporter, HealthReport, Refusal, Targets};

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

/// Where the finds of sources go.
pub(super) struct Outlet<T, E> {
    /// Makes the two ends of a source.
    pub channel: fn() -> (Publisher<T>, Subscription<T>),
    /// Makes exports of a find.
    pub export: Box<dyn Fn(T) -> E + Send + Sync>,
    /// Where they go.
    pub exports: Exporter<E>,
    /// Where the health goes.
    pub health: HealthReport,
}

impl Outlet<discovery::Targets, Output> {
    /// The outlet of a discovery. Nothing is known yet, so nothing is exported.
    pub(super) fn of_targets(exports: Exporter<Output>, health: HealthReport) -> Self {
        exports.set(&Output { targets: Targets::default() });
        let export = Box::new(|targets| Output { targets: Targets(targets) });
        Self { channel: discovery::targets, export, exports, health }
    }
}

/// Runs the newest source. When one takes the place of another, what that has found stays exported
/// until the new one has found something.
pub(super) async fn run<T: Clone, E: Exports>(
    sources: Latest<Source<T>>,
    outlet: Outlet<T, E>,
    cancel: CancellationToken,
) -> Result<(), Refusal> {
    let mut next = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        source = sources.take() => source,
    };
    loop {
        let (publisher, mut found) = (outlet.channel)();
        let stop = cancel.child_token();
        let mut running = next(publisher, stop.clone());
        next = loop {
            tokio::select! {
                // It ends only when it is told to.
                () = &mut running => return Ok(()),
                source = sources.take() => break source,
                Ok(()) = found.exports.changed() => {
                    let find = found.exports.borrow_and_update().clone();
                    if let Some(find) = find {
                        outlet.exports.set(&(outlet.export)(find));
                    }
                }
                Ok(()) = found.status.changed() => {
                    tell(&outlet.health, &found.status.borrow_and_update().health);
                }
            }
        };
        stop.cancel();
        running.await;
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

/// Reports what a source finds wrong with its settings, at the field that its words name.
pub(super) fn problem(
    problems: &mut Problems<'_>,
    otherwise: &str,
    error: &discovery::ConfigError,
) {
    let text = error.to_string();
    let first = text.split(' ').next().unwrap_or_default();
    let field = if problems.is_written(first) { first } else { otherwise };
    problems.field(field, text.as_str());
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
