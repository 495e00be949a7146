//! The endpoints of a component and their logs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::MemoryDialer;
use delivery::{Destination, Left, Orphan};
use model::Batch;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::arguments::Wanted;
use super::measure;
use crate::components::{Context, Refusal};
use crate::deliveries::{Deliveries, Registered};
use crate::graph::ComponentId;
use crate::telemetry::{Registration, Registry};

/// How long an endpoint that ends goes on sending, at most, and never more than a quarter of what
/// components have to stop in. The rest stays in its log and is sent after the next start, so this
/// buys little and must not hold up a restart.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a node that leaves goes on giving other nodes what it could not send, at most, and
/// never more than half of what components have to stop in. A gigabyte takes some ten seconds.
const HAND_OVER: Duration = Duration::from_secs(60);

/// How long a log of no endpoint is kept where there is no endpoint at all.
const DEFAULT_KEEP: Duration = Duration::from_secs(8 * 3600);

/// What endpoints need of the component they belong to.
pub(super) struct Surroundings {
    id: ComponentId,
    directory: PathBuf,
    memory: Option<MemoryDialer>,
    telemetry: Registry,
    drain: Duration,
    deliveries: Option<Deliveries>,
    hand_over: Duration,
}

impl Surroundings {
    pub(super) fn of<E>(context: &Context<E>) -> Self {
        Self {
            id: context.id.clone(),
            directory: context.directory.clone(),
            memory: context.services.memory.clone(),
            telemetry: context.services.telemetry.clone(),
            drain: DRAIN.min(context.services.shutdown_deadline / 4),
            deliveries: context.services.cluster.as_ref().map(|c| c.deliveries().clone()),
            hand_over: HAND_OVER.min(context.services.shutdown_deadline / 2),
        }
    }
}

/// All endpoints of a component.
pub(super) struct Endpoints {
    surroundings: Surroundings,
    list: Vec<Endpoint>,
    /// Those that were removed and may still send what is left.
    leaving: Vec<Leaving>,
    /// Those that run, and those that were removed and still do.
    tasks: JoinSet<()>,
}

/// An endpoint that was removed.
struct Leaving {
    directory: String,
    hurry: CancellationToken,
    ended: CancellationToken,
}

struct Endpoint {
    wanted: Wanted,
    state: State,
}

enum State {
    /// Opened, and not run yet.
    Ready(Box<Destination>, Known),
    /// It takes batches.
    Running(Handle),
    /// Its log cannot be opened.
    Closed(String),
}

/// What makes an endpoint known for as long as it is there.
struct Known {
    registration: Registration,
    registered: Option<Registered>,
}

struct Handle {
    input: mpsc::Sender<Arc<Batch>>,
    /// Why its disk takes nothing, while it does not.
    refusal: watch::Receiver<Option<String>>,
    stop: CancellationToken,
    /// Cancelled when its log is closed.
    ended: CancellationToken,
    /// Cancelled for it to end without sending what is left.
    hurry: CancellationToken,
    _registration: Registration,
}

