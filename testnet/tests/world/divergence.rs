//! Two nodes that find different targets.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};
use testnet::exporter::Fleet;
use testnet::process::{Cluster, World, eventually, http};

use crate::world::{self, PATIENCE, configuration, fleet, setup};

/// Targets that both nodes know at first.
const TARGETS: usize = 24;

/// Targets of the second node that it does not know in the end.
const LOST: usize = 3;

/// The second node's discovery is behind: it does not know some of the targets that it owns, and has
/// another label on one.
pub(crate) struct Divergence {
    pub(crate) cluster: Cluster,
    /// The addresses of the targets that the second node does not know.
    pub(crate) lost: Vec<String>,
    /// The address of the target that has label `zone` there.
    pub(crate) relabelled: String,
    _fleet: Fleet,
}

/// Writes a file of `discovery.file`: addresses, and one of them with a label more.
fn write(file: &PathBuf, addresses: &[String], zoned: Option<&String>) -> anyhow::Result<()> {
    let plain: Vec<&String> = addresses.iter().filter(|address| Some(*address) != zoned).collect();
    let mut groups = vec![json!({"targets": plain, "labels": {}})];
    groups.extend(zoned.map(|address| json!({"targets": [address], "labels": {"zone": "b"}})));
    Ok(std::fs::write(file, serde_json::to_vec(&groups)?)?)
}

impl Divergence {
    /// Starts the nodes, and waits until they are of two minds.
    pub(crate) async fn begin(
        world: &World,
        write_url: impl Fn(&str) -> String,
    ) -> anyhow::Result<Self> {
        let fleet = fleet(world, TARGETS).await?;
        let addresses = world::addresses(&fleet, TARGETS);
        let discovered = configuration(&[])
            .replace("targets = [\n  ]", "targets = discovery.file.targets.targets");
        let discovery =
            "discovery.file \"targets\" {\n  files = [sys.env(\"TESTNET_TARGETS_URL\")]\n}\n";
        let config = world::write(world, &format!("{discovery}\n{discovered}"))?;
        let mut cluster = Cluster::prepare(world, setup(&config), 2, write_url)?;
        let folder = world.folder("targets")?;
        let file = |node: &str| folder.join(format!("{node}.json"));
        for setup in cluster.setups_mut() {
            let found = file(&setup.name);
            write(&found, &addresses, None)?;
            setup.env.push(("TESTNET_TARGETS_URL".to_owned(), found.display().to_string()));
        }
        for node in 0..2 {
            cluster.spawn(node)?;
        }
        for node in 0..2 {
            cluster.node(node).ready().await?;
        }
        let mut of_second = owned_by_second(&mut cluster).await?;
        let relabelled = of_second.pop().context("node-2 owns some")?;
        let lost: Vec<String> = of_second.into_iter().take(LOST).collect();
        anyhow::ensure!(lost.len() == LOST, "node-2 owns more than {LOST}");

        cluster.take(1).child.end(PATIENCE).await?;
        let known: Vec<String> =
            addresses.into_iter().filter(|address| !lost.contains(address)).collect();
        write(&file("node-2"), &known, Some(&relabelled))?;
        cluster.spawn(1)?.ready().await?;
        Ok(Self { cluster, lost, relabelled, _fleet: fleet })
    }

    /// What a node says that the nodes found, once they have found what there is.
    pub(crate) async fn audit(&mut self, node: usize) -> anyhow::Result<Value> {
        let url = self.cluster.node(node).url("/api/v1/audit");
        eventually("the audit to find what the second node does not know", PATIENCE, async || {
            let audit = http::json(&url).await?;
            let covered = audit["covered"].as_u64().unwrap_or_default();
            anyhow::ensure!(covered > LOST as u64, "{audit}");
            anyhow::ensure!(audit["unowned"] == 0 && audit["double_owned"] == 0, "{audit}");
            let meaning = audit["peers"][0]["divergences"][0]["meaning"].as_str();
            anyhow::ensure!(meaning.is_some_and(|text| text.contains("label zone")), "{audit}");
            Ok(audit)
        })
        .await
    }
}

/// The addresses of the second node's targets, once every target is collected by its owner.
async fn owned_by_second(cluster: &mut Cluster) -> anyhow::Result<Vec<String>> {
    let url = cluster.node(0).url("/api/v1/targets");
    eventually("every target to be collected by its owner", PATIENCE, async || {
        let listing = http::json(&url).await?;
        let targets = listing["targets"].as_array().context("a list")?;
        let settled = targets.iter().filter(|target| target["owner"] == target["node"]).count();
        anyhow::ensure!(settled == TARGETS && listing["partial"] == false, "{listing}");
        let of_second = targets.iter().filter(|target| target["owner"] == "node-2");
        let address = |target: &Value| target["labels"]["instance"].as_str().map(str::to_owned);
        of_second.map(address).collect::<Option<Vec<String>>>().context("instances")
    })
    .await
}
