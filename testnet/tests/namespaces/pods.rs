//! What Kubernetes does with the pods of a set and with the name of their headless service, which publishes
//! those that are not ready: the name leads to pods some time after they were started and some time after
//! they are gone, each life of a pod has an address of its own and maybe no files of the one before, and
//! addresses are given away again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testnet::process::{Switch, World, eventually};

use super::lab::{Lab, PATIENCE, PORT};
use super::partitions::{MOVED, say};
use super::server::{Records, Server, Zone, address};

/// The set.
const PODS: usize = 3;

/// As many hosts, and one for a pod that moves.
const HOSTS: usize = PODS + 1;

/// How a pod ends.
#[derive(Clone, Copy)]
enum End {
    /// With its machine, and without a word.
    Crash,
    /// It was told to.
    Eviction,
}

/// Pods on hosts, each with a host of its own.
struct Pods {
    lab: Lab,
    server: Server,
    /// What runs a node on each host.
    programs: Vec<PathBuf>,
    /// On which host each pod is that was started.
    places: BTreeMap<usize, usize>,
    /// The log of every life.
    logs: Vec<PathBuf>,
}

impl Pods {
    /// Pods that are to be started with these flags too.
    async fn new(world: &World, flags: &[&str]) -> anyhow::Result<Self> {
        let mut lab = Lab::new(world, HOSTS).await?;
        let server = Server::start().await?;
        let programs = lab.setups.iter().map(|setup| setup.program.clone()).collect();
        for setup in &mut lab.setups {
            setup.seeds.clear();
            setup.flags.extend([
                "--cluster.enabled".to_owned(),
                format!("--cluster.node-name={}", setup.name),
                "--cluster.discover-peers=provider=dns names=shoal.lab.example".to_owned(),
            ]);
            setup.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        }
        Ok(Self { lab, server, programs, places: BTreeMap::new(), logs: Vec::new() })
    }

    /// From now on the name of the service leads to these hosts.
    fn service(&self, hosts: impl IntoIterator<Item = usize>) {
        let addresses = hosts.into_iter().map(address).collect();
        self.server.has(Zone::Whole(Records::from([("shoal.lab.example".to_owned(), addresses)])));
    }

    /// Waits until a pod has heard where the name leads now, or has joined others, which makes it patient.
    async fn told(&mut self, pod: usize) -> anyhow::Result<()> {
        eventually("a pod to look up its service", PATIENCE, async || {
            let told_for = self.server.told_for(self.places[&pod]);
            let joined = self.lab.cluster(pod).await?["joined"] == true;
            anyhow::ensure!(joined || !told_for.is_zero(), "node-{pod} has not asked");
            Ok(())
        })
        .await
    }

    /// Starts a pod on a host, without any files of an earlier life.
    fn start(&mut self, pod: usize, host: usize) -> anyhow::Result<()> {
        let life = self.logs.len();
        let setup = &mut self.lab.setups[pod];
        setup.program.clone_from(&self.programs[host]);
        setup.ip = Switch::address(host).into();
        setup.storage.set_file_name(format!("life-{life}"));
        setup.log.set_file_name(format!("life-{life}.log"));
        // Of a flag that is given twice the last counts.
        setup.flags.push(format!("--cluster.advertise-address={}", setup.address()));
        self.logs.push(setup.log.clone());
        self.places.insert(pod, host);
        self.lab.start(pod)
    }

    /// Waits until every pod takes part and sees every pod where it is, and nothing else.
    async fn one_cluster(&mut self, patience: Duration) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let places = self.places.iter();
        let expected: BTreeSet<[String; 3]> = places
            .map(|(pod, host)| {
                let at = format!("{}:{PORT}", Switch::address(*host));
                [format!("node-{pod}"), at, "participant".to_owned()]
            })
            .collect();
        eventually(&format!("every pod to see {expected:?}"), patience, async || {
            for pod in 0..expected.len() {
                let cluster = self.lab.cluster(pod).await?;
                let peers = cluster["peers"].as_array().into_iter().flatten();
                let seen: BTreeSet<[String; 3]> = peers
                    .map(|peer| {
                        ["name", "address", "state"]
                            .map(|what| peer[what].as_str().unwrap_or_default().to_owned())
                    })
                    .collect();
                anyhow::ensure!(seen == expected, "node-{pod} sees {seen:?}");
                let one = cluster["ready"] == true && cluster["converged"] == true;
                anyhow::ensure!(one, "node-{pod}: {cluster}");
            }
            Ok(())
        })
        .await?;
        Ok(begin.elapsed())
    }

    /// How many lives of pods began a cluster.
    fn founders(&self) -> anyhow::Result<usize> {
        let mut founders = 0;
        for log in &self.logs {
            founders += usize::from(std::fs::read_to_string(log)?.contains("a cluster of its own"));
        }
        Ok(founders)
    }

    /// Ends a pod and starts it on another host, while the service leads to where it was.
    async fn replace(&mut self, pod: usize, host: usize, end: End) -> anyhow::Result<()> {
        let Some(old) = self.lab.nodes[pod].take() else { anyhow::bail!("node-{pod} is down") };
        match end {
            // Its address is gone with it, and nobody says that nobody is there.
            End::Crash => {
                self.lab.switch.cable(self.places[&pod], false).await?;
                old.child.kill().await?;
            }
            End::Eviction => {
                old.child.end(PATIENCE).await?;
                self.lab.switch.cable(self.places[&pod], false).await?;
            }
        }
        self.lab.switch.cable(host, true).await?;
        self.start(pod, host)?;
        let took = self.one_cluster(MOVED).await?;
        say(&format!("node-{pod} has taken its place at another address"), took)?;
        self.service(self.places.values().copied());
        Ok(())
    }
}

#[tokio::test]
async fn pods_that_are_started_in_order_and_replaced_one_by_one_are_one_cluster()
-> anyhow::Result<()> {
    let world = World::new()?;
    let mut pods = Pods::new(&world, &[]).await?;
    for pod in 0..PODS {
        // Nobody yet, and then those before it.
        pods.service(0..pod);
        pods.start(pod, pod)?;
        pods.told(pod).await?;
        pods.service(0..=pod);
        pods.one_cluster(PATIENCE).await?;
    }
    // The last one has the address that the one before it had, and the first that of the last.
    pods.replace(1, 3, End::Crash).await?;
    pods.replace(2, 1, End::Eviction).await?;
    pods.replace(0, 2, End::Crash).await?;
    anyhow::ensure!(pods.founders()? == 1, "{} clusters were begun", pods.founders()?);
    pods.lab.end(world).await
}

#[tokio::test]
async fn pods_that_are_started_at_once_are_one_cluster_that_nobody_begins() -> anyhow::Result<()> {
    let world = World::new()?;
    // None is in a hurry where others are about to come: together they need nobody who began before.
    let mut pods = Pods::new(&world, &["--cluster.bootstrap-timeout=10m"]).await?;
    pods.service([]);
    pods.start(0, 0)?;
    pods.told(0).await?;
    // That it is known itself, and nobody else, tells it nothing about the others.
    pods.service([0]);
    pods.told(0).await?;
    (1..PODS).try_for_each(|pod| pods.start(pod, pod))?;
    for known in 1..PODS {
        for pod in 1..PODS {
            pods.told(pod).await?;
        }
        pods.service(0..=known);
    }
    pods.one_cluster(PATIENCE).await?;
    anyhow::ensure!(pods.founders()? == 0, "{} clusters were begun", pods.founders()?);
    pods.lab.end(world).await
}