impl Endpoints {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, list: Vec::new(), leaving: Vec::new(), tasks: JoinSet::new() }
    }

    /// Opens every log; fails if one cannot be opened.
    pub(super) async fn open_all(&mut self, wanted: Vec<Wanted>) -> Result<(), Refusal> {
        for wanted in wanted {
            let state = self.open(&wanted).await?;
            self.list.push(Endpoint { wanted, state });
        }
        self.sweep().await;
        Ok(())
    }

    /// Looks after logs that no endpoint has any more: one for the same URL is gone on with, others
    /// are kept for as long as their frames would be, in case the endpoint comes back.
    async fn sweep(&mut self) {
        let mut wanted = Vec::new();
        for endpoint in &self.list {
            wanted.extend(endpoint.wanted.config().ok().map(|config| config.directory_name()));
        }
        let parent = self.surroundings.directory.clone();
        let looking = tokio::task::spawn_blocking(move || delivery::orphans(&parent, &wanted));
        for orphan in looking.await.unwrap_or_default() {
            self.look_after(&orphan);
        }
    }

    fn look_after(&mut self, orphan: &Orphan) {
        let directory = orphan.directory.display();
        let Left { frames, samples, bytes } = orphan.left;
        for endpoint in &mut self.list {
            let Ok(config) = endpoint.wanted.config() else { continue };
            if let State::Ready(destination, _) = &mut endpoint.state
                && frames > 0
                && orphan.is_for(&config)
            {
                match destination.take_over(&orphan.directory) {
                    Ok(()) => info!(
                        endpoint = config.name,
                        before = orphan.name,
                        frames,
                        samples,
                        "goes on with the log of the endpoint under its former name"
                    ),
                    Err(error) => warn!(%directory, %error, "could not go on with a log"),
                }
                return;
            }
        }
        let keep = self.list.iter().map(|endpoint| endpoint.wanted.max_age()).max();
        if frames > 0 && orphan.idle <= keep.unwrap_or(DEFAULT_KEEP) {
            warn!(%directory, endpoint = orphan.name, frames, samples, bytes,
                "a log belongs to no endpoint any more; it is kept for now");
            return;
        }
        match orphan.remove() {
            Ok(()) if frames == 0 => info!(%directory, "removed an empty log of no endpoint"),
            Ok(()) => warn!(%directory, endpoint = orphan.name, frames, samples, bytes,
                "removed a log that belongs to no endpoint"),
            Err(error) => warn!(%directory, %error, "could not remove a log of no endpoint"),
        }
    }

    async fn open(&self, wanted: &Wanted) -> Result<State, Refusal> {
        let Surroundings { id, directory, memory, telemetry, .. } = &self.surroundings;
        let own = wanted.config()?.directory_name();
        for leaving in self.leaving.iter().filter(|leaving| leaving.directory == own) {
            // It is wanted again: its log is gone on with, and no batch waits for what that still sends.
            leaving.hurry.cancel();
            leaving.ended.cancelled().await;
        }
        let directory = directory.join(own);
        let (config, client) = (wanted.config()?, wanted.client(memory.as_ref())?);
        let name_everywhere: Arc<str> = format!("{id}/{}", config.directory_name()).into();
        let (name, mut url) = (config.name.clone(), config.url.clone());
        let shown = directory.display().to_string();
        let opening = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&directory).map_err(Refusal::new)?;
            Destination::open(&directory, config, client).map_err(Refusal::new)
        });
        let opened = opening.await.map_err(Refusal::new)?;
        let mut destination = opened
            .map_err(|error| Refusal::new(format!("cannot open the log {shown}: {error}")))?;
        // A metric is no place for a password; a URL that has none does not mind.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let path = id.path();
        let labels = [
            ("component_id", id.local.as_str()),
            ("component_path", path.as_str()),
            ("remote_name", name.as_str()),
            ("url", url.as_str()),
        ];
        let registration = measure::register(telemetry, &labels, destination.telemetry());
        let registered = self.surroundings.deliveries.as_ref().map(|deliveries| {
            let hand_over = self.surroundings.hand_over;
            if let Some(neighbours) = deliveries.neighbours(&name_everywhere, hand_over) {
                destination.set_neighbours(neighbours);
            }
            deliveries.register(&name_everywhere, destination.handle())
        });
        Ok(State::Ready(Box::new(destination), Known { registration, registered }))
    }

    /// Runs what was opened.
    pub(super) fn run(&mut self) {
        let drain = self.surroundings.drain;
        for endpoint in &mut self.list {
            let closed = State::Closed(String::new());
            endpoint.state = match std::mem::replace(&mut endpoint.state, closed) {
                State::Ready(destination, known) => {
                    State::Running(Handle::run(*destination, known, drain, &mut self.tasks))
                }
                other => other,
            };
        }
    }

    /// Makes the endpoints those that are wanted. What did not change is left alone; what changed
    /// goes on with its log.
    pub(super) async fn change(&mut self, wanted: Vec<Wanted>) {
        let mut old = std::mem::take(&mut self.list);
        for wanted in wanted {
            let known = old.iter().position(|endpoint| endpoint.wanted.key() == wanted.key());
            match known.map(|known| old.swap_remove(known)) {
                Some(endpoint) if endpoint.wanted == wanted => self.list.push(endpoint),
                known => {
                    if let Some(State::Running(handle)) = known.map(|known| known.state) {
                        // Its successor goes on with the log; whoever scrapes must not wait.
                        handle.hurry.cancel();
                        handle.end().await;
                    }
                    let state =
                        self.open(&wanted).await.unwrap_or_else(|error| closed(&wanted, &error));
                    self.list.push(Endpoint { wanted, state });
                }
            }
        }
        self.leaving.retain(|leaving| !leaving.ended.is_cancelled());
        for Endpoint { wanted, state } in old {
            if let (State::Running(handle), Ok(config)) = (state, wanted.config()) {
                let (hurry, ended) = (handle.hurry.clone(), handle.ended.clone());
                self.leaving.push(Leaving { directory: config.directory_name(), hurry, ended });
                self.tasks.spawn(handle.end());
            }
        }
        self.sweep().await;
        self.run();
    }

    /// Whether some log could not be opened.
    pub(super) fn some_are_closed(&self) -> bool {
        self.list.iter().any(|endpoint| matches!(endpoint.state, State::Closed(_)))
    }

    /// Why some log could not be opened, or cannot be written.
    pub(super) fn complaint(&self) -> Option<String> {
        self.list.iter().find_map(|endpoint| match &endpoint.state {
            State::Closed(why) => Some(why.clone()),
            State::Running(handle) => handle.refusal.borrow().clone(),
            State::Ready(..) => None,
        })
    }

    /// Tries again what could not be opened.
    pub(super) async fn reopen(&mut self) {
        for index in 0..self.list.len() {
            let endpoint = &self.list[index];
            if matches!(endpoint.state, State::Closed(_)) {
                let wanted = endpoint.wanted.clone();
                let opened = self.open(&wanted).await;
                self.list[index].state = opened.unwrap_or_else(|error| closed(&wanted, &error));
            }
        }
        self.run();
    }

    /// Hands a batch to every endpoint; how many do not take it. Each of the others takes it as fast as
    /// its disk does, whatever its backend does.
    pub(super) async fn send(&mut self, batch: &Arc<Batch>) -> usize {
        let mut closed_ones = 0;
        for endpoint in &mut self.list {
            let State::Running(handle) = &endpoint.state else {
                closed_ones += 1;
                continue;
            };
            if handle.input.send(Arc::clone(batch)).await.is_err() {
                let why = "the delivery has ended unexpectedly";
                endpoint.state = closed(&endpoint.wanted, &Refusal::new(why));
                closed_ones += 1;
            }
        }
        closed_ones
    }

    /// Ends every endpoint.
    pub(super) async fn end(mut self) {
        for endpoint in self.list.drain(..) {
            if let State::Running(handle) = endpoint.state {
                self.tasks.spawn(handle.end());
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

fn closed(wanted: &Wanted, error: &Refusal) -> State {
    warn!(endpoint = wanted.key(), %error, "an endpoint takes nothing");
    State::Closed(error.to_string())
}

impl Handle {
    fn run(
        destination: Destination,
        known: Known,
        drain: Duration,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let handle = Self {
            input: destination.input(),
            refusal: destination.refusal(),
            stop: stop.clone(),
            ended: ended.clone(),
            hurry: destination.hurry(),
            _registration: known.registration,
        };
        let registered = known.registered;
        tasks.spawn(async move {
            // The log is closed before it is forgotten, and forgotten before its end is told.
            let _ended = ended.drop_guard();
            let _registered = registered;
            let left = destination.run(stop, drain).await;
            if left != Left::default() {
                let Left { frames, samples, bytes } = left;
                info!(frames, samples, bytes, "left in the log for the next start");
            }
        });
        handle
    }

    /// Has it end, and waits until its log is closed.
    async fn end(self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}
