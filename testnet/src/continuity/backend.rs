//! What the nodes write to, and what it has in the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use model::{Labels, is_stale};
use serde_json::Value;
use url::Url;

use crate::ledger::{Account, Behaviour, Ledger, SeriesAccount, Stored};
use crate::process::real::{prometheus_receiver, victoria_metrics};
use crate::process::{Child, World, eventually, free_port, http};

#[cfg(test)]
mod tests;

/// What the nodes write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendKind {
    /// The test world's own receiver, which refuses what Prometheus refuses.
    Ledger,
    /// A Prometheus that takes remote writes, with no window for what comes out of order.
    Prometheus,
    /// A VictoriaMetrics.
    Victoria,
}

impl BackendKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Prometheus => "prometheus",
            Self::Victoria => "victoria-metrics",
        }
    }

    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Victoria => ("/health", "/api/v1/write"),
            Self::Prometheus | Self::Ledger => ("/-/ready", "/api/v1/write"),
        }
    }
}

/// A backend that can go away and come back. The nodes write to the ledger, which hands on.
#[derive(Debug)]
pub(super) struct Backend {
    kind: BackendKind,
    address: SocketAddr,
    child: Option<Child>,
}

/// How long a backend may take to start, to end, or to answer about all its samples of one name.
const PATIENCE: Duration = Duration::from_secs(60);

impl Backend {
    /// Starts it.
    pub(super) async fn start(
        kind: BackendKind,
        ledger: &Ledger,
        world: &World,
    ) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut backend = Self { kind, address, child: None };
        backend.back(ledger, world).await?;
        Ok(backend)
    }

    /// What it is.
    pub(super) fn kind(&self) -> BackendKind {
        self.kind
    }

    /// It answers nobody any more.
    pub(super) async fn away(&mut self, ledger: &Ledger) -> anyhow::Result<()> {
        match self.child.take() {
            Some(child) => child.end(PATIENCE).await,
            None => {
                ledger.behave(Behaviour::Refuse(503));
                Ok(())
            }
        }
    }

    /// It is back, with what it had.
    pub(super) async fn back(&mut self, ledger: &Ledger, world: &World) -> anyhow::Result<()> {
        if self.kind == BackendKind::Ledger {
            ledger.behave(Behaviour::Prometheus);
            return Ok(());
        }
        let (ready, path) = self.kind.paths();
        let folder = world.folder(self.kind.name())?;
        let command = match self.kind {
            BackendKind::Victoria => victoria_metrics(&folder, self.address.port())?,
            _ => prometheus_receiver(&folder, self.address.port())?,
        };
        let mut child = Child::spawn(self.kind.name(), command, &folder.join("log"))?;
        let url = format!("http://{}{ready}", self.address);
        eventually(self.kind.name(), PATIENCE, async || {
            child.check_alive()?;
            http::text(&url).await
        })
        .await?;
        self.child = Some(child);
        ledger.behave(Behaviour::Relay { to: self.address, path });
        Ok(())
    }

    /// What it has since an instant, in milliseconds since the Unix epoch: as the ledger counted it,
    /// or as it answers itself.
    pub(super) async fn account(&self, ledger: &Ledger, since: i64) -> anyhow::Result<Account> {
        let seen = ledger.account().await?;
        let found = match self.kind {
            BackendKind::Ledger => return Ok(seen),
            BackendKind::Prometheus => self.query_prometheus(since).await?,
            BackendKind::Victoria => self.export_victoria(since).await?,
        };
        Ok(together(seen, found))
    }

    async fn query_prometheus(&self, since: i64) -> anyhow::Result<Vec<SeriesAccount>> {
        // One instant for all: with each name the beginning would come closer to the present.
        let now = super::stage::now();
        let (seconds, time) = ((now - since) / 1000 + 5, format!("{}", now / 1000 + 1));
        let mut found = Vec::new();
        for name in self.names().await? {
            let query = format!("{{__name__={name:?},instance!=\"\"}}[{seconds}s]");
            let text =
                self.long_answer("/api/v1/query", &[("query", &query), ("time", &time)]).await?;
            let answer: Value = serde_json::from_str(&text)?;
            ensure!(answer["status"] == "success", "{query}: {answer}");
            let result = answer["data"]["result"].as_array().context("no result")?;
            for series in result {
                found.push(prometheus_series(series).context("an odd series")?);
            }
        }
        Ok(found)
    }

    async fn export_victoria(&self, since: i64) -> anyhow::Result<Vec<SeriesAccount>> {
        // What came last is otherwise shown a little later.
        http::text(&format!("http://{}/internal/force_flush", self.address)).await?;
        let since = format!("{}", since / 1000);
        let mut found = Vec::new();
        for name in self.names().await? {
            let selector = format!("{{__name__={name:?},instance!=\"\"}}");
            let what = [("match[]", selector.as_str()), ("start", &since)];
            for line in self.long_answer("/api/v1/export", &what).await?.lines() {
                let line: Value = serde_json::from_str(line)?;
                found.push(victoria_series(&line).context("an odd series")?);
            }
        }
        Ok(found)
    }

    /// The names of all series: half an hour of thousands of targets is too much for one answer.
    async fn names(&self) -> anyhow::Result<Vec<String>> {
        let text = self.long_answer("/api/v1/label/__name__/values", &[]).await?;
        let answer: Value = serde_json::from_str(&text)?;
        let names = answer["data"].as_array().context("no names")?.iter();
        names.map(|name| Ok(name.as_str().context("an odd name")?.to_owned())).collect()
    }

    async fn long_answer(&self, path: &str, what: &[(&str, &str)]) -> anyhow::Result<String> {
        let base = format!("http://{}{path}", self.address);
        http::text_within(PATIENCE, Url::parse_with_params(&base, what)?.as_str()).await
    }
}

