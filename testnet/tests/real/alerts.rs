//! The alerts that Alloy's mixin has about clusters and components, asked of a real Prometheus that
//! scrapes real nodes: whoever has them keeps them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use testnet::process::{Cluster, World, eventually, real};

use crate::Backend;
use crate::world::{PATIENCE, setup, write};

/// As the mixin has them, but for the windows of `rate`, which are some scrapes instead of minutes.
const ALERTS: [(&str, &str); 8] = [
    (
        "ClusterNotConverging",
        "stddev by (cluster, namespace, job, cluster_name) (sum without (state) (cluster_node_peers)) != 0",
    ),
    (
        "ClusterNodeCountMismatch",
        "sum without (state) (cluster_node_peers) != on (cluster, namespace, job, cluster_name) group_left \
         count by (cluster, namespace, job, cluster_name) (cluster_node_info)",
    ),
    ("ClusterNodeUnhealthy", "cluster_node_gossip_health_score > 0"),
    (
        "ClusterNodeNameConflict",
        "sum by (cluster, namespace, job, cluster_name) \
         (rate(cluster_node_gossip_received_events_total{event=\"node_conflict\"}[10s])) > 0",
    ),
    (
        "ClusterNodeStuckTerminating",
        "sum by (cluster, namespace, job, instance, cluster_name) (cluster_node_peers{state=\"terminating\"}) > 0",
    ),
    (
        "ClusterConfigurationDrift",
        "count without (sha256) (max by (cluster, namespace, sha256, job, cluster_name) \
         (alloy_config_hash{cluster_name!=\"\"} and on(cluster, namespace, job, cluster_name) cluster_node_info)) > 1",
    ),
    (
        "SlowComponentEvaluations",
        "sum by (cluster, namespace, job, component_path, component_id) \
         (rate(alloy_component_evaluation_slow_seconds[10s])) > 0",
    ),
    (
        "UnhealthyComponents",
        "sum by (cluster, namespace, job) \
         (alloy_component_controller_running_components{health_type!=\"healthy\"}) > 0",
    ),
];

/// Components that need somebody who is not there.
const NOBODY: &str = r#"
discovery.http "gone" {
  url = "http://127.0.0.1:9/"
}

prometheus.scrape "self" {
  targets         = prometheus.exporter.self.self.targets
  forward_to      = [prometheus.remote_write.gone.receiver]
  scrape_interval = "1s"
  scrape_timeout  = "1s"
}

prometheus.remote_write "gone" {
  endpoint {
    url = "http://127.0.0.1:9/"

    queue_config {
      batch_send_deadline = "200ms"
    }
  }
}
"#;

/// How many series an alert has, as a query.
fn count_of(alert: &str) -> String {
    let (_, expression) =
        ALERTS.iter().find(|(name, _)| *name == alert).expect("one of the mixin's");
    format!("count({expression})")
}

async fn fires(prometheus: &mut Backend, alert: &str) -> anyhow::Result<()> {
    prometheus.becomes(&format!("{} > bool 0", count_of(alert)), 1.0).await
}

/// What the alerts look at: one that asks for a metric that is not there is as quiet as one that finds
/// nothing wrong. `alloy_component_evaluation_slow_seconds` alone is not there before something is slow.
const METRICS: [&str; 6] = [
    "cluster_node_peers",
    "cluster_node_info",
    "cluster_node_gossip_health_score",
    "cluster_node_gossip_received_events_total{event=\"node_conflict\"}",
    "alloy_config_hash{cluster_name!=\"\"}",
    "alloy_component_controller_running_components",
];

async fn all_are_quiet(prometheus: &mut Backend, nodes: f64) -> anyhow::Result<()> {
    for metric in METRICS {
        prometheus.becomes(&format!("count(count by (instance) ({metric}))"), nodes).await?;
    }
    for (alert, _) in ALERTS {
        prometheus.becomes(&count_of(alert), 0.0).await?;
    }
    Ok(())
}

/// `SlowComponentEvaluations` alone is not made to fire: it takes an evaluation of more than a minute.
#[tokio::test]
async fn the_alerts_of_alloys_mixin_are_quiet_in_health_and_fire_in_trouble() -> anyhow::Result<()>
{
    let world = World::new()?;
    let sound = "prometheus.exporter.self \"self\" {}\n";
    let config = write(&world, sound)?;
    let other = world.folder("other")?.join("config.alloy");
    std::fs::write(&other, format!("{sound}{NOBODY}"))?;

    let mut cluster = Cluster::prepare(&world, setup(&config), 5, |_| String::new())?;
    // One that knows of nobody, and has another configuration with components that fail, which keeps
    // it long from its end; and one that has the name of another.
    const HERMIT: usize = 3;
    const NAMESAKE: usize = 4;
    let setups = cluster.setups_mut();
    setups[HERMIT].seeds = vec![setups[HERMIT].address().to_string()];
    setups[HERMIT].config = other;
    setups[HERMIT].flags.push("--feature.component-shutdown-deadline=10m".to_owned());
    setups[NAMESAKE].name = setups[0].name.clone();
    let targets: Vec<String> =
        setups.iter().map(|setup| format!("'{}'", setup.address())).collect();
    let scrapes = format!(
        "global: {{scrape_interval: 500ms}}\nscrape_configs:\n- job_name: shoal\n  static_configs: \
         [{{targets: [{}], labels: {{cluster: c, namespace: n}}}}]\n",
        targets.join(", ")
    );
    let command = |folder: &std::path::Path, port| real::prometheus(folder, port, &scrapes);
    let mut prometheus = Backend::start(&world, "prometheus", "/-/ready", command).await?;
    for node in 0..3 {
        cluster.spawn(node)?;
    }
    for node in 0..3 {
        cluster.node(node).ready().await?;
    }
    prometheus.becomes("count(sum without (state) (cluster_node_peers) == 3)", 3.0).await?;
    all_are_quiet(&mut prometheus, 3.0).await?;

    cluster.spawn(HERMIT)?.ready().await?;
    for alert in [
        "ClusterNotConverging",
        "ClusterNodeCountMismatch",
        "ClusterConfigurationDrift",
        "UnhealthyComponents",
    ] {
        fires(&mut prometheus, alert).await?;
    }
    prometheus.becomes("sum(prometheus_remote_storage_samples_pending) > bool 0", 1.0).await?;
    cluster.node(HERMIT).child.signal(Signal::TERM)?;
    fires(&mut prometheus, "ClusterNodeStuckTerminating").await?;
    cluster.take(HERMIT).child.kill().await?;
    all_are_quiet(&mut prometheus, 3.0).await?;

    cluster.spawn(NAMESAKE)?;
    fires(&mut prometheus, "ClusterNodeNameConflict").await?;
    cluster.take(NAMESAKE).child.end(PATIENCE).await?;
    all_are_quiet(&mut prometheus, 3.0).await?;

    // Peers that get no answer wonder whether it is them, until they know better: often less than a second,
    // which scrapes may miss.
    let alert = count_of("ClusterNodeUnhealthy");
    let stopped = Instant::now();
    eventually("a node that stops to be noticed by a scrape", PATIENCE, async || {
        cluster.node(2).child.signal(Signal::STOP)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.node(2).child.signal(Signal::CONT)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let since = stopped.elapsed().as_secs();
        let most = prometheus.number(&format!("max_over_time({alert}[{since}s:500ms])")).await?;
        anyhow::ensure!(most > 0.0, "nobody wondered");
        Ok(())
    })
    .await?;
    all_are_quiet(&mut prometheus, 3.0).await?;
    world.end().await;
    Ok(())
}
