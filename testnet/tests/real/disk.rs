//! A node whose disk is full. The disk is a file system of its own, in a mount namespace that only the
//! node and its holder are in, so that it vanishes with them; that needs root.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::distr::{Alphanumeric, SampleString as _};
use rand::{SeedableRng as _, rngs::StdRng};
use testnet::ledger::{Behaviour, Ledger, Limits};
use testnet::process::{Child, Cluster, Node, World, eventually, http as ask};
use tokio::process::Command;

use crate::pages;
use crate::world::{PATIENCE, setup, write};

/// Room for what the targets say in an interval.
const DISK: &str = "4m";
const TARGETS: usize = 4;
const SERIES: usize = 1_000;
/// Letters in a label of each series, which nothing compresses.
const LETTERS: usize = 1_000;
const INTERVAL: Duration = Duration::from_secs(3);

/// A small file system over a folder, for those in its namespace.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    async fn over(world: &World, folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--", "sh", "-c"]);
        let script = format!("mount -t tmpfs -o size={DISK} small \"$0\" && exec sleep infinity");
        command.arg(script).arg(&folder);
        let holder = Child::spawn("disk", command, &world.folder("disk")?.join("log"))?;
        let mut disk = Self { holder, folder };
        eventually("a small disk", PATIENCE, async || {
            disk.holder.check_alive().context("file systems need root")?;
            let (there, here) = (disk.inside()?.metadata()?, disk.folder.metadata()?);
            ensure!(there.dev() != here.dev(), "it is not mounted");
            Ok(())
        })
        .await?;
        Ok(disk)
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder.pid().context("the holder of a disk has ended")
    }

    /// The folder as those see it who are in the namespace.
    fn inside(&self) -> anyhow::Result<PathBuf> {
        let root = format!("/proc/{}/root", self.pid()?);
        Ok(Path::new(&root).join(self.folder.strip_prefix("/")?))
    }

    /// A program that runs another one in the namespace.
    fn program(&self, world: &World, program: &Path) -> anyhow::Result<PathBuf> {
        let script = world.folder("disk")?.join("enter.sh");
        let (pid, program) = (self.pid()?, program.display());
        let text =
            format!("#!/bin/sh\nexec nsenter --mount=/proc/{pid}/ns/mnt -- {program} \"$@\"\n");
        std::fs::write(&script, text)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        Ok(script)
    }
}

/// Serves one page of series whose labels nothing compresses.
async fn serve(world: &World) -> anyhow::Result<SocketAddr> {
    let mut random = StdRng::seed_from_u64(1);
    let mut page = String::new();
    for number in 0..SERIES {
        let letters = Alphanumeric.sample_string(&mut random, LETTERS);
        writeln!(page, "padded{{number=\"{number}\",letters=\"{letters}\"}} 1")?;
    }
    pages::serve(world, vec![("/metrics".into(), pages::TEXT, page.into())]).await
}

fn configuration(pages: SocketAddr) -> String {
    let targets = (0..TARGETS).fold(String::new(), |list, target| {
        list + &format!("{{\"__address__\" = \"{pages}\", \"target\" = \"{target}\"}}, ")
    });
    let interval = model::duration::format(INTERVAL);
    format!(
        r#"prometheus.scrape "targets" {{
  targets         = [{targets}]
  forward_to      = [prometheus.remote_write.backend.receiver]
  scrape_interval = "{interval}"
  scrape_timeout  = "{interval}"
}}

prometheus.remote_write "backend" {{
  endpoint {{
    url = sys.env("TESTNET_WRITE_URL")

    metadata_config {{
      send = false
    }}
  }}
}}
"#
    )
}

/// The sum over the series of a name that have a label with this value.
fn with(page: &str, name: &str, value: &str) -> f64 {
    let value = format!("\"{value}\"");
    let lines = page.lines().filter(|line| line.contains(&value));
    ask::metric(&lines.collect::<Vec<_>>().join("\n"), name)
}

const DROPPED: &str = "prometheus_remote_storage_samples_dropped_total";

/// Waits until everything that was handed to the endpoint is delivered or counted, and says how many
/// samples the full disk cost, and how many were found in the log at the start.
async fn all_is_accounted_for(node: &mut Node) -> anyhow::Result<(f64, f64)> {
    let mut before = None;
    let url = node.url("/metrics");
    eventually("everything to be delivered or counted", PATIENCE, async || {
        node.child.check_alive()?;
        let page = ask::text(&url).await?;
        let [taken, sent, dropped, pending, unwritten] = [
            "shoal_delivery_samples_in_total",
            "prometheus_remote_storage_samples_total",
            DROPPED,
            "prometheus_remote_storage_samples_pending",
            "shoal_delivery_unwritten_bytes",
        ]
        .map(|name| ask::metric(&page, name));
        ensure!(pending == 0.0 && unwritten == 0.0, "{pending} samples, {unwritten} B wait");
        // Between two scrapes nothing is under way, and the page shows one instant.
        let found = sent + dropped - taken;
        let steady = before.replace((taken, found)) == Some((taken, found));
        ensure!(found >= 0.0 && steady, "{taken} came in, {sent} went out, {dropped} dropped");
        let by_the_disk = with(&page, DROPPED, "disk_full");
        ensure!(by_the_disk == dropped, "something else was dropped, too");
        Ok((dropped, found))
    })
    .await
}