fn labels(metric: &Value) -> Option<Labels> {
    let pairs = metric.as_object()?.iter();
    let pairs = pairs.map(|(name, value)| Some((name, value.as_str()?)));
    Some(Labels::from_pairs(pairs.collect::<Option<Vec<_>>>()?))
}

fn prometheus_series(series: &Value) -> Option<SeriesAccount> {
    let stored = |pair: &Value| {
        let at = (pair[0].as_f64()? * 1000.0).round() as i64;
        Some(Stored { at, value: pair[1].as_str()?.parse().ok()?, times: 1, by: 0 })
    };
    let ticks = series["values"].as_array()?.iter().map(stored).collect::<Option<Vec<_>>>()?;
    Some(SeriesAccount { labels: labels(&series["metric"])?, ticks })
}

fn victoria_series(series: &Value) -> Option<SeriesAccount> {
    let times = series["timestamps"].as_array()?.iter().map(Value::as_i64);
    let mut ticks: Vec<Stored> = Vec::new();
    for (at, value) in times.zip(series["values"].as_array()?) {
        // No number: a staleness marker, which the relay has seen.
        let Some(value) = value.as_f64() else { continue };
        match ticks.last_mut() {
            Some(last) if last.at == at? => last.times += 1,
            _ => ticks.push(Stored { at: at?, value, times: 1, by: 0 }),
        }
    }
    Some(SeriesAccount { labels: labels(&series["metric"])?, ticks })
}

/// What a backend has, with what only the relay knows: who wrote it, how often, and where series ended.
fn together(seen: Account, found: Vec<SeriesAccount>) -> Account {
    let Account { series, .. } = seen;
    let known: BTreeMap<Labels, Vec<Stored>> =
        series.into_iter().map(|series| (series.labels, series.ticks)).collect();
    let mut kept_twice = 0;
    let complete = |mut series: SeriesAccount| {
        let relayed = known.get(&series.labels).map_or(&[][..], Vec::as_slice);
        for stored in &mut series.ticks {
            kept_twice += u64::from(stored.times.saturating_sub(1));
            let place = relayed.binary_search_by_key(&stored.at, |relayed| relayed.at);
            let Ok(index) = place else { continue };
            stored.by = relayed[index].by;
            // A backend keeps one of two that are alike, and does not tell.
            stored.times = stored.times.max(relayed[index].times);
        }
        series.ticks.extend(relayed.iter().filter(|stored| is_stale(stored.value)));
        series.ticks.sort_by_key(|stored| stored.at);
        series
    };
    let series = found.into_iter().map(complete).collect();
    Account { series, kept_twice, ..seen }
}
