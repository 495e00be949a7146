//! The first configuration, from when it is known to be right until all of it is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use syntax::Scope;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Controller, Settings, prepare, say_doubts};
use crate::graph::handle::{COMMANDS_IN_FLIGHT, Graph, LoadError};
use crate::graph::live::{Live, LoadStatus};
use crate::graph::measure::Measure;
use crate::graph::plan::{ConfigBlock, Contents, Role};
use crate::graph::prepare::Prepared;
use crate::graph::publish::Publisher;
use crate::server::config::HttpConfig;

/// A first configuration that was read and found right, and whose components are not made yet: some of
/// them wait for others' documents, which takes as long as it takes.
pub struct Loading {
    graph: Graph,
    controller: Controller,
    http: watch::Receiver<Arc<HttpConfig>>,
}

impl Graph {
    /// Reads a configuration, makes its components and evaluates them; nothing runs until the
    /// controller is run.
    ///
    /// # Errors
    ///
    /// When anything at all is wrong: the text holds every mistake. Nothing is left behind.
    pub async fn load(settings: Settings) -> Result<(Self, Controller), LoadError> {
        Self::begin(settings).await?.finish().await
    }

    /// Reads a configuration and says what is wrong with it as far as that is known without any
    /// component.
    ///
    /// # Errors
    ///
    /// As for [`Graph::load`].
    pub async fn begin(settings: Settings) -> Result<Loading, LoadError> {
        let library = Scope::new(&settings.host, settings.stability);
        let prepared = prepare(&settings, &library, None, Contents::new()).await?;
        let (commands, received) = mpsc::channel(COMMANDS_IN_FLIGHT);
        let (publisher, graph) = Publisher::new(commands);
        let http = graph.http.clone();
        let measure = Arc::<Measure>::default();
        let registration = measure.register(&settings.services.telemetry, graph.published.clone());
        let Prepared { plan, texts, contents } = prepared;
        let mut controller = Controller {
            settings,
            library,
            texts,
            contents,
            live: plan.nodes.iter().map(|_| Live::default()).collect(),
            plan,
            leaving: BTreeMap::new(),
            removed: Vec::new(),
            news: Contents::new(),
            refused: BTreeMap::new(),
            changed: Arc::new(Notify::new()),
            tasks: JoinSet::new(),
            running: false,
            stopping: CancellationToken::new(),
            load: LoadStatus::default(),
            measure,
            _registration: registration,
            publisher,
            commands: received,
        };
        say_doubts(&controller.plan);
        controller.bring_http_forward();
        Ok(Loading { graph, controller, http })
    }
}

impl Loading {
    /// The `http` block, seen to change once it is known: before any component is made, unless it needs
    /// what components export, and then as soon as those are made. Nobody may be answered before: it may
    /// ask for a password, or for TLS.
    pub fn http(&self) -> watch::Receiver<Arc<HttpConfig>> {
        self.http.clone()
    }

    /// Makes the components and evaluates them.
    ///
    /// # Errors
    ///
    /// As for [`Graph::load`].
    pub async fn finish(self) -> Result<(Graph, Controller), LoadError> {
        let Self { graph, mut controller, .. } = self;
        controller.evaluate_all().await;
        let failures = controller.failures();
        if !failures.is_empty() {
            return Err(LoadError::Rejected(failures.join("\n\n")));
        }
        controller.loaded(Ok(()));
        controller.publish();
        Ok((graph, controller))
    }
}

impl Controller {
    /// Lets the `http` block, and what it depends on, be evaluated before everything else: until it is
    /// known, nobody is answered. Where there is none, that is known by now.
    fn bring_http_forward(&mut self) {
        let is_http = |role: &Role| matches!(role, Role::Config(ConfigBlock::Http));
        let Some(http) = self.plan.nodes.iter().position(|node| is_http(&node.role)) else {
            return self.publisher.tell_http(HttpConfig::default());
        };
        let mut needed = vec![false; self.plan.nodes.len()];
        let mut open = vec![http];
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut needed[index], true) {
                open.extend(&self.plan.nodes[index].dependencies);
            }
        }
        // What is needed needs nothing else, so each still comes after what it depends on.
        let (first, rest): (Vec<usize>, Vec<usize>) =
            self.plan.order.iter().partition(|&&index| needed[index]);
        self.plan.order = first.into_iter().chain(rest).collect();
    }
}
