//! The alert rules and the dashboard: right in themselves, and about metrics that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use testnet::process::real::Program;
use testnet::process::{Cluster, World, eventually, http};
use url::Url;

use crate::Backend;
use crate::world::{PATIENCE, addresses, configuration, fleet, setup, write};

pub(crate) fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a room of the house").join("node/ops")
}

async fn promtool(arguments: &[&str], file: &str) -> anyhow::Result<()> {
    let mut command = Program::Promtool.command()?;
    let output = command.args(arguments).arg(file).current_dir(ops()).output().await?;
    let said = [output.stdout, output.stderr].concat();
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

#[tokio::test]
async fn the_alert_rules_are_right_and_fire_when_they_should() -> anyhow::Result<()> {
    promtool(&["check", "rules"], "alerts.yaml").await?;
    promtool(&["test", "rules"], "alerts_test.yaml").await
}

/// What a node says of itself, with every label, as the suite of the cluster holds it.
const FAMILIES: &str = include_str!("../cluster/telemetry/families.txt");

/// An expression that adds up what has other labels finds nothing, in a test of rules only where that has
/// the labels that nodes give it.
#[test]
fn the_series_in_the_test_of_the_rules_have_the_labels_that_nodes_give_them() {
    let families: BTreeMap<&str, Vec<&str>> = FAMILIES
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.skip(1).collect()))
        })
        .collect();
    let test =
        std::fs::read_to_string(ops().join("alerts_test.yaml")).expect("the test of the rules");
    let mut looked_at = 0;
    for line in test.lines() {
        let Some(series) = line.trim().strip_prefix("- series: '") else { continue };
        let (name, labels) = series.trim_end_matches("}'").split_once('{').expect("a series");
        let known = families.get(name).unwrap_or_else(|| panic!("nodes have no {name}"));
        let given: BTreeMap<&str, String> = labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(label, value)| (label, format!("{label}={}", value.trim_matches('"'))))
            .filter(|(label, _)| !["job", "instance"].contains(label))
            .collect();
        for (label, pair) in &given {
            let is_known = known.contains(label) || known.contains(&pair.as_str());
            assert!(is_known, "{name} has no {pair}: {known:?}");
        }
        for label in known.iter().filter_map(|label| label.split_once('=')).map(|(name, _)| name) {
            assert!(given.contains_key(label), "{name} has a {label} always");
        }
        looked_at += 1;
    }
    assert!(looked_at > 30, "the test has series: {looked_at}");
}

/// The names of metrics in a text, by their prefixes.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let prefixes =
        ["shoal_", "cluster_node_", "cluster_transport_", "alloy_", "prometheus_remote_"];
    let named = words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    named
        .map(str::to_owned)
        .chain(
            text.contains("cluster_ready_for_traffic")
                .then(|| "cluster_ready_for_traffic".to_owned()),
        )
        .collect()
}

#[tokio::test]
async fn rules_and_dashboard_ask_for_metrics_that_a_node_has() -> anyhow::Result<()> {
    let world = World::new()?;
    let fleet = fleet(&world, 3).await?;
    let config = write(&world, &configuration(&addresses(&fleet, 3)))?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::start(&world, setup(&config), 2, away).await?;
    let mut wanted = BTreeSet::new();
    for file in ["alerts.yaml", "dashboard.json"] {
        wanted.extend(metrics(&std::fs::read_to_string(ops().join(file))?));
    }
    anyhow::ensure!(wanted.len() > 20, "the files name metrics: {wanted:?}");
    eventually("all metrics to be there", PATIENCE, async || {
        let page = http::text(&cluster.node(0).url("/metrics")).await?;
        let there: BTreeSet<&str> =
            page.lines().filter_map(|line| line.split([' ', '{']).next()).collect();
        let lacking: Vec<&String> =
            wanted.iter().filter(|name| !there.contains(name.as_str())).collect();
        anyhow::ensure!(lacking.is_empty(), "a node has no {lacking:?}");
        Ok(())
    })
    .await?;
    let dashboard = std::fs::read_to_string(ops().join("dashboard.json"))?;
    let dashboard: Value = serde_json::from_str(&dashboard)?;
    let panels = dashboard["panels"].as_array().map(Vec::len);
    anyhow::ensure!(panels > Some(10), "the dashboard has panels");
    Ok(())
}

/// Every `expr` in a document, wherever it is.
fn expressions<'a>(within: &'a Value, found: &mut Vec<&'a str>) {
    match within {
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => found.push(text),
                    value => expressions(value, found),
                }
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn prometheus_reads_every_query_of_the_dashboard() -> anyhow::Result<()> {
    let world = World::new()?;
    let prometheus = Backend::prometheus(&world).await?;
    let dashboard = std::fs::read_to_string(ops().join("dashboard.json"))?;
    let dashboard: Value = serde_json::from_str(&dashboard)?;
    let mut queries = Vec::new();
    expressions(&dashboard, &mut queries);
    anyhow::ensure!(queries.len() > 20, "the dashboard asks: {queries:?}");
    for query in queries {
        // As Grafana fills them in.
        let filled = query.replace("$__rate_interval", "1m").replace("$job", ".+");
        anyhow::ensure!(!filled.contains('$'), "a variable that nobody knows: {query}");
        let url = format!("{}/api/v1/query", prometheus.base);
        let url = Url::parse_with_params(&url, [("query", &filled)])?;
        let (status, answer) = http::ask(::http::Method::GET, url.as_str()).await?;
        anyhow::ensure!(status == 200, "{query}: {status} {}", String::from_utf8_lossy(&answer));
    }
    drop(prometheus);
    world.end().await;
    Ok(())
}
