//! Nodes as real processes with the programs that users have: Prometheus, VictoriaMetrics and
//! node_exporter. `cargo test -p testnet --features real-programs --test real`; a program that is
//! missing fails the suite with the line that installs it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use delivery::telemetry::DropReason;
use model::{Batch, Labels};
use serde_json::Value;
use testnet::exporter::{self, Fleet, SCRAPES};
use testnet::process::{Child, Cluster, World, eventually, free_port, http, real};
use tokio::process::Command;
use tokio::sync::Mutex;
use url::Url;

#[path = "real/alerts.rs"]
mod alerts;
#[path = "real/disk.rs"]
mod disk;
#[path = "real/formats.rs"]
mod formats;
#[path = "real/malformed.rs"]
mod malformed;
#[path = "real/ops.rs"]
mod ops;
#[path = "world/pages.rs"]
mod pages;
#[path = "real/rules.rs"]
mod rules;
mod world;

use world::{INTERVAL, PATIENCE, addresses, configuration, fleet, setup};

/// What asks for a tick in time from everybody, and what loads the machine on purpose, do not run at once.
static STAGE: Mutex<()> = Mutex::const_new(());

/// A backend that answers PromQL.
struct Backend {
    child: Child,
    base: String,
}

impl Backend {
    async fn start(
        world: &World,
        name: &str,
        ready: &str,
        command: impl Fn(&std::path::Path, u16) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let folder = world.folder(name)?;
        let port = free_port()?;
        let command = command(&folder, port)?;
        let mut child = Child::spawn(name, command, &folder.join("log"))?;
        let base = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        let url = format!("{base}{ready}");
        eventually(name, PATIENCE, async || {
            child.check_alive()?;
            http::text(&url).await
        })
        .await?;
        Ok(Self { child, base })
    }

    async fn prometheus(world: &World) -> anyhow::Result<Self> {
        Self::start(world, "prometheus", "/-/ready", real::prometheus_receiver).await
    }

    async fn victoria_metrics(world: &World) -> anyhow::Result<Self> {
        Self::start(world, "victoria-metrics", "/health", real::victoria_metrics).await
    }

    fn write_url(&self) -> String {
        format!("{}/api/v1/write", self.base)
    }

    /// The value of a query that gives one sample; nothing is 0.
    async fn number(&self, query: &str) -> anyhow::Result<f64> {
        let url =
            Url::parse_with_params(&format!("{}/api/v1/query", self.base), [("query", query)])?;
        let answer = http::json(url.as_str()).await?;
        anyhow::ensure!(answer["status"] == "success", "{query}: {answer}");
        match &answer["data"]["result"][0]["value"][1] {
            Value::Null => Ok(0.0),
            Value::String(number) => Ok(number.parse()?),
            other => anyhow::bail!("{query}: {other}"),
        }
    }

    async fn becomes(&mut self, query: &str, expected: f64) -> anyhow::Result<()> {
        let what = format!("{query} to be {expected}");
        eventually(&what, PATIENCE, async || {
            self.child.check_alive()?;
            let found = self.number(query).await?;
            anyhow::ensure!(found == expected, "it is {found}");
            Ok(())
        })
        .await
        .with_context(|| self.child.log_tail())
    }
}

/// Fails when a target is asked more often than its interval says, or not at all.
async fn nobody_is_scraped_twice(fleet: &Fleet) -> anyhow::Result<()> {
    const INTERVALS: u32 = 6;
    eventually("a time in which every target is scraped once an interval", PATIENCE, async || {
        let before: Vec<u64> = (0..fleet.len()).map(|target| fleet.scrapes(target)).collect();
        tokio::time::sleep(INTERVAL * INTERVALS).await;
        for (target, before) in before.iter().enumerate() {
            let scrapes = fleet.scrapes(target) - before;
            let once = u64::from(INTERVALS - 1)..=u64::from(INTERVALS + 1);
            anyhow::ensure!(
                once.contains(&scrapes),
                "{target}: {scrapes} in {INTERVALS} intervals"
            );
        }
        Ok(())
    })
    .await
}

/// How many targets are up, as everybody asks it.
const UP: &str = "count(up == 1)";

