//! What Prometheus makes of a page that it scrapes itself, and of the same page through Shoal, is
//! the same: series, values, native histograms, exemplars, in every exposition format.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use testnet::process::{Cluster, World, eventually, http as ask, real};
use url::Url;

use crate::Backend;
use crate::pages;
use crate::world::{PATIENCE, setup, write};

#[path = "formats/families.rs"]
mod families;

/// Bounds are written as Prometheus 3 and Shoal write them: Prometheus 2 leaves a `le="1"` as it is.
const TEXT: &str = r#"# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/a\\b\"c\nd"} 1027
requests_total{code="500"} 3
# TYPE temperature gauge
temperature -12.5
# TYPE odd gauge
odd{what="infinite"} +Inf
odd{what="tiny"} 4.9e-324
odd{what="large"} 1.7976931348623157e308
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 2
latency_seconds_bucket{le="1.0"} 5
latency_seconds_bucket{le="+Inf"} 6
latency_seconds_sum 4.25
latency_seconds_count 6
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 100
size_bytes_sum 1000
size_bytes_count 9
without_type{exported_job="x"} 7
"#;

const OPEN_METRICS: &str = r#"# HELP requests Requests.
# TYPE requests counter
requests_total{code="200"} 1027 # {trace_id="abc"} 0.5
requests_created{code="200"} 1700000000.5
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
latency_seconds_bucket{le="0.1"} 2 # {trace_id="fast"} 0.07
latency_seconds_bucket{le="1.0"} 5
latency_seconds_bucket{le="+Inf"} 6 # {trace_id="slow",span_id="s"} 2.5
latency_seconds_sum 4.25
latency_seconds_count 6
# TYPE state stateset
state{state="a"} 1
state{state="b"} 0
# TYPE build info
build_info{version="1"} 1
# TYPE gauges gaugehistogram
gauges_bucket{le="1.0"} 1
gauges_bucket{le="+Inf"} 3
gauges_gcount 3
gauges_gsum 5
# EOF
"#;

/// What the pages are called; each is at the path of its name.
const KINDS: [&str; 3] = ["text", "openmetrics", "protobuf"];

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                        encoding=delimited";

async fn serve(world: &World) -> anyhow::Result<SocketAddr> {
    let text = Bytes::from_static(TEXT.as_bytes());
    let open_metrics = Bytes::from_static(OPEN_METRICS.as_bytes());
    let pages = vec![
        ("/text".into(), pages::TEXT, text),
        ("/openmetrics".into(), pages::OPEN_METRICS, open_metrics),
        ("/protobuf".into(), PROTOBUF, families::page().into()),
    ];
    pages::serve(world, pages).await
}

/// Prometheus scrapes the pages itself, and takes them from Shoal.
async fn prometheus(world: &World, pages: SocketAddr) -> anyhow::Result<Backend> {
    let mut config = String::from("global: {scrape_interval: 1s}\nscrape_configs:\n");
    for kind in KINDS {
        config += &format!(
            "- {{job_name: {kind}, metrics_path: /{kind}, \
             static_configs: [{{targets: ['{pages}'], labels: {{via: itself}}}}]}}\n"
        );
    }
    let command = |folder: &Path, port| {
        let mut command = real::prometheus(folder, port, &config)?;
        command.arg("--web.enable-remote-write-receiver");
        command.arg("--enable-feature=exemplar-storage,native-histograms");
        Ok(command)
    };
    Backend::start(world, "prometheus", "/-/ready", command).await
}

fn configuration(pages: SocketAddr) -> String {
    let mut config = String::new();
    for kind in KINDS {
        config += &format!(
            r#"prometheus.scrape "{kind}" {{
  targets                  = [{{"__address__" = "{pages}", "via" = "shoal"}}]
  forward_to               = [prometheus.remote_write.backend.receiver]
  job_name                 = "{kind}"
  metrics_path             = "/{kind}"
  scrape_interval          = "1s"
  scrape_timeout           = "1s"
  scrape_native_histograms = true
}}

"#
        );
    }
    config
        + r#"prometheus.remote_write "backend" {
  endpoint {
    url                    = sys.env("TESTNET_WRITE_URL")
    send_native_histograms = true
  }
}
"#
}

