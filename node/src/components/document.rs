//! What `local.file` and `remote.http` share: a document whose content is exported.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use client::Secret;
use discovery::Health;
use syntax::{Exports, OptionalSecret};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::latest::Latest;
use super::source::{Source, tell};
use super::{Context, Exporter, HealthReport, Refusal, Work};
use crate::telemetry::Registration;

#[cfg(test)]
mod tests;

/// What they give.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// The content.
    content: OptionalSecret,
}

/// The handle on a document.
pub(super) struct Document {
    next: Latest<Reading>,
    outlet: Arc<Outlet>,
    cancel: CancellationToken,
    /// When the content of another source could not be had the last time, and has not been since.
    failed: Mutex<Option<Instant>>,
    _registration: Option<Registration>,
}

/// How long another attempt may take at least.
const RETRY_AT_LEAST: Duration = Duration::from_millis(100);

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
        let mut reading = Reading::start(source, is_secret, &context.cancel);
        reading.first().await?;
        let outlet = Arc::new(Outlet::new(context.exports.clone(), context.health.clone()));
        outlet.turn_to(&mut reading);
        let next = Latest::empty();
        let document = Self {
            next: next.clone(),
            outlet: Arc::clone(&outlet),
            cancel: context.cancel.clone(),
            failed: Mutex::new(None),
            _registration: None,
        };
        Ok((document, Box::pin(work(reading, next, outlet))))
    }

    /// Reads from another source. Its first content is exported when this returns: whatever reads the
    /// document is evaluated next, and must not get the old content along with new arguments of its
    /// own. On an error, or when this is dropped before it is done, the old source goes on.
    ///
    /// The whole graph waits for this. So another attempt takes a tenth of the time since the last one at
    /// most: a server that does not answer must not hold up everything again and again.
    pub(super) async fn update(
        &self,
        source: Source<Secret>,
        is_secret: bool,
    ) -> Result<(), Refusal> {
        let mut reading = Reading::start(source, is_secret, &self.cancel);
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = failed().map(|at| RETRY_AT_LEAST.max(at.elapsed() / 10));
        // Also when whoever waits has no more patience.
        *failed() = Some(Instant::now());
        match patience {
            None => reading.first().await,
            Some(patience) => tokio::time::timeout(patience, reading.first())
                .await
                .unwrap_or_else(|_| Err(Refusal::new(format!("no content within {patience:?}")))),
        }?;
        *failed() = None;
        self.outlet.turn_to(&mut reading);
        self.next.put(reading);
        Ok(())
    }

    /// Says when the document was read last.
    pub(super) fn refreshed(&self) -> impl Fn() -> Option<SystemTime> + Send + Sync + 'static {
        let refreshed = self.outlet.refreshed.subscribe();
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
    /// The number of the source whose content counts. Locked for as long as something is passed on:
    /// the one before it is still run for a moment, and must not have the last word.
    newest: Mutex<u64>,
}

impl Outlet {
    fn new(exports: Exporter<Output>, health: HealthReport) -> Self {
        Self { exports, health, refreshed: watch::Sender::new(None), newest: Mutex::new(0) }
    }

    /// What this source has found counts from now on, and what those before it find does not.
    fn turn_to(&self, reading: &mut Reading) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest += 1;
        reading.number = *newest;
        self.tell(reading);
    }

    /// Passes on what a source has found, if it is still the one that counts.
    fn pass_on(&self, reading: &mut Reading) {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.number == *newest {
            self.tell(reading);
        }
    }

    fn tell(&self, reading: &mut Reading) {
        if let Some(found) = reading.found.exports.borrow_and_update().as_ref() {
            self.exports.set(&content(found, reading.is_secret));
        }
        let status = reading.found.status.borrow_and_update();
        tell(&self.health, &status.health);
        self.refreshed.send_replace(status.refreshed);
    }
}

/// A source that is being run.
struct Reading {
    /// Tells it from those before and after it; 0 until it has its turn.
    number: u64,
    running: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    found: discovery::Subscription<Secret>,
    is_secret: bool,
    stop: CancellationToken,
}

impl Reading {
    fn start(source: Source<Secret>, is_secret: bool, cancel: &CancellationToken) -> Self {
        let (publisher, found) = discovery::document::content();
        let stop = cancel.child_token();
        Self { number: 0, running: source(publisher, stop.clone()), found, is_secret, stop }
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
}

async fn work(
    mut reading: Reading,
    next: Latest<Reading>,
    outlet: Arc<Outlet>,
) -> Result<(), Refusal> {
    loop {
        tokio::select! {
            () = &mut reading.running => return Ok(()),
            newer = next.take() => {
                reading.stop.cancel();
                reading.running.await;
                reading = newer;
            }
            Ok(()) = reading.found.exports.changed() => outlet.pass_on(&mut reading),
            Ok(()) = reading.found.status.changed() => outlet.pass_on(&mut reading),
        }
    }
}
