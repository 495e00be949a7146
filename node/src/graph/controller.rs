//! The one writer of the graph: evaluates, starts, updates and stops components.

mod adopt;
mod foresight;
mod loading;
mod node;
mod tell;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use syntax::{Diagnostic, Diagnostics, Host, Scope, Stability};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::handle::{Command, LoadError};
use super::health::Health;
use super::id::ComponentId;
use super::live::{self, Live, LoadStatus};
use super::measure::Measure;
use super::plan::{Content, Contents, Plan};
use super::prepare::{self, Prepared};
use super::publish::Publisher;
use super::sources::Texts;
use super::veto::Veto;
use crate::components::{Registry, Services};
use crate::telemetry::Registration;

pub use loading::Loading;

/// What a graph is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A file, or a directory whose `*.alloy` files are read as one.
    pub config: PathBuf,
    /// The least stable things that may be used.
    pub stability: Stability,
    /// What the configuration can ask of the machine.
    pub host: Host,
    /// The kinds of components that there are.
    pub registry: Registry,
    /// What components may use of the process.
    pub services: Services,
    /// What a configuration must not say.
    pub veto: Veto,
}

/// The one task that changes the graph. Made by [`Graph::load`](super::Graph::load), it does nothing until it is run.
pub struct Controller {
    settings: Settings,
    library: Scope,
    texts: Texts,
    contents: Contents,
    plan: Plan,
    /// Beside the nodes of the plan.
    live: Vec<Live>,
    /// Components that were removed and have not ended yet.
    leaving: BTreeMap<ComponentId, CancellationToken>,
    /// Components that are no longer in the plan, in the order they are to be stopped.
    removed: Vec<Vec<live::Stopping>>,
    /// What imports have read since the plan was made.
    news: Contents,
    /// What imports have read and does not fit the plan: it is not tried again until something
    /// else is read or planned.
    refused: BTreeMap<ComponentId, Refused>,
    /// Some component's exports changed, or some file.
    changed: Arc<Notify>,
    tasks: JoinSet<()>,
    /// Whether what is made is also run.
    running: bool,
    /// Cancelled when the graph is to stop: what it waits for is not waited for any more.
    stopping: CancellationToken,
    load: LoadStatus,
    measure: Arc<Measure>,
    _registration: Registration,
    publisher: Publisher,
    commands: mpsc::Receiver<Command>,
}

/// A text that an import has read and that does not fit the plan.
struct Refused {
    content: Arc<Content>,
    why: String,
}

/// Reads and plans without blocking the runtime; what is in `texts` is not read again.
async fn prepare(
    settings: &Settings,
    library: &Scope,
    texts: Option<Texts>,
    previous: Contents,
) -> Result<Prepared, LoadError> {
    let (path, registry) = (settings.config.clone(), settings.registry.clone());
    let (library, veto) = (library.clone(), settings.veto.clone());
    // An import brings no other `http` block, and must not fail for a certificate that is just being
    // replaced.
    let attempt = texts.is_none();
    let prepared = tokio::task::spawn_blocking(move || {
        let prepared = match texts {
            Some(texts) => prepare::prepare_texts(texts, &previous, &registry, &library),
            None => prepare::prepare(&path, &previous, &registry, &library),
        }?;
        match veto.object(&prepared.plan, &library, attempt) {
            Some(objection) => Err(Diagnostics::from(objection)),
            None => Ok(prepared),
        }
    });
    match prepared.await {
        Ok(Ok(prepared)) => Ok(prepared),
        Ok(Err(problems)) => Err(LoadError::Rejected(problems.to_string())),
        Err(error) => Err(LoadError::Rejected(format!("cannot read the configuration: {error}"))),
    }
}

/// Says what is doubtful in a plan that is to run.
fn say_doubts(plan: &Plan) {
    for warning in plan.problems.iter() {
        warn!(%warning, "doubtful configuration");
    }
}