/// Starts a node on a small disk, with a backend that takes nothing.
async fn begin(world: &World) -> anyhow::Result<(Ledger, Cluster, SmallDisk)> {
    let limits = Limits { interval: i64::try_from(INTERVAL.as_millis())?, ..Limits::default() };
    let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
    let config = write(world, &configuration(serve(world).await?))?;
    let mut cluster = Cluster::prepare(world, setup(&config), 1, |node| ledger.write_url(node))?;
    let disk = SmallDisk::over(world, cluster.setups()[0].storage.clone()).await?;
    let shoal = cluster.setups()[0].program.clone();
    cluster.setups_mut()[0].program = disk.program(world, &shoal)?;
    ledger.behave(Behaviour::Refuse(503));
    cluster.spawn(0)?.ready().await?;
    Ok((ledger, cluster, disk))
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived_and_every_tick_is_stored_or_counted() -> anyhow::Result<()>
{
    let world = World::new()?;
    let (ledger, mut cluster, disk) = begin(&world).await?;
    let node = cluster.node(0);
    let (metrics, healthy) = (node.url("/metrics"), node.url("/-/healthy"));
    eventually("the disk and the memory beside it to be full", PATIENCE, async || {
        node.child.check_alive()?;
        let dropped = with(&ask::text(&metrics).await?, DROPPED, "disk_full");
        ensure!(dropped > 0.0, "nothing is dropped yet");
        Ok(())
    })
    .await
    .with_context(|| node.child.log_tail())?;

    let health = ask::ask(http::Method::GET, &healthy).await?;
    let text = String::from_utf8_lossy(&health.1).into_owned();
    assert_eq!(health.0, 500, "{text}");
    assert!(text.contains("prometheus.remote_write.backend"), "{text}");
    let status = ask::text(&node.url("/api/v1/status")).await?;
    let log = node.child.log()?;
    let retries = "prometheus_remote_storage_enqueue_retries_total";
    assert!(ask::metric(&ask::text(&metrics).await?, retries) > 0.0);
    for told in [&status, &log] {
        assert!(told.contains("No space left on device"), "{told}");
    }
    assert!(log.contains("could not write to the log; is the disk full?"), "{log}");
    assert!(log.contains("dropped what neither the disk nor the memory takes"), "{log}");

    // The backend is back: what was written and what waits in memory goes out, which makes room.
    ledger.behave(Behaviour::Accept);
    let (lost, found) = all_is_accounted_for(node).await.with_context(|| node.child.log_tail())?;
    assert!(lost > 0.0 && found == 0.0, "{lost} lost, {found} of nowhere");
    eventually("the node to be well again", PATIENCE, async || ask::text(&healthy).await).await?;

    // A later tick of every series shows which of those between were not stored.
    let scrapes = ask::metric(&ask::text(&metrics).await?, "shoal_delivery_samples_in_total");
    eventually("two more scrapes of every target", PATIENCE, async || {
        let now = ask::metric(&ask::text(&metrics).await?, "shoal_delivery_samples_in_total");
        ensure!(now - scrapes >= (2 * TARGETS * SERIES) as f64, "{} samples", now - scrapes);
        Ok(())
    })
    .await?;
    assert_eq!(all_is_accounted_for(node).await?, (lost, 0.0), "there is room now");
    cluster.take(0).child.end(PATIENCE).await?;
    let totals = ledger.report(None).await?.totals;
    assert_eq!(totals.missing as f64, lost, "{totals:?}");
    assert_eq!((totals.doubles, totals.late), (0, 0), "{totals:?}");
    drop(disk);
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_starts_again_on_a_full_disk_with_what_it_had_written() -> anyhow::Result<()> {
    let world = World::new()?;
    let (ledger, mut cluster, disk) = begin(&world).await?;
    let metrics = cluster.node(0).url("/metrics");
    let node = cluster.node(0);
    eventually("the disk to be full", PATIENCE, async || {
        node.child.check_alive()?;
        let waiting = ask::metric(&ask::text(&metrics).await?, "shoal_delivery_unwritten_bytes");
        ensure!(waiting > 0.0, "the disk takes everything");
        Ok(())
    })
    .await?;
    cluster.take(0).child.kill().await?;
    // Not a byte is left, whatever the process that was killed had in mind to write.
    let ballast = disk.inside()?.join("ballast");
    let mut filled = std::fs::File::create(&ballast)?;
    let error = std::iter::repeat_with(|| std::io::Write::write_all(&mut filled, &[0; 4096]));
    let error = error.take(10_000).find_map(Result::err).context("the disk has no end")?;
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);

    cluster.spawn(0)?.ready().await?;
    let node = cluster.node(0);
    ledger.behave(Behaviour::Accept);
    let (lost, found) = all_is_accounted_for(node).await.with_context(|| node.child.log_tail())?;
    assert!(lost == 0.0 && found >= SERIES as f64, "{lost} lost, {found} found on the disk");
    cluster.take(0).child.end(PATIENCE).await?;
    let totals = ledger.report(None).await?.totals;
    assert_eq!((totals.doubles, totals.late), (0, 0), "{totals:?}");
    drop(disk);
    world.end().await;
    Ok(())
}
