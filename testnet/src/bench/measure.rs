//! Running one program under one load.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Arguments;
use super::contender::{Contender, Task};
use super::figures::Figures;
use super::sink::Sink;
use crate::exporter::{self, Fleet};
use crate::process::{Child, World, eventually, free_port, http};

/// How many targets there are, and how many series each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Targets.
    pub targets: usize,
    /// Series on each page.
    pub series: usize,
}

/// Series about a scrape that every program adds: `up`, `scrape_duration_seconds`,
/// `scrape_samples_scraped`, `scrape_samples_post_metric_relabeling`, `scrape_series_added`.
const SERIES_OF_A_SCRAPE: usize = 5;

/// Rounds of scrapes before the state counts as steady.
const WARM_UP: u64 = 3;

/// How long a program may take to deliver the first rounds, beside their intervals.
const PATIENCE: Duration = Duration::from_secs(120);

impl Load {
    fn active_series(self) -> u64 {
        (self.targets * (self.series + SERIES_OF_A_SCRAPE)) as u64
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.targets, self.series)
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('x');
        let load = parts.and_then(|(targets, series)| {
            Some(Self { targets: targets.parse().ok()?, series: series.parse().ok()? })
        });
        load.filter(|load| load.targets > 0 && load.series > 0)
            .ok_or_else(|| "write for example 200x5000: targets, and series of each".to_owned())
    }
}

/// Starts a program, lets it warm up, and looks at it for as long as it was asked.
pub(super) async fn measure(
    contender: Contender,
    load: Load,
    arguments: &Arguments,
    folder: &Path,
    world: &World,
) -> anyhow::Result<Figures> {
    let stop = world.cancel.child_token();
    let pages = exporter::Config {
        targets: load.targets,
        series: load.series,
        gzip: !arguments.plain,
        ..exporter::Config::default()
    };
    let fleet = Fleet::start(pages, &world.tasks, &stop).await?;
    let sink = Sink::start(&world.tasks, &stop).await?;
    let port = free_port()?;
    let command = contender.command(&Task {
        targets_url: &fleet.discovery_url(),
        write_url: &sink.url(),
        interval: arguments.interval,
        port,
        folder,
    })?;
    let mut child = Child::spawn(contender.name(), command, &folder.join("log"))?;
    let warm = load.active_series() * WARM_UP;
    let what = format!("{} to deliver {warm} samples", contender.name());
    let patience = PATIENCE + arguments.interval * u32::try_from(WARM_UP)?;
    eventually(&what, patience, async || {
        child.check_alive()?;
        let count = sink.samples();
        anyhow::ensure!(count >= warm, "{count} have arrived\n{}", child.log_tail());
        Ok(())
    })
    .await?;
    let figures = watch(contender, load, arguments, &mut child, &sink).await?;
    child.kill().await?;
    stop.cancel();
    Ok(figures)
}

async fn watch(
    program: Contender,
    load: Load,
    arguments: &Arguments,
    child: &mut Child,
    sink: &Sink,
) -> anyhow::Result<Figures> {
    let before = (child.usage()?, sink.samples(), sink.bytes());
    let mut resident = before.0.resident;
    let mut rhythm = tokio::time::interval(Duration::from_secs(1));
    let end = tokio::time::Instant::now() + arguments.duration;
    while rhythm.tick().await < end {
        child.check_alive()?;
        resident = resident.max(child.usage()?.resident);
    }
    let after = (child.usage()?, sink.samples(), sink.bytes());
    let samples = after.1 - before.1;
    anyhow::ensure!(samples > 0, "{} delivered nothing\n{}", program.name(), child.log_tail());
    Ok(Figures {
        program,
        load,
        samples,
        cpu_seconds: (after.0.cpu - before.0.cpu).as_secs_f64(),
        sent_bytes: after.2 - before.2,
        resident,
        active_series: load.active_series(),
    })
}

/// From the start of the process until it says that it is ready, the best of five.
pub(super) async fn start_to_ready(world: &World) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for round in 0..5 {
        let folder = world.folder(&format!("ready-{round}"))?;
        let port = free_port()?;
        let nothing = "http://127.0.0.1:1/";
        let task = Task {
            targets_url: nothing,
            write_url: nothing,
            interval: Duration::from_secs(60),
            port,
            folder: &folder,
        };
        let command = Contender::Shoal.command(&task)?;
        let url = format!("http://127.0.0.1:{port}/-/ready");
        let start = Instant::now();
        let mut child = Child::spawn("shoal", command, &folder.join("log"))?;
        while http::text(&url).await.is_err() {
            child.check_alive()?;
            anyhow::ensure!(start.elapsed() < PATIENCE, "shoal is not ready\n{}", child.log_tail());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        best = best.min(start.elapsed());
        child.kill().await?;
    }
    Ok(best)
}
