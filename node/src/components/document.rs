//! What `local.file` and `remote.http` share: a document whose content is exported.

use std::time::SystemTime;

use client::Secret;
use discovery::Health;
use syntax::{Exports, OptionalSecret};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::latest::Latest;
use super::source::{Source, tell};
use super::{Context, Exporter, HealthReport, Refusal, Work};
use crate::telemetry::Registration;

/// What they give.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// The content.
    content: OptionalSecret,
}

/// The handle on a document.
pub(super) struct Document {
    next: Latest<(Source<Secret>, bool)>,
    refreshed: watch::Receiver<Option<SystemTime>>,
    _registration: Option<Registration>,
}

/// The content as it is exported.
fn content(content: &Secret, is_secret: bool) -> Output {
    let content = if is_secret {
        OptionalSecret::Secret(syntax::Secret::new(content.expose()))
    } else {
        OptionalSecret::Plain(content.expose().into())
    };
    Output { content }
}

impl Document {
    /// Waits for the first content, which whoever reads it cannot be evaluated without.
    pub(super) async fn start(
        context: &Context<Output>,
        source: Source<Secret>,
        is_secret: bool,
    ) -> Result<(Self, Work), Refusal> {
        let (refreshed, times) = watch::channel(None);
        let mut running = Reading::start(source, is_secret, &context.cancel);
        running.first().await?;
        let next = Latest::empty();
        let document = Self { next: next.clone(), refreshed: times, _registration: None };
        let outlet =
            Outlet { exports: context.exports.clone(), health: context.health.clone(), refreshed };
        running.pass_on(&outlet);
        let cancel = context.cancel.clone();
        Ok((document, Box::pin(work(running, next, outlet, cancel))))
    }

    /// Reads from another source; the old content stays until that has some.
    pub(super) fn update(&self, source: Source<Secret>, is_secret: bool) {
        self.next.put((source, is_secret));
    }

    /// Says when the document was read last.
    pub(super) fn refreshed(&self) -> impl Fn() -> Option<SystemTime> + Send + Sync + 'static {
        let refreshed = self.refreshed.clone();
        move || *refreshed.borrow()
    }

    /// Keeps a registration for as long as the document lives.
    pub(super) fn with(self, registration: Registration) -> Self {
        Self { _registration: Some(registration), ..self }
    }
}

/// Where the content and the health go.
struct Outlet {
    exports: Exporter<Output>,
    health: HealthReport,
    refreshed: watch::Sender<Option<SystemTime>>,
}

/// A source that is being run.
struct Reading {
    running: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    found: discovery::Subscription<Secret>,
    is_secret: bool,
    stop: CancellationToken,
}

impl Reading {
    fn start(source: Source<Secret>, is_secret: bool, cancel: &CancellationToken) -> Self {
        let (publisher, found) = discovery::document::content();
        let stop = cancel.child_token();
        Self { running: source(publisher, stop.clone()), found, is_secret, stop }
    }

    /// Runs the source until it has content, or says why it has none.
    async fn first(&mut self) -> Result<(), Refusal> {
        loop {
            if self.found.exports.borrow().is_some() {
                return Ok(());
            }
            if let Health::Unhealthy(reason) = &self.found.status.borrow_and_update().health {
                return Err(Refusal::new(reason));
            }
            tokio::select! {
                () = &mut self.running => return Err(Refusal::new("the source has ended")),
                Ok(()) = self.found.exports.changed() => {}
                Ok(()) = self.found.status.changed() => {}
            }
        }
    }

    fn pass_on(&mut self, outlet: &Outlet) {
        if let Some(found) = self.found.exports.borrow_and_update().as_ref() {
            outlet.exports.set(&content(found, self.is_secret));
        }
        let status = self.found.status.borrow_and_update();
        tell(&outlet.health, &status.health);
        outlet.refreshed.send_replace(status.refreshed);
    }
}

async fn work(
    mut reading: Reading,
    next: Latest<(Source<Secret>, bool)>,
    outlet: Outlet,
    cancel: CancellationToken,
) -> Result<(), Refusal> {
    loop {
        tokio::select! {
            () = &mut reading.running => return Ok(()),
            (source, is_secret) = next.take() => {
                reading.stop.cancel();
                reading.running.await;
                reading = Reading::start(source, is_secret, &cancel);
            }
            Ok(()) = reading.found.exports.changed() => reading.pass_on(&outlet),
            Ok(()) = reading.found.status.changed() => reading.pass_on(&outlet),
        }
    }
}
