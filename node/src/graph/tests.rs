//! The graph with kinds made for the tests: what happens to them is written into a journal.

mod foresight;
mod loading;
mod modules;
mod running;
mod secrets;
mod shape;
mod troubles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use syntax::{Arguments, Exports, Host, Stability};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Veto;
use super::{Controller, Graph, LoadError, Settings};
use crate::components::{
    Context, Exporter, HealthReport, Kind, Nothing, Refusal, Registry, Services, Started, Updated,
};
use crate::server::components::{Component, Components, HealthState};
use crate::telemetry;
use crate::telemetry::logging::Logging;

/// A directory with a configuration, and what happened to its components. Tests are told apart by
/// their directories, because kinds have no state of their own.
pub(super) struct World {
    directory: tempfile::TempDir,
    pub registry: Registry,
    pub telemetry: telemetry::Registry,
}

#[derive(Default)]
struct Stage {
    journal: Vec<String>,
    sources: BTreeMap<String, (Exporter<SourceExports>, HealthReport)>,
}

static STAGES: Mutex<BTreeMap<PathBuf, Stage>> = Mutex::new(BTreeMap::new());

fn on_stage<T>(directory: &Path, act: impl FnOnce(&mut Stage) -> T) -> T {
    let mut stages = STAGES.lock().unwrap_or_else(PoisonError::into_inner);
    act(stages.entry(directory.to_owned()).or_default())
}

impl World {
    pub(super) fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let registry = Registry::default().with::<Source>().with::<Sink>().with::<Preview>();
        let world = Self { directory, registry, telemetry: telemetry::Registry::default() };
        world.write("config.alloy", config);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write a file of the test");
    }

    pub(super) fn host() -> Host {
        Host { hostname: "here".to_owned(), ..Host::default() }
    }

    fn settings(&self) -> Settings {
        Settings {
            config: self.path("config.alloy"),
            stability: Stability::GenerallyAvailable,
            host: Self::host(),
            registry: self.registry.clone(),
            services: Services {
                cluster: None,
                telemetry: self.telemetry.clone(),
                storage_path: self.directory.path().to_owned(),
                memory: None,
                instance: "here".to_owned(),
                shutdown_deadline: Duration::from_secs(5),
            },
            veto: Veto::default(),
        }
    }

    /// What is wrong with the configuration, without the directory of the test.
    pub(super) fn problems(&self) -> String {
        let result = super::validate(
            &self.path("config.alloy"),
            &self.registry,
            &Self::host(),
            Stability::GenerallyAvailable,
        );
        let text = result.err().map(|problems| problems.to_string()).unwrap_or_default();
        self.without_directory(&text)
    }

    pub(super) fn without_directory(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }

    pub(super) async fn load(&self) -> Result<(Graph, Controller), LoadError> {
        Graph::load(self.settings()).await
    }

    async fn begin(&self) -> super::Loading {
        Graph::begin(self.settings()).await.expect("what is known so far is right")
    }

    /// Loads and runs.
    pub(super) async fn run(&self) -> Running {
        let (graph, controller) = self.load().await.expect("the configuration is right");
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(controller.run(cancel.clone()));
        Running { graph, cancel, tasks }
    }

    /// What happened since the last time.
    pub(super) fn journal(&self) -> Vec<String> {
        on_stage(self.directory.path(), |stage| std::mem::take(&mut stage.journal))
    }

    /// Has a source export another value.
    pub(super) fn export(&self, source: &str, value: &str) {
        let exporter = on_stage(self.directory.path(), |stage| stage.sources[source].0.clone());
        exporter.set(&SourceExports { value: value.to_owned() });
    }

    pub(super) fn report(&self, source: &str) -> HealthReport {
        on_stage(self.directory.path(), |stage| stage.sources[source].1.clone())
    }
}

pub(super) struct Running {
    pub graph: Graph,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    /// Waits until the graph shows what is asked for.
    pub(super) async fn until(&self, wanted: impl Fn(&[Component]) -> bool) -> Vec<Component> {
        let mut changes = self.graph.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let list = self.graph.list();
                if wanted(&list) {
                    return list;
                }
                changes.changed().await.expect("the graph runs");
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes to be so")
    }

    /// Waits until a component's arguments hold this text.
    pub(super) async fn until_argument(&self, id: &str, text: &str) {
        let mut changes = self.graph.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let detail = self.graph.detail(id).await;
                if detail.is_some_and(|detail| detail.arguments.to_string().contains(text)) {
                    return;
                }
                changes.changed().await.expect("the graph runs");
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes to be so");
    }

    pub(super) async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("the controller does not panic");
        }
    }
}

pub(super) fn state(list: &[Component], id: &str) -> Option<HealthState> {
    list.iter().find(|component| component.id() == id).map(|component| component.health.state)
}

/// Exports what it is given, or what the test says.
struct Source {
    directory: PathBuf,
    id: String,
    exports: Exporter<SourceExports>,
}

#[derive(Debug, Arguments)]
struct SourceArguments {
    /// What is exported.
    #[arg(default = String::new())]
    value: String,
    /// Refuses to start or to change as long as the file `mended` is not there.
    #[arg(default = false)]
    broken: bool,
}