/// What Prometheus holds of one page by one way: of each series its value, or its histogram.
async fn series(base: &str, kind: &str, via: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    // How long a scrape took is nobody else's.
    let query = format!("{{job=\"{kind}\",via=\"{via}\",__name__!=\"scrape_duration_seconds\"}}");
    let url = Url::parse_with_params(&format!("{base}/api/v1/query"), [("query", query)])?;
    let answer = ask::json(url.as_str()).await?;
    let result = answer["data"]["result"].as_array().context("no result")?;
    result
        .iter()
        .map(|series| {
            let held = series["value"].get(1).or_else(|| series["histogram"].get(1));
            Ok((labels(&series["metric"])?, held.context("no value")?.clone()))
        })
        .collect()
}

/// The exemplars of one page by one way, with the series they belong to.
async fn exemplars(base: &str, kind: &str, via: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let query = format!("{{job=\"{kind}\",via=\"{via}\"}}");
    let span = [("query", query.as_str()), ("start", "0"), ("end", "4000000000")];
    let url = Url::parse_with_params(&format!("{base}/api/v1/query_exemplars"), span)?;
    let answer = ask::json(url.as_str()).await?;
    let mut found = BTreeMap::new();
    for series in answer["data"].as_array().context("no exemplars")? {
        let labels = labels(&series["seriesLabels"])?;
        for exemplar in series["exemplars"].as_array().context("no exemplars")? {
            // One without a time of its own has that of its scrape, which is another one.
            let own = exemplar["timestamp"].as_f64() == Some(families::OBSERVED as f64);
            let held = serde_json::json!([exemplar["labels"], exemplar["value"], own]);
            found.insert(format!("{labels} {}", exemplar["labels"]), held);
        }
    }
    Ok(found)
}

/// The labels of a series without the way it came by.
fn labels(metric: &Value) -> anyhow::Result<String> {
    let mut metric = metric.as_object().context("no labels")?.clone();
    metric.remove("via");
    let labels: BTreeMap<_, _> = metric.into_iter().collect();
    Ok(serde_json::to_string(&labels)?)
}

#[tokio::test]
async fn what_prometheus_scrapes_itself_is_what_arrives_through_shoal() -> anyhow::Result<()> {
    let world = World::new()?;
    let pages = serve(&world).await?;
    let mut prometheus = prometheus(&world, pages).await?;
    let config = write(&world, &configuration(pages))?;
    let url = prometheus.write_url();
    let cluster = Cluster::start(&world, setup(&config), 1, |_| url.clone()).await?;

    // Series of each page, and those that a scrape writes about itself; exemplars.
    let expected = [("text", 15 + 4, 0), ("openmetrics", 14 + 4, 3), ("protobuf", 13 + 4, 4)];
    for (kind, expected_series, expected_exemplars) in expected {
        let base = prometheus.base.clone();
        eventually(&format!("{kind} to be the same by both ways"), PATIENCE, async || {
            prometheus.child.check_alive()?;
            let ours = series(&base, kind, "shoal").await?;
            same(&ours, &series(&base, kind, "itself").await?)?;
            anyhow::ensure!(ours.len() == expected_series, "{} series: {ours:#?}", ours.len());
            let ours = exemplars(&base, kind, "shoal").await?;
            same(&ours, &exemplars(&base, kind, "itself").await?)?;
            let there = ours.len();
            anyhow::ensure!(there == expected_exemplars, "{there} exemplars: {ours:#?}");
            Ok(())
        })
        .await
        .with_context(|| prometheus.child.log_tail())?;
    }
    prometheus.becomes("histogram_count(native_seconds{via=\"shoal\"})", 10.0).await?;
    drop(cluster);
    world.end().await;
    Ok(())
}

/// Fails with what differs.
fn same(ours: &BTreeMap<String, Value>, theirs: &BTreeMap<String, Value>) -> anyhow::Result<()> {
    let keys = ours.keys().chain(theirs.keys());
    let differing = keys.filter(|key| ours.get(*key) != theirs.get(*key));
    let differing: Vec<_> = differing
        .map(|key| {
            format!("{key}: {:?} through Shoal, {:?} itself", ours.get(key), theirs.get(key))
        })
        .collect();
    anyhow::ensure!(differing.is_empty(), "{differing:#?}");
    Ok(())
}
