//! What the rest of the process holds of the graph.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::health::HealthState;
use super::live::LoadStatus;
use super::publish::{Entry, Published, api_health};
use crate::config::Config;
use crate::server::components::{
    BoxFuture, Component, ComponentRequest, Components, ConfigNode, TargetHealth,
};
use crate::server::config::HttpConfig;
use crate::telemetry::logging::Logging;
use ownership::Key;

/// Orders that may wait for the graph at one time; whoever gives one waits for room.
pub(super) const COMMANDS_IN_FLIGHT: usize = 16;

/// A handle on the running graph. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) published: watch::Receiver<Arc<Published>>,
    pub(super) http: watch::Receiver<Arc<HttpConfig>>,
    pub(super) logging: watch::Receiver<Logging>,
}

/// What the graph can be told.
#[derive(Debug)]
pub(super) enum Command {
    /// Read the configuration again and run it.
    Reload(oneshot::Sender<Result<(), LoadError>>),
}

/// Why a configuration was not, or not wholly, taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The configuration is wrong: syntax, unknown names, arguments, cycles, doubles. What ran
    /// before runs on, untouched.
    #[error("{0}")]
    Rejected(String),
    /// The configuration is right and runs, but some of its components could not be made or
    /// changed: those keep what they had before, are unhealthy, and are tried again.
    #[error("{0}")]
    Partial(String),
    /// The graph is being stopped.
    #[error("the process is shutting down")]
    Stopping,
}

impl Graph {
    /// Reads the configuration from where it was read at the start and runs what it says.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]: the text holds every mistake, with its place.
    pub async fn reload(&self) -> Result<(), LoadError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(Command::Reload(answer)).await;
        sent.map_err(|_| LoadError::Stopping)?;
        answered.await.unwrap_or(Err(LoadError::Stopping))
    }

    /// Wakes whenever something about the graph has changed.
    pub fn changes(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// The `logging` block, and a way to wait for its next change.
    pub fn logging(&self) -> watch::Receiver<Logging> {
        self.logging.clone()
    }

    /// How loading the configuration went.
    pub fn load_status(&self) -> LoadStatus {
        self.published.borrow().load.clone()
    }

    /// The blocks that concern the process itself, as they are now.
    pub fn config(&self) -> Config {
        let http = HttpConfig::clone(&self.http.borrow());
        Config { logging: *self.logging.borrow(), http }
    }

    fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.published.borrow().entry(id)
    }
}

impl Components for Graph {
    fn is_loaded(&self) -> bool {
        // A graph exists only once it was loaded.
        true
    }

    fn list(&self) -> Vec<Component> {
        let published = Arc::clone(&self.published.borrow());
        published.entries().map(|entry| entry.summary()).collect()
    }

    fn troubles(&self) -> Vec<String> {
        let published = Arc::clone(&self.published.borrow());
        let refusal = published.load.refusal.iter();
        let refusal = refusal.map(|why| format!("the configuration was not taken over:\n{why}"));
        let broken = published.config_nodes.iter();
        let broken = broken.filter(|(_, health)| health.state == HealthState::Unhealthy);
        refusal.chain(broken.map(|(id, health)| format!("{id}: {}", health.message))).collect()
    }

    fn config_nodes(&self) -> Vec<ConfigNode> {
        let published = Arc::clone(&self.published.borrow());
        let nodes = published.config_nodes.iter();
        nodes
            .map(|(id, health)| ConfigNode { id: id.to_string(), health: api_health(health) })
            .collect()
    }

    fn glimpse<'a>(&'a self, id: &'a str, most: usize) -> BoxFuture<'a, Option<Component>> {
        Box::pin(async move { Some(self.entry(id)?.detail(most).await) })
    }

    fn target_health<'a>(
        &'a self,
        component: &'a str,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Vec<Option<TargetHealth>>> {
        Box::pin(async move {
            match self.entry(component).and_then(|entry| entry.running()) {
                Some(running) => running.target_health(keys).await,
                None => vec![None; keys.len()],
            }
        })
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Graph::reload(self).await.map_err(|error| error.to_string()) })
    }

    fn serve(&self, request: ComponentRequest) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(async move {
            let running = self.entry(&request.id)?.running()?;
            running.serve(request).await
        })
    }

    fn http(&self) -> watch::Receiver<Arc<HttpConfig>> {
        self.http.clone()
    }
}
