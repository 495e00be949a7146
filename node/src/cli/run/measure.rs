//! Alloy's metrics about the configuration.

use std::time::UNIX_EPOCH;

use crate::graph::Graph;
use crate::telemetry::{Registration, Registry};

/// Puts them on the page.
pub(super) fn register(registry: &Registry, graph: &Graph, cluster_name: &str) -> Registration {
    let (graph, cluster_name) = (graph.clone(), cluster_name.to_owned());
    registry.register(&[], move |page| {
        let load = graph.load_status();
        let help = "Whether the last load of the configuration succeeded.";
        let ok = f64::from(load.successful);
        page.gauge("alloy_config_last_load_successful", help, &[], ok);
        let at = load.last_success.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let at = at.unwrap_or_default().as_secs_f64();
        let help = "When a configuration was last loaded with success, in Unix seconds.";
        page.gauge("alloy_config_last_load_success_timestamp_seconds", help, &[], at);
        let help = "Loads of the configuration that failed.";
        page.counter("alloy_config_load_failures_total", help, &[], load.failures as f64);
        let labels = [("sha256", load.sha256.as_str()), ("cluster_name", cluster_name.as_str())];
        let help = "The hash of the running configuration; always 1.";
        page.gauge("alloy_config_hash", help, &labels, 1.0);
    })
}
