//! A configuration with the real kinds, run by the graph.

use std::path::PathBuf;
use std::time::Duration;

use client::MemoryDialer;
use syntax::{Host, Stability};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::components::{Registry, Services};
use crate::graph::{Controller, Graph, LoadError, Settings, Veto};
use crate::server::components::Components;
use crate::telemetry;

/// A directory and the services of a process.
pub(super) struct World {
    directory: tempfile::TempDir,
    pub telemetry: telemetry::Registry,
    pub memory: Option<MemoryDialer>,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory for the test");
        Self { directory, telemetry: telemetry::Registry::default(), memory: None }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write a file of the test");
    }

    pub(super) async fn load(&self, config: &str) -> Result<(Graph, Controller), LoadError> {
        self.write("config.alloy", config);
        Graph::load(Settings {
            config: self.path("config.alloy"),
            stability: Stability::GenerallyAvailable,
            host: Host::default(),
            registry: Registry::shoal(),
            services: Services {
                cluster: None,
                telemetry: self.telemetry.clone(),
                storage_path: self.path("data"),
                memory: self.memory.clone(),
                instance: "here".to_owned(),
                shutdown_deadline: Duration::from_secs(4),
            },
            veto: Veto::default(),
        })
        .await
    }

    pub(super) async fn run(&self, config: &str) -> Running {
        let (graph, controller) = self.load(config).await.expect("the configuration is right");
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(controller.run(cancel.clone()));
        Running { graph, cancel, tasks }
    }
}

pub(super) struct Running {
    pub graph: Graph,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    /// Looks at a component until it shows what is asked for.
    pub(super) async fn until(
        &self,
        id: &str,
        wanted: impl Fn(&crate::server::components::Component) -> bool,
    ) {
        let mut changes = self.graph.changes();
        let looking = async {
            loop {
                changes.borrow_and_update();
                if let Some(detail) = self.graph.detail(id).await
                    && wanted(&detail)
                {
                    return;
                }
                changes.changed().await.expect("the graph runs");
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), looking).await.is_err() {
            panic!("it never came to be so: {:#?}", self.graph.detail(id).await);
        }
    }

    /// Waits until a component's exports hold this text.
    pub(super) async fn until_export(&self, id: &str, text: &str) {
        self.until(id, |detail| detail.exports.to_string().contains(text)).await;
    }

    pub(super) async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("the controller does not panic");
        }
    }
}