impl Controller {
    /// Runs the graph until `cancel`, then stops every component, those that send before those
    /// that receive.
    pub async fn run(mut self, cancel: CancellationToken) {
        self.running = true;
        self.stopping = cancel.clone();
        for index in 0..self.live.len() {
            self.run_work(index);
        }
        self.publish();
        loop {
            let retry = self.next_retry();
            let wait = async {
                match retry {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = self.changed.notified() => self.settle().await,
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => self.settle().await,
                () = wait => self.settle().await,
            }
        }
        self.shut_down().await;
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Reload(answer) => self.answer_reload(answer).await,
        }
    }

    async fn answer_reload(&mut self, answer: oneshot::Sender<Result<(), LoadError>>) {
        let result = self.reload().await;
        self.loaded(result.clone());
        self.publish();
        match &result {
            Ok(()) => info!("config reloaded"),
            Err(error) => error!(%error, "failed to reload config"),
        }
        // That is what is wrong with each of them.
        for live in &mut self.live {
            let _ = live.untold();
        }
        // Whoever asked may have gone; the configuration is loaded all the same.
        let _ = answer.send(result);
    }

    async fn reload(&mut self) -> Result<(), LoadError> {
        let prepared = self.prepare(None, &Contents::new()).await?;
        self.announce(&prepared).await;
        self.adopt(prepared).await;
        let failures = self.failures();
        if failures.is_empty() { Ok(()) } else { Err(LoadError::Partial(failures.join("\n\n"))) }
    }

    fn loaded(&mut self, result: Result<(), LoadError>) {
        self.load.sha256.clone_from(&self.plan.sha256);
        self.load.successful = result.is_ok();
        match result {
            Ok(()) => {
                self.load.last_success = Some(SystemTime::now());
                self.load.refusal = None;
            }
            Err(error) => {
                self.load.failures += 1;
                self.load.refusal = match error {
                    // It runs, and what failed says so itself for as long as it does.
                    LoadError::Partial(_) => None,
                    refused => Some(refused.to_string()),
                };
            }
        }
    }

    /// What could not be evaluated, as text for people; those that only wait for it in one line.
    fn failures(&self) -> Vec<String> {
        let unhealthy = super::health::HealthState::Unhealthy;
        let mut failures = Vec::new();
        let mut waiting = Vec::new();
        for (index, (node, live)) in self.plan.nodes.iter().zip(&self.live).enumerate() {
            if live.evaluation.state != unhealthy {
                continue;
            }
            let Health { message, .. } = &live.evaluation;
            if live.waits_for.is_some() {
                waiting.push(index);
            } else if self.is_placed(message) {
                failures.push(message.clone());
            } else {
                let text = format!("{}: {message}", node.id);
                failures.push(Diagnostic::error(text, &node.block.header()).to_string());
            }
        }
        let waits = tell::waits(&self.plan, &self.live, waiting);
        failures.extend(waits.iter().map(|(cause, names)| format!("waiting for {cause}: {names}")));
        failures
    }

    /// Whether a message says where in the configuration it is about.
    fn is_placed(&self, message: &str) -> bool {
        let imported = self.contents.values().flat_map(|content| &content.files);
        let mut files = self.texts.files.iter().chain(imported);
        files.any(|(name, _)| {
            message.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(':'))
        })
    }

    fn next_retry(&self) -> Option<Instant> {
        self.live.iter().filter_map(|live| live.retry.map(|retry| retry.at)).min()
    }

    /// Shows what changed to the rest of the process.
    fn publish(&mut self) {
        self.publisher.publish(&self.plan, &self.live, &self.load);
    }

    async fn shut_down(mut self) {
        let levels = self.levels();
        let deadline = self.settings.services.shutdown_deadline;
        let forced = live::stop(levels, deadline).await;
        if forced > 0 {
            warn!(forced, "components did not stop in time and were ended by force");
        }
        for done in self.leaving.values() {
            // These were told to stop when they were removed, with a deadline of their own.
            done.cancelled().await;
        }
        self.tasks.shutdown().await;
    }
}