#[derive(Debug, Exports)]
struct SourceExports {
    /// What was given.
    value: String,
}

fn refuse(arguments: &SourceArguments, directory: &Path) -> Result<(), Refusal> {
    if arguments.broken && !directory.join("mended").exists() {
        return Err(Refusal::new("it is broken"));
    }
    Ok(())
}

impl Kind for Source {
    const NAME: &'static str = "test.source";
    const SUMMARY: &'static str = "Exports what it is given.";
    type Arguments = SourceArguments;
    type Exports = SourceExports;

    async fn start(
        context: Context<SourceExports>,
        arguments: SourceArguments,
    ) -> Result<Started<Self>, Refusal> {
        refuse(&arguments, &context.services.storage_path)?;
        let (id, directory) = (context.id.to_string(), context.services.storage_path.clone());
        context.exports.set(&SourceExports { value: arguments.value });
        on_stage(&directory, |stage| {
            stage.journal.push(format!("start {id}"));
            let kept = (context.exports.clone(), context.health.clone());
            stage.sources.insert(id.clone(), kept);
        });
        let component =
            Self { directory: directory.clone(), id: id.clone(), exports: context.exports.clone() };
        Ok(Started::new(component, async move {
            context.cancel.cancelled().await;
            on_stage(&directory, |stage| stage.journal.push(format!("stop {id}")));
            Ok(())
        }))
    }

    async fn update(&self, arguments: SourceArguments) -> Result<Updated, Refusal> {
        refuse(&arguments, &self.directory)?;
        let line = format!("update {}", self.id);
        on_stage(&self.directory, |stage| stage.journal.push(line));
        self.exports.set(&SourceExports { value: arguments.value });
        Ok(Updated::InPlace)
    }
}

/// Takes a value.
struct Sink {
    directory: PathBuf,
    id: String,
}

#[derive(Debug, Arguments)]
struct SinkArguments {
    /// What to take.
    value: String,
    /// It is made anew for every change.
    #[arg(default = false)]
    stiff: bool,
    /// Its work ends at once.
    #[arg(default = false)]
    short: bool,
}

impl Kind for Sink {
    const NAME: &'static str = "test.sink";
    const SUMMARY: &'static str = "Takes a value.";
    type Arguments = SinkArguments;
    type Exports = Nothing;

    async fn start(
        context: Context<Nothing>,
        arguments: SinkArguments,
    ) -> Result<Started<Self>, Refusal> {
        let (id, directory) = (context.id.to_string(), context.services.storage_path.clone());
        let line = format!("start {id} with {}", arguments.value);
        on_stage(&directory, |stage| stage.journal.push(line));
        let component = Self { directory: directory.clone(), id: id.clone() };
        Ok(Started::new(component, async move {
            if arguments.short {
                return Err(Refusal::new("it had enough"));
            }
            context.cancel.cancelled().await;
            on_stage(&directory, |stage| stage.journal.push(format!("stop {id}")));
            Ok(())
        }))
    }

    async fn update(&self, arguments: SinkArguments) -> Result<Updated, Refusal> {
        if arguments.stiff {
            return Ok(Updated::Restart);
        }
        let line = format!("update {} with {}", self.id, arguments.value);
        on_stage(&self.directory, |stage| stage.journal.push(line));
        Ok(Updated::InPlace)
    }
}

/// Is not generally available.
struct Preview;

impl Kind for Preview {
    const NAME: &'static str = "test.preview";
    const SUMMARY: &'static str = "Is not done.";
    const STABILITY: Stability = Stability::Experimental;
    type Arguments = Nothing;
    type Exports = Nothing;

    async fn start(_: Context<Nothing>, _: Nothing) -> Result<Started<Self>, Refusal> {
        Ok(Started::new(Self, std::future::ready(Ok(()))))
    }

    async fn update(&self, _: Nothing) -> Result<Updated, Refusal> {
        Ok(Updated::InPlace)
    }
}

pub(super) fn texts(list: &[Component]) -> Vec<String> {
    list.iter().map(Component::id).collect()
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<String>>>);

impl Written {
    /// The lines so far, without their times.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let strip = |line: &String| {
            let at = line.find("level").expect("every line has a level");
            line[at..].trim_end().to_owned()
        };
        lines.iter().map(strip).collect()
    }
}

/// Writes down what is logged on this thread until the guard is dropped.
pub(super) fn captured() -> (Written, tracing::subscriber::DefaultGuard) {
    // While there is one subscriber alone, tracing asks that of the thread which is the first to say
    // something whether anybody will ever listen: another test's thread, which has none.
    static SECOND: OnceLock<tracing::Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| tracing::Dispatch::new(tracing_subscriber::registry()));
    let written = Written::default();
    let sink = written.clone();
    let (subscriber, _control) = telemetry::logging::subscriber(Logging::default(), move |line| {
        let line = String::from_utf8_lossy(line).into_owned();
        sink.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    });
    (written, tracing::subscriber::set_default(subscriber))
}
