//! `prometheus.scrape`: collects the metrics of targets, those that this node owns.

mod arguments;
mod director;
mod inventory;
mod measure;
mod pressure;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::MemoryDialer;
use metrics::{Clock, Command, Fetch, ScrapeConfig, Scraper, TargetStatus};
use model::Labels;
use ownership::Key;
use syntax::json::Body;
use syntax::{IntoValue, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::receiver::Fanout;
use super::{Context, Kind, Nothing, Refusal, Started, Updated, http_client};
use crate::cluster::{FirstTick, FirstTicks, Subscription};
use crate::server::components::TargetHealth;
use crate::telemetry::{Registration, clock};

use arguments::Input;
use director::{Director, Told};
use inventory::Refused;
use measure::Counts;

/// How long a scraper may take to say how its targets are. One that has not been started does not
/// say anything.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running `prometheus.scrape`.
pub(super) struct PrometheusScrape {
    id: String,
    told: watch::Sender<Arc<Told>>,
    fanout: Arc<Fanout>,
    commands: mpsc::Sender<Command>,
    refused: watch::Receiver<Arc<Refused>>,
    memory: Option<MemoryDialer>,
    _registration: Registration,
}

impl Kind for PrometheusScrape {
    const NAME: &'static str = "prometheus.scrape";
    const SUMMARY: &'static str =
        "Scrapes the metrics of targets and sends them on; shares the targets with the cluster.";
    type Arguments = Input;
    type Exports = Nothing;

    async fn start(context: Context<Nothing>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let id = context.id.to_string();
        let memory = context.services.memory.clone();
        let told = tell(&arguments, &id, memory.as_ref())?;
        let subscription = match (&context.services.cluster, told.clustered) {
            (Some(cluster), true) => cluster.subscribe(id.as_str()).await,
            (Some(cluster), false) => cluster.subscribe_local(id.as_str()),
            (None, _) => Subscription::local(),
        };
        let fanout = Fanout::new(arguments.forward_to);
        let counts = Arc::new(Counts::default());
        let (sink, batches) = mpsc::channel(super::receiver::BATCHES_IN_FLIGHT);
        let telemetry = Arc::clone(&counts.scraper);
        let (config, fetch) = (Arc::clone(&told.config), Arc::clone(&told.fetch));
        let (scraper, commands) = Scraper::new(config, fetch, sink, telemetry, Clock::System);
        let scraper = match subscription.first_ticks() {
            Some(first_ticks) => scraper.with_first_tick(Arc::new(Firsts(first_ticks))),
            None => scraper,
        };
        let (refuse, refused) = watch::channel(Arc::default());
        let (told, changes) = watch::channel(Arc::new(told));
        let measured = (Arc::clone(&counts), Arc::clone(&fanout));
        let registration = context.measure(move |page| {
            measured.0.collect(page);
            measured.1.collect(page);
        });
        let watch = director::Watch { counts: Arc::clone(&counts), health: context.health };
        let director =
            Director::new(id.clone(), changes, subscription, commands.clone(), counts, refuse);
        let ends = director::Ends { cancel: context.cancel, removed: context.removed };
        let component = Self {
            id,
            told,
            fanout: Arc::clone(&fanout),
            commands,
            refused,
            memory,
            _registration: registration,
        };
        Ok(Started::new(
            component,
            director::run(director, scraper, (batches, fanout), watch, ends),
        ))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        let told = tell(&arguments, &self.id, self.memory.as_ref())?;
        let (clustered, config) = {
            let current = self.told.borrow();
            (current.clustered, Arc::clone(&current.config))
        };
        if clustered != told.clustered {
            return Ok(Updated::Restart);
        }
        self.fanout.set(arguments.forward_to);
        let same = *config == *told.config && self.told.borrow().client == told.client;
        let told = if same {
            // Connections are kept.
            let fetch = Arc::clone(&self.told.borrow().fetch);
            Told { config, fetch, ..told }
        } else {
            told
        };
        self.told.send_replace(Arc::new(told));
        Ok(Updated::InPlace)
    }

    async fn debug_info(&self, most: usize) -> Body {
        let mut body = Body::new();
        let statuses = self.statuses().await;
        for status in statuses.iter().take(most) {
            body.block("target", None, shown(status));
        }
        body.left_out("target", statuses.len().saturating_sub(most));
        let refused = Arc::clone(&self.refused.borrow());
        refused.show(&mut body);
        body
    }

    async fn target_health(&self, keys: &[Key]) -> Vec<Option<TargetHealth>> {
        let statuses = self.statuses().await;
        let health = |key: &Key| {
            let found = statuses.binary_search_by_key(&key.as_u64(), |status| status.key).ok()?;
            Some(health(&statuses[found]))
        };
        keys.iter().map(health).collect()
    }
}

/// Tells the cluster of first ticks.
#[derive(Debug)]
struct Firsts(FirstTicks);

impl metrics::FirstTick for Firsts {
    fn collected(&self, key: u64, tick: i64) {
        self.0.put(Key::from(key), FirstTick { tick, at: Instant::now() });
    }
}

/// Everything that the director of targets is told.
fn tell(arguments: &Input, id: &str, memory: Option<&MemoryDialer>) -> Result<Told, Refusal> {
    let settings = arguments.client.config(true);
    let client = http_client::client(&settings, memory)?;
    let config: Arc<ScrapeConfig> = Arc::new(arguments.config(id));
    let fetch: Arc<dyn Fetch> = Arc::new(client);
    Ok(Told {
        targets: Arc::clone(&arguments.targets.0),
        config,
        client: settings,
        fetch,
        clustered: arguments.clustered(),
    })
}

impl PrometheusScrape {
    /// How every target is, in order of the keys.
    async fn statuses(&self) -> Vec<TargetStatus> {
        let asking = async {
            let (answer, answered) = oneshot::channel();
            self.commands.send(Command::Targets(answer)).await.ok()?;
            answered.await.ok()
        };
        let mut statuses =
            tokio::time::timeout(PATIENCE, asking).await.ok().flatten().unwrap_or_default();
        statuses.sort_unstable_by_key(|status| status.key);
        statuses
    }
}

/// A target in the shape of Alloy's debug information.
fn shown(status: &TargetStatus) -> Body {
    let mut body = Body::new();
    body.attribute("job", &Value::string(&status.job));
    body.attribute("url", &Value::string(&status.url));
    body.attribute("health", &Value::string(status.health.as_str()));
    body.attribute("labels", &object(&status.labels));
    let error = status.last_error.as_deref();
    if let Some(error) = error {
        body.attribute("last_error", &Value::string(error));
    }
    if let Some(at) = status.last_scrape {
        body.attribute("last_scrape", &Value::string(clock::rfc3339(at)));
        body.attribute("last_scrape_duration", &status.last_duration.to_value());
        body.attribute("samples", &status.samples.to_value());
    }
    body
}

fn object(labels: &Labels) -> Value {
    Value::object(labels.iter().map(|(name, value)| (name, Value::string(value))))
}

fn health(status: &TargetStatus) -> TargetHealth {
    TargetHealth {
        health: status.health.as_str().to_owned(),
        last_error: status.last_error.clone().unwrap_or_default(),
        last_scrape: status.last_scrape.unwrap_or_default(),
        last_scrape_duration: status.last_duration.as_secs_f64(),
    }
}
