//! From the first socket until the configuration runs.

use std::sync::Arc;

use anyhow::Context as _;
use client::MemoryDialer;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Process, farewell, measure, tls};
use crate::cli::{Options, host};
use crate::cluster::{self, Node, PeerAccess};
use crate::components::{Registry as Kinds, Services};
use crate::deliveries::Others;
use crate::graph::{Controller, Graph, Settings, Veto};
use crate::server::components::Components as _;
use crate::server::config::HttpConfig;
use crate::server::{self, Context, Phase, Serve};
use crate::telemetry::{self, Registry};

/// A node whose configuration does not run yet. It is in its cluster, though it takes no part, and as soon
/// as it is known whom it may answer it does: others may have no other seed, and would become a cluster of
/// their own while this node waits for a document.
pub(super) struct Starting {
    cluster: cluster::Started,
    context: Arc<Context>,
    phase: watch::Sender<Phase>,
    http: watch::Sender<Arc<HttpConfig>>,
    memory: MemoryDialer,
    /// What the server needs, until it runs.
    unserved: Option<(std::net::TcpListener, mpsc::Receiver<DuplexStream>)>,
    tasks: JoinSet<()>,
    /// Cancelled for the server to stop.
    rest: CancellationToken,
    measures: Vec<telemetry::Registration>,
}

impl Starting {
    /// Binds the sockets and looks for the cluster.
    pub(super) async fn begin(options: &Options) -> anyhow::Result<Self> {
        let path = &options.storage_path;
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot create --storage.path {}", path.display()))?;
        let registry = Registry::default();
        let measures = vec![telemetry::process::register(&registry)];
        let node = Node::bind(options.cluster.clone(), options.listen_address, path).await?;
        let (http, http_now) = watch::channel(Arc::new(HttpConfig::default()));
        let seal = node.seal();
        let access =
            || PeerAccess::new(options.cluster.tls.clone(), http_now.clone(), seal.clone());
        let peers = access().context("--cluster.tls-*")?;
        let (cluster, listener) = node.start(access().context("--cluster.tls-*")?, &registry)?;
        if options.cluster.enabled {
            let others = Others::new(access().context("--cluster.tls-*")?, cluster.handle.state());
            cluster.handle.deliveries().connect(others);
        }
        let (memory, from_memory) = MemoryDialer::bind(&options.memory_address);
        let (phase, phase_now) = watch::channel(Phase::Starting);
        let context = Context::new(
            cluster.handle.clone(),
            peers,
            registry,
            options.ui_path_prefix.clone(),
            options.enable_pprof,
            phase_now,
        );
        Ok(Self {
            cluster,
            context: Arc::new(context),
            phase,
            http,
            memory,
            unserved: Some((listener, from_memory)),
            tasks: JoinSet::new(),
            rest: CancellationToken::new(),
            measures,
        })
    }

    /// Notified when somebody asks over HTTP that this node drain and stop.
    pub(super) fn drain(&self) -> Arc<Notify> {
        self.context.drain()
    }

    /// Loads the configuration, and serves HTTP from when its `http` block is known.
    pub(super) async fn load(&mut self, options: &Options) -> anyhow::Result<(Graph, Controller)> {
        let memory = self.memory.clone();
        let settings = settings(options, &self.cluster.handle, &self.context.registry, memory);
        let loading = Graph::begin(settings).await?;
        let mut http = loading.http();
        let mut finish = std::pin::pin!(loading.finish());
        let loaded = tokio::select! {
            loaded = &mut finish => loaded,
            Ok(()) = http.changed() => {
                let known = Arc::clone(&http.borrow_and_update());
                self.serve(options, known)?;
                finish.await
            }
        };
        let (graph, controller) = loaded?;
        // It may have been known only just now.
        self.serve(options, Arc::clone(&graph.http().borrow()))?;
        Ok((graph, controller))
    }

    /// Serves HTTP, if it is not served yet and others could speak to this node.
    fn serve(&mut self, options: &Options, config: Arc<HttpConfig>) -> anyhow::Result<()> {
        if let Some(problem) = tls::problem(&options.cluster, &config) {
            anyhow::bail!(problem);
        }
        let Some((listener, memory)) = self.unserved.take() else { return Ok(()) };
        let address = listener.local_addr().context("the listener has no address")?;
        self.http.send_replace(config);
        let (context, http) = (Arc::clone(&self.context), self.http.subscribe());
        let (serve, cancel) = (Serve { listener, memory, context, http }, self.rest.clone());
        self.tasks.spawn(async move {
            if let Err(problem) = server::serve(serve, cancel).await {
                error!(error = %problem, "cannot serve HTTP");
            }
        });
        info!(%address, version = telemetry::process::VERSION, "listening");
        Ok(())
    }

    /// Runs the configuration, and takes part in the cluster.
    pub(super) async fn run(
        mut self,
        options: &Options,
        graph: Graph,
        controller: Controller,
    ) -> anyhow::Result<Process> {
        let registry = &self.context.registry;
        self.measures.push(measure::register(registry, &graph, &options.cluster.name));
        self.context.set_graph(Arc::new(graph.clone()));
        self.phase.send_replace(Phase::Running);
        info!("the configuration is loaded");
        let (stopped_here, stopped) = watch::channel(false);
        let mut process = Process {
            cluster: self.cluster,
            graph,
            phase: self.phase,
            tasks: self.tasks,
            components: CancellationToken::new(),
            rest: self.rest,
            stopped,
            drain: self.context.drain(),
            _measures: self.measures,
        };
        process.follow_http(self.http, options.cluster.clone());
        process.follow_config();
        process.sweep(options.storage_path.clone());
        process.run_graph(controller, stopped_here);
        process.cluster.handle.participate().await?;
        Ok(process)
    }

    /// Ends what has not begun to collect: says farewell, so that nobody takes this node for one that
    /// failed, and stops the server.
    pub(super) async fn end(mut self) {
        self.phase.send_replace(Phase::Draining);
        farewell(&self.cluster.handle).await;
        self.rest.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn settings(
    options: &Options,
    cluster: &cluster::Handle,
    registry: &Registry,
    memory: MemoryDialer,
) -> Settings {
    Settings {
        config: options.config.clone(),
        stability: options.stability.into(),
        host: host::host(),
        registry: Kinds::shoal(),
        services: Services {
            cluster: Some(cluster.clone()),
            telemetry: registry.clone(),
            storage_path: options.storage_path.clone(),
            memory: Some(memory),
            instance: options
                .cluster
                .node_name
                .clone()
                .filter(|_| options.cluster.enabled)
                .unwrap_or_else(|| host::host().hostname),
            shutdown_deadline: options.component_shutdown_deadline,
        },
        veto: {
            let cluster = options.cluster.clone();
            Veto::new(move |http| tls::problem(&cluster, http))
        },
    }
}