/// How many there are, whether or not the last scrape of each came to its end in time.
const THERE: &str = "count(up)";

/// Does something to the cluster while the number of targets that are there never changes, and no target
/// misses or fails more than one scrape in four, and one: `up` goes on for five minutes where nothing is
/// stored, its samples do not. That many may fall to a machine that is busy; that none does is what the
/// suite `continuity` proves, tick by tick.
async fn unseen<T>(
    backend: &mut Backend,
    targets: f64,
    event: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let began = SystemTime::now();
    let watch = async {
        loop {
            match backend.number(THERE).await {
                Ok(up) if up == targets => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(up) => return anyhow::anyhow!("{THERE} became {up}"),
                Err(error) => return error,
            }
        }
    };
    let done = tokio::select! {
        done = event => done?,
        seen = watch => return Err(seen),
    };
    // The last samples may be on their way, so the window stays where it is while they are waited for.
    let ended = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    let scrapes = began.elapsed()?.as_secs() / INTERVAL.as_secs();
    anyhow::ensure!(scrapes > 2, "too short to tell anything: {scrapes} scrapes");
    let window = scrapes * INTERVAL.as_secs();
    let least = scrapes - 1 - scrapes / 4;
    let stored = format!("min(sum_over_time(up[{window}s] @ {ended:.3})) >= bool {least}");
    backend.becomes(&stored, 1.0).await?;
    Ok(done)
}

/// Takes a cluster through a join, a leave and a kill: before and after each, as many targets are up
/// as there are, and none is scraped by two nodes. Of the join and of the leave nothing is seen.
async fn every_target_is_up_and_scraped_once(
    world: &World,
    backend: &mut Backend,
) -> anyhow::Result<()> {
    const TARGETS: usize = 60;
    let targets = TARGETS as f64;
    let fleet = fleet(world, TARGETS).await?;
    let config = world::write(world, &configuration(&addresses(&fleet, TARGETS)))?;
    let url = backend.write_url();
    let write_url = |_: &str| url.clone();
    let mut cluster = Cluster::start(world, setup(&config), 3, write_url).await?;
    // What is asked above looks back further than a takeover takes; this does not.
    let lately = format!("count(last_over_time(up[{}s]) == 1)", 3 * INTERVAL.as_secs());

    backend.becomes(UP, targets).await?;
    backend.becomes(&lately, targets).await?;
    nobody_is_scraped_twice(&fleet).await?;

    let joined = cluster.add(write_url)?;
    unseen(backend, targets, async {
        cluster.spawn(joined)?.ready().await?;
        nobody_is_scraped_twice(&fleet).await
    })
    .await?;
    backend.becomes(&lately, targets).await?;

    unseen(backend, targets, async {
        cluster.take(1).child.end(PATIENCE).await?;
        nobody_is_scraped_twice(&fleet).await
    })
    .await?;
    backend.becomes(&lately, targets).await?;

    cluster.take(2).child.kill().await?;
    nobody_is_scraped_twice(&fleet).await?;
    backend.becomes(UP, targets).await?;
    backend.becomes(&lately, targets).await?;
    unseen(backend, targets, nobody_is_scraped_twice(&fleet)).await?;

    // In the end every series is there under one name.
    backend.becomes(THERE, targets).await?;
    backend.becomes("count(count by (instance) (up)) == count(up)", targets).await?;
    backend.becomes("count(scrape_samples_scraped == 5)", targets).await
}

#[tokio::test]
async fn prometheus_has_every_target_once_through_a_join_a_leave_and_a_kill() -> anyhow::Result<()>
{
    let _alone = STAGE.lock().await;
    let world = World::new()?;
    let mut prometheus = Backend::prometheus(&world).await?;
    every_target_is_up_and_scraped_once(&world, &mut prometheus).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn victoria_metrics_has_every_target_once_through_a_join_a_leave_and_a_kill()
-> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    let world = World::new()?;
    let mut victoria = Backend::victoria_metrics(&world).await?;
    every_target_is_up_and_scraped_once(&world, &mut victoria).await?;
    world.end().await;
    Ok(())
}

