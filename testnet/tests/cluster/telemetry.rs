//! What a node that does everything says of itself: every name and every label, held against a file,
//! because dashboards and alerts hang on them. `UPDATE_EXPECT=1` writes the file anew.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use expect_test::expect_file;
use testnet::ledger::{Behaviour, Ledger, Limits};
use testnet::process::{Cluster, Node, World, eventually, http};

use crate::pages::{self, OPEN_METRICS, TEXT};
use crate::world::{self, PATIENCE, setup};

/// A counter with an exemplar, another each time, and a histogram that can be made a native one.
const PAGE: &str = r#"# HELP requests Requests.
# TYPE requests counter
requests_total{code="200"} 1027 # {trace_id="%NUMBER%"} 0.5
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 2 # {trace_id="def"} 0.07
latency_seconds_bucket{le="+Inf"} 6
latency_seconds_sum 4.25
latency_seconds_count 6
# EOF
"#;

/// The histogram of the page, made a native one, has two.
const ONE_BUCKET: &str = "scrape_native_histograms = true
  convert_classic_histograms_to_nhcb = true
  native_histogram_bucket_limit = 1";

/// The same series twice, and one from the far future.
const ODD: &str = "a 1\na 2\nb 1 99999999999999\n";

/// Every kind of component, and a target for every limit.
fn configuration(pages: SocketAddr, files: &str) -> String {
    let mut config = format!(
        r#"
logging {{ level = "info" }}

local.file "text" {{ filename = "{files}/text" }}
remote.http "text" {{ url = "http://{pages}/page" }}
discovery.file "none" {{ files = ["{files}/*.json"] }}
discovery.http "none" {{ url = "http://{pages}/targets" }}
discovery.dns "none" {{
  names = ["localhost"]
  type  = "A"
  port  = 1
}}
discovery.relabel "page" {{
  targets = [{{"__address__" = "{pages}", "__metrics_path__" = "/page"}}]
}}
prometheus.exporter.self "node" {{ }}

declare "passed_on" {{
  argument "to" {{ }}

  prometheus.relabel "inside" {{
    forward_to = argument.to.value

    rule {{
      target_label = "passed"
      replacement  = "on"
    }}
  }}

  export "receiver" {{ value = prometheus.relabel.inside.receiver }}
}}

passed_on "it" {{ to = [prometheus.remote_write.backend.receiver] }}

prometheus.scrape "shared" {{
  targets         = prometheus.exporter.self.node.targets
  forward_to      = [passed_on.it.receiver]
  scrape_interval = "1s"
  scrape_timeout  = "1s"

  clustering {{ enabled = true }}
}}

prometheus.scrape "of_each" {{
  targets         = discovery.relabel.page.output
  forward_to      = [passed_on.it.receiver]
  scrape_interval = "1s"
  scrape_timeout  = "1s"

  scrape_native_histograms           = true
  convert_classic_histograms_to_nhcb = true
}}

prometheus.remote_write "backend" {{
  endpoint {{
    name                   = "backend"
    url                    = sys.env("TESTNET_WRITE_URL")
    send_native_histograms = true

    // Metadata that is sent again and again must not be all that is.
    queue_config {{ min_shards = 2 }}
    metadata_config {{ send_interval = "1s" }}
  }}
}}
"#
    );
    for (name, path, limit) in [
        ("samples", "/page", "sample_limit = 1"),
        ("body", "/page", "body_size_limit = \"10B\""),
        ("labels", "/page", "label_limit = 1"),
        ("targets", "/page", "target_limit = 1"),
        ("odd", "/odd", ""),
        ("buckets", "/page", ONE_BUCKET),
    ] {
        config += &format!(
            r#"
prometheus.scrape "{name}" {{
  targets         = [{{"__address__" = "{pages}"}}, {{"__address__" = "{pages}", "n" = "2"}}]
  metrics_path    = "{path}"
  forward_to      = [passed_on.it.receiver]
  scrape_interval = "1s"
  scrape_timeout  = "1s"
  {limit}
}}
"#
        );
    }
    config
}

/// What this takes to happen: counters that must not stay at zero.
const PROVOKED: [&str; 18] = [
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "prometheus_target_scrapes_exceeded_body_size_limit_total",
    "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
    "prometheus_target_scrape_pool_exceeded_label_limits_total",
    "prometheus_target_scrape_pool_exceeded_target_limit_total",
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_fanout_latency_count",
    "prometheus_forwarded_samples_total",
    "prometheus_remote_storage_samples_total",
    "prometheus_remote_storage_histograms_total",
    "prometheus_remote_storage_exemplars_total",
    "prometheus_remote_storage_metadata_total",
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
    "prometheus_remote_storage_shards_desired",
    "alloy_component_dependencies_wait_seconds_count",
    "alloy_component_graph_connection",
    "alloy_build_info",
];

