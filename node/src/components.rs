//! The kinds of components: one file each, thin. A kind decodes its arguments, makes the
//! collector's own configuration of them, and runs the collector.

mod context;
mod discovery_dns;
mod discovery_file;
mod discovery_http;
mod discovery_relabel;
mod document;
mod erased;
mod exporter_self;
mod http_client;
mod kind;
mod latest;
mod local_file;
mod prometheus_relabel;
mod prometheus_remote_write;
mod prometheus_scrape;
mod receiver;
mod registry;
mod remote_http;
mod rule;
mod source;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use context::{Context, Exporter, HealthReport, Services};
pub use erased::{Descriptor, Failure, Made, Running};
pub use kind::{Kind, Nothing, Refusal, Started, Updated, Work};
pub use prometheus_remote_write::sweep as sweep_abandoned;
pub use receiver::{Fanout, MetricsReceiver};
pub use registry::Registry;
pub use targets::Targets;