/// Asks for remote write 2.0 of a backend that does not speak it: the node finds out, goes on with 1.0, and
/// every scrape from the first on is stored.
async fn nothing_is_lost_though_2_0_is_asked_for(
    world: &World,
    mut backend: Backend,
) -> anyhow::Result<()> {
    const TARGETS: usize = 30;
    /// A scrape that takes longer is counted by its target and not stored.
    const SLOW: &str = "\"3s\"";
    let targets = TARGETS as f64;
    let fleet = exporter::Config {
        targets: TARGETS,
        series: 5,
        counted: true,
        ..exporter::Config::default()
    };
    let fleet = Fleet::start(fleet, &world.tasks, &world.cancel).await?;
    let quick = format!("\"{}\"", model::duration::format(INTERVAL));
    let text = configuration(&addresses(&fleet, TARGETS)).replace(&quick, SLOW);
    let url = "url = sys.env(\"TESTNET_WRITE_URL\")";
    let newer = format!("{url}\n    protobuf_message = \"io.prometheus.write.v2.Request\"");
    anyhow::ensure!(text.contains(url), "{text}");
    let config = world::write(world, &text.replace(url, &newer))?;
    let url = backend.write_url();
    let mut cluster = Cluster::start(world, setup(&config), 1, |_| url.clone()).await?;
    let metrics = cluster.node(0).url("/metrics");
    backend.becomes(UP, targets).await?;
    eventually("some scrapes of every target", PATIENCE, async || {
        let scrapes = (0..TARGETS).map(|target| fleet.scrapes(target)).min();
        anyhow::ensure!(scrapes >= Some(5), "{scrapes:?}");
        Ok(())
    })
    .await?;
    let page = http::text(&metrics).await?;
    for (name, expected) in [
        ("shoal_delivery_protocol_fallbacks_total", 1.0),
        ("prometheus_remote_storage_samples_failed_total", 0.0),
        ("prometheus_remote_storage_samples_dropped_total", 0.0),
    ] {
        let found = http::metric(&page, name);
        anyhow::ensure!(page.contains(name) && found == expected, "{name} is {found}\n{page}");
    }
    // What is under way is delivered before a node ends.
    cluster.take(0).child.end(PATIENCE).await?;
    backend.becomes(&format!("count(min_over_time({SCRAPES}[10m]) == 1)"), targets).await?;
    let all = format!(
        "count(count_over_time({SCRAPES}[10m]) == max_over_time({SCRAPES}[10m]) and \
         max_over_time({SCRAPES}[10m]) >= 5)"
    );
    backend.becomes(&all, targets).await
}

#[tokio::test]
async fn prometheus_that_is_asked_for_2_0_loses_nothing() -> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    let world = World::new()?;
    let prometheus = Backend::prometheus(&world).await?;
    nothing_is_lost_though_2_0_is_asked_for(&world, prometheus).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn victoria_metrics_that_is_asked_for_2_0_loses_nothing() -> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    let world = World::new()?;
    let victoria = Backend::victoria_metrics(&world).await?;
    nothing_is_lost_though_2_0_is_asked_for(&world, victoria).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn the_bench_measures_all_three() -> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    let world = World::new()?;
    let folder = world.folder("bench")?;
    let file = folder.join("report.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_testnet"));
    command.args(["bench", "--quick", "--report"]).arg(&file);
    let mut bench = Child::spawn("bench", command, &folder.join("log"))?;
    let status = bench.wait(PATIENCE).await?;
    assert!(status.success(), "{status}\n{}", bench.log_tail());
    let figures: Vec<Value> = serde_json::from_slice(&std::fs::read(&file)?)?;
    let programs: Vec<_> = figures.iter().map(|figures| figures["program"].as_str()).collect();
    assert_eq!(programs, [Some("prometheus"), Some("vmagent"), Some("shoal")]);
    for figures in figures {
        assert!(figures["samples"].as_u64() > Some(0), "{figures}");
        assert!(figures["cpu_seconds"].as_f64() > Some(0.0), "{figures}");
    }
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_real_node_exporter_arrives_in_a_real_prometheus() -> anyhow::Result<()> {
    let world = World::new()?;
    let mut prometheus = Backend::prometheus(&world).await?;
    let exporter =
        Backend::start(&world, "node-exporter", "/metrics", |_, port| real::node_exporter(port));
    let exporter = exporter.await?;
    let target = exporter.base.strip_prefix("http://").context("a URL")?.to_owned();
    let config = world::write(&world, &configuration(std::slice::from_ref(&target)))?;
    let url = prometheus.write_url();
    let cluster = Cluster::start(&world, setup(&config), 1, |_| url.clone()).await?;

    prometheus.becomes(&format!("up{{instance=\"{target}\"}}"), 1.0).await?;
    // What the exporter shows is what arrives, series by series.
    let page = http::text(&format!("{}/metrics", exporter.base)).await?;
    let lines = page.lines().filter(|line| line.starts_with("node_cpu_seconds_total{"));
    let expected = lines.count();
    assert!(expected > 0, "{page}");
    prometheus.becomes("count(node_cpu_seconds_total)", expected as f64).await?;
    prometheus.becomes("count(node_uname_info)", 1.0).await?;
    drop(cluster);
    world.end().await;
    Ok(())
}

