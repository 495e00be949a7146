//! `shoal run`: the process around everything.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ownership::audit::Fingerprint;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::life::{Life, Signal};
use super::{Options, limits};
use crate::cluster;
use crate::components::sweep_abandoned;
use crate::graph::{ComponentId, Controller, Graph};
use crate::server::config::HttpConfig;
use crate::server::{self, Phase};
use crate::telemetry::{self, Logging, logging};

mod measure;
mod start;
mod tls;

use start::Starting;

/// How long the farewell to the cluster may take; it takes about 200 ms.
const FAREWELL: Duration = Duration::from_secs(2);

/// When logs of components that the configuration has no more are looked for: not before imports that
/// are slow at the start have brought theirs.
const FIRST_SWEEP: Duration = Duration::from_secs(600);

/// How often they are looked for after that.
const SWEEPS: Duration = Duration::from_secs(3600);

/// How long a node that stops at once may take to say what it leaves behind: milliseconds, unless the
/// machine is busy with other things.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What stopping may take beyond what components may: the server's connections, the farewell.
const STOP_MARGIN: Duration = Duration::from_secs(15);

/// Runs a node until it is told to stop.
pub(super) fn run(options: Options) -> ExitCode {
    let control = logging::install(Logging::default());
    limits::raise_open_files();
    // A second provider in the process would make every use of TLS ambiguous; there is only ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            error!(error = %problem, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(live(options, control));
    // Whatever still runs was told to stop and had its time.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Diagnostics have several lines, with carets under what is wrong.
            super::console::complain(&format!("{problem:#}"));
            ExitCode::FAILURE
        }
    }
}

/// From the first socket to the last farewell.
async fn live(options: Options, control: logging::Control) -> anyhow::Result<()> {
    let mut life = Life::begin(options.exit_on_stdin_eof)?;
    let Some(starting) = life.unless_ended(Starting::begin(&options)).await else { return Ok(()) };
    let mut starting = starting?;
    let drain = starting.drain();
    let loaded = tokio::select! {
        loaded = starting.load(&options) => loaded.map(Some),
        _ = life.next_stop() => Ok(None),
        () = drain.notified() => Ok(None),
    };
    let (graph, controller) = match loaded {
        Ok(Some(loaded)) => loaded,
        ended => {
            // Told twice, it goes at once: it has nothing to lose.
            life.unless_ended(starting.end()).await;
            return ended.map(|_| info!("stopped before the configuration ran"));
        }
    };
    let mut process = starting.run(&options, graph, controller).await?;
    process.follow_logging(control);
    let (mut asked, mut broken) = (false, None);
    loop {
        tokio::select! {
            signal = life.next() => match signal {
                Signal::Reload => process.reload(),
                Signal::Stop => break,
            },
            () = process.drain.notified() => {
                asked = true;
                break;
            }
            Some(ended) = process.tasks.join_next() => {
                if let Err(problem) = ended {
                    error!(error = %problem, "a part of the process broke; stopping");
                    broken = Some(problem);
                    break;
                }
            }
        }
    }
    let drain = options.cluster.drain_timeout;
    let deadline = drain + options.component_shutdown_deadline + STOP_MARGIN;
    let twice = async {
        if asked {
            // Whoever asked for it over HTTP goes on with a signal, as orchestrators do, and means to cut
            // nothing short: what is not delivered yet would stay on the disk.
            life.next_stop().await;
            info!("drains already, as asked over HTTP; another signal ends it at once");
        }
        life.next_stop().await
    };
    let cluster = process.cluster.handle.clone();
    // It is dropped with all its parts only after they have been asked what they leave.
    let mut stop = std::pin::pin!(process.stop(drain, deadline));
    tokio::select! {
        in_time = &mut stop => {
            anyhow::ensure!(in_time, "stopped before all was done, after {deadline:?}");
            info!("stopped");
            return broken.map_or(Ok(()), |broken| Err(anyhow::Error::from(broken)));
        }
        _ = twice => {}
    }
    tell_left(&cluster).await;
    anyhow::bail!("stopped at once, as asked twice")
}

/// Says what a node leaves behind that does not wait until all is done.
async fn tell_left(cluster: &cluster::Handle) {
    let look = async {
        let targets = cluster.remaining().await.unwrap_or_default();
        let pending = cluster.deliveries().pending().await;
        (targets, pending.iter().flat_map(|(_, reports)| reports).map(|r| r.frames).sum::<u64>())
    };
    match tokio::time::timeout(LAST_LOOK, look).await {
        Ok((targets, frames)) => {
            warn!(
                targets,
                frames, "leaves targets to be missed, and frames on disk for the next start"
            );
        }
        Err(_) => warn!("what is not delivered stays on disk for the next start"),
    }
}

/// A running node.
struct Process {
    cluster: cluster::Started,
    graph: Graph,
    phase: watch::Sender<Phase>,
    tasks: JoinSet<()>,
    /// Cancelled for components to stop.
    components: CancellationToken,
    /// Cancelled for the server to stop, and everything that is left.
    rest: CancellationToken,
    stopped: watch::Receiver<bool>,
    /// Told when somebody asks over HTTP that this node drain and stop.
    drain: Arc<Notify>,
    _measures: Vec<telemetry::Registration>,
}

impl Process {
    fn run_graph(&mut self, controller: Controller, stopped: watch::Sender<bool>) {
        let cancel = self.components.clone();
        self.tasks.spawn(async move {
            controller.run(cancel).await;
            stopped.send_replace(true);
        });
    }