/// What a backend that refuses everything makes happen.
const REFUSED: [&str; 4] = [
    "prometheus_remote_storage_samples_failed_total",
    "prometheus_remote_storage_histograms_failed_total",
    "prometheus_remote_storage_exemplars_failed_total",
    "prometheus_remote_storage_metadata_failed_total",
];

/// Waits until none of these is 0 any more, and returns the page.
async fn happens(node: &mut Node, names: &[&str]) -> anyhow::Result<String> {
    let url = node.url("/metrics");
    eventually("everything to have happened", PATIENCE, async || {
        node.child.check_alive()?;
        let page = http::text(&url).await?;
        let silent: Vec<_> = names.iter().filter(|name| http::metric(&page, name) == 0.0).collect();
        ensure!(silent.is_empty(), "{silent:?} are 0");
        // Which is 0 where the clocks agree.
        ensure!(page.contains("\nshoal_peer_clock_skew_seconds{"), "no peer's clock is known");
        Ok(page)
    })
    .await
    .with_context(|| node.child.log_tail())
}

/// Labels whose values are ours, so that they are few and stand for something.
const CLOSED: [&str; 4] = ["reason", "health_type", "quantile", "event"];

/// Every family of a page: its name, its type, its labels, and the values of those labels that have
/// few.
fn families(page: &str) -> anyhow::Result<String> {
    let mut kinds = BTreeMap::new();
    let mut labels: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').context("a type without a name")?;
            kinds.insert(name, kind);
        }
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        if line.starts_with('#') || end == 0 {
            continue;
        }
        let series = &line[..end];
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.strip_suffix(end));
        let base = base.filter(|base| kinds.get(base) == Some(&"histogram"));
        let name = base.unwrap_or(series);
        ensure!(kinds.contains_key(name), "{name} has no type");
        let names = labels.entry(name).or_default();
        let pairs = line[end..].strip_prefix('{').and_then(|rest| rest.rsplit_once('}'));
        for pair in pairs.map_or("", |(pairs, _)| pairs).split("\",") {
            let Some((label, value)) = pair.split_once("=\"") else { continue };
            if CLOSED.contains(&label) {
                names.insert(format!("{label}={}", value.trim_end_matches('"')));
            } else if label != "le" {
                names.insert(label.to_owned());
            }
        }
    }
    let line = |(name, kind): (&&str, &&str)| {
        let labels = labels.get(*name).into_iter().flatten();
        let labels: Vec<&str> = labels.map(String::as_str).collect();
        format!("{name} {kind} {}\n", labels.join(" ")).replace(" \n", "\n")
    };
    Ok(kinds.iter().map(line).collect())
}

#[tokio::test]
async fn every_metric_keeps_its_name_and_its_labels() -> anyhow::Result<()> {
    let world = World::new()?;
    let limits = Limits { interval: 1_000, ..Limits::default() };
    let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
    let files = world.folder("files")?;
    std::fs::write(files.join("text"), "text")?;
    let pages = vec![
        ("/page".into(), OPEN_METRICS, Bytes::from_static(PAGE.as_bytes())),
        ("/odd".into(), TEXT, Bytes::from_static(ODD.as_bytes())),
        ("/targets".into(), "application/json", Bytes::from_static(b"[]")),
    ];
    let pages = pages::serve(&world, pages).await?;
    let files = files.to_str().context("a plain path")?;
    let config = world::write(&world, &configuration(pages, files))?;
    let write_url = |node: &str| ledger.write_url(node);
    let mut cluster = Cluster::start(&world, setup(&config), 2, write_url).await?;

    // One answer for good and one for now, before everything goes well.
    for (behaviour, expected) in [
        (Behaviour::Refuse(400), REFUSED.as_slice()),
        (Behaviour::Refuse(503), &["prometheus_remote_storage_samples_retried_total"]),
    ] {
        ledger.behave(behaviour);
        happens(cluster.node(0), expected).await?;
    }
    ledger.behave(Behaviour::Accept);
    let page = happens(cluster.node(0), &PROVOKED).await?;
    expect_file!["telemetry/families.txt"].assert_eq(&families(&page)?);
    world.end().await;
    Ok(())
}

/// What is measured here is what is shipped: the allocator of `shoal`, with its settings.
#[tokio::test]
async fn a_node_of_the_test_world_takes_heap_profiles_as_shoal_does() -> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, "")?;
    let mut cluster = Cluster::start(&world, setup(&config), 1, |_| String::new()).await?;
    let url = cluster.node(0).url("/debug/pprof/heap?seconds=0");
    let (status, answer) = http::ask(::http::Method::GET, &url).await?;
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&answer));
    world.end().await;
    Ok(())
}