/// So many series with one sample each, of one instant.
fn page(series: std::ops::Range<usize>, timestamp: i64, value: f64) -> Arc<Batch> {
    let mut batch = Batch::default();
    for number in series {
        let labels =
            Labels::from_pairs([("__name__", "measured"), ("number", &number.to_string())]);
        batch.push(labels.borrowed(), timestamp, value);
    }
    Arc::new(batch)
}

/// Sends batches over remote write 1.0; what came of it.
async fn deliver(
    world: &World,
    name: &str,
    url: &str,
    batches: Vec<Arc<Batch>>,
) -> anyhow::Result<Arc<delivery::Telemetry>> {
    let client = client::Client::new(&client::Config::default())?;
    let mut config = delivery::EndpointConfig::new("prometheus", url.parse()?);
    config.overlap_protocol = delivery::Protocol::V1;
    let destination = delivery::Destination::open(&world.folder(name)?, config, client)?;
    let (input, telemetry) = (destination.input(), destination.telemetry());
    let stop = tokio_util::sync::CancellationToken::new();
    let handing_in = async {
        for batch in batches {
            input.send(batch).await?;
        }
        stop.cancel();
        anyhow::Ok(())
    };
    let running = Box::pin(destination.run(stop.clone(), PATIENCE));
    let (left, sent) = tokio::join!(running, handing_in);
    sent?;
    anyhow::ensure!(left == delivery::Left::default(), "{left:?} is left");
    Ok(telemetry)
}

#[tokio::test]
async fn one_double_in_a_request_of_2_000_series_costs_prometheus_that_sample_alone()
-> anyhow::Result<()> {
    const SERIES: usize = 2_000;
    let world = World::new()?;
    let mut prometheus = Backend::prometheus(&world).await?;
    let url = prometheus.write_url();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = i64::try_from(since.as_millis())? - 30_000;

    // Another value for the same instant, and a sample that is older than the last one.
    deliver(&world, "first", &url, vec![page(777..778, now, 1.0)]).await?;
    let doubles = deliver(&world, "second", &url, vec![page(0..SERIES, now, 2.0)]).await?;
    assert_eq!(doubles.sent.samples.get(), 1_999);
    assert_eq!(doubles.dropped(DropReason::Double).samples.get(), 1);
    assert_eq!(doubles.dropped(DropReason::OutOfOrder).samples.get(), 0);
    assert_eq!(doubles.failed.samples.get(), 0);
    prometheus.becomes("count(measured == 2)", 1_999.0).await?;
    prometheus.becomes("count(measured == 1)", 1.0).await?;

    deliver(&world, "third", &url, vec![page(5..6, now + 2_000, 3.0)]).await?;
    let late = deliver(&world, "fourth", &url, vec![page(0..SERIES, now + 1_000, 4.0)]).await?;
    assert_eq!(late.sent.samples.get(), 1_999);
    assert_eq!(late.dropped(DropReason::OutOfOrder).samples.get(), 1);
    prometheus.becomes("count(measured == 4)", 1_999.0).await?;
    assert!(late.send_duration.sum() < Duration::from_secs(60).as_secs_f64());
    world.end().await;
    Ok(())
}