    /// Keeps the server's settings those of the configuration.
    fn follow_http(&mut self, here: watch::Sender<Arc<HttpConfig>>, cluster: cluster::Options) {
        let mut there = server::components::Components::http(&self.graph);
        let now = move |config: &Arc<HttpConfig>| {
            // What can be known without running components was refused as the configuration was read.
            if let Some(problem) = tls::problem(&cluster, config) {
                error!(problem, "nodes cannot reach each other");
            }
            // The server may have it already: it was told as soon as the block was known.
            here.send_if_modified(|here| {
                let differs = *here != *config;
                if differs {
                    *here = Arc::clone(config);
                }
                differs
            });
        };
        now(&there.borrow_and_update());
        let cancel = self.rest.clone();
        self.tasks.spawn(async move {
            let follow = async {
                while there.changed().await.is_ok() {
                    now(&there.borrow_and_update());
                }
            };
            // The receiver of the server must not see its sender go before the end.
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follow => cancel.cancelled().await,
            }
        });
    }

    /// Tells the cluster which configuration runs.
    fn follow_config(&mut self) {
        let (graph, cluster) = (self.graph.clone(), self.cluster.handle.clone());
        let mut changes = graph.changes();
        let cancel = self.rest.clone();
        self.tasks.spawn(async move {
            let follow = async {
                let mut told = None;
                loop {
                    let config = Fingerprint::parse(&graph.load_status().sha256);
                    if let Some(config) = config.filter(|config| told != Some(*config)) {
                        told = Some(config);
                        if cluster.set_config(config).await.is_err() {
                            return;
                        }
                    }
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follow => cancel.cancelled().await,
            }
        });
    }

    /// Removes, in time, the logs of components that the configuration has no more.
    fn sweep(&mut self, storage: PathBuf) {
        let (graph, cancel) = (self.graph.clone(), self.rest.clone());
        self.tasks.spawn(async move {
            let sweeping = async {
                let mut due = tokio::time::interval_at(Instant::now() + FIRST_SWEEP, SWEEPS);
                loop {
                    due.tick().await;
                    let components = server::components::Components::list(&graph);
                    let id = |component: &server::components::Component| {
                        ComponentId::new(&*component.module_id, &*component.local_id).to_string()
                    };
                    let known = components.iter().map(id).collect();
                    let storage = storage.clone();
                    let swept =
                        tokio::task::spawn_blocking(move || sweep_abandoned(&storage, &known));
                    if let Err(problem) = swept.await {
                        warn!(error = %problem, "could not look for logs of former components");
                    }
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sweeping => {}
            }
        });
    }

    fn follow_logging(&mut self, control: logging::Control) {
        let mut logging = self.graph.logging();
        control.apply(*logging.borrow_and_update());
        let cancel = self.rest.clone();
        self.tasks.spawn(async move {
            let follow = async {
                while logging.changed().await.is_ok() {
                    control.apply(*logging.borrow_and_update());
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follow => cancel.cancelled().await,
            }
        });
    }

    fn reload(&mut self) {
        let (graph, cluster) = (self.graph.clone(), self.cluster.handle.clone());
        self.tasks.spawn(async move {
            // Both log how it went.
            let _ = cluster.reload_keys().await;
            let _ = graph.reload().await;
        });
    }

    /// Drains: leaves the cluster, so that others take over; stops components, which deliver what
    /// they have; says farewell; stops the server last, so that it can be watched. Whether all of it
    /// was done by the deadline.
    async fn stop(mut self, patience: Duration, deadline: Duration) -> bool {
        info!("shutting down");
        self.phase.send_replace(Phase::Draining);
        let drain = async {
            // The cluster can be gone only if it broke, which was logged.
            let _ = self.cluster.handle.leave().await;
            hand_over(&self.cluster.handle, patience).await;
            self.components.cancel();
            let _ = self.stopped.wait_for(|stopped| *stopped).await;
            farewell(&self.cluster.handle).await;
            self.rest.cancel();
            while self.tasks.join_next().await.is_some() {}
        };
        let in_time = tokio::time::timeout(deadline, drain).await.is_ok();
        if !in_time {
            warn!(?deadline, "did not stop in time");
            tell_left(&self.cluster.handle).await;
        }
        in_time
    }
}

/// Waits for others to take over what this node collects, which goes on meanwhile.
async fn hand_over(cluster: &cluster::Handle, patience: Duration) {
    // Asked afterwards: they may have gone meanwhile without taking anything.
    let others = || cluster.state().borrow().peers.iter().any(|peer| !peer.is_self);
    match tokio::time::timeout(patience, cluster.drained()).await {
        Ok(Ok(())) if others() => info!("others have taken over what this node collected"),
        Ok(Ok(())) => info!("no other node is there to collect what this node collected"),
        // It is gone already, and said why.
        Ok(Err(cluster::Closed)) => {}
        Err(_) => {
            let left = cluster.remaining().await.unwrap_or_default();
            warn!(left, ?patience, "not all targets were taken over in time");
        }
    }
}

async fn farewell(cluster: &cluster::Handle) {
    match tokio::time::timeout(FAREWELL, cluster.depart()).await {
        // Closed: it is gone already.
        Ok(Ok(()) | Err(cluster::Closed)) => {}
        Err(_) => warn!("the farewell to the cluster took too long"),
    }
}
