//! The kinds that there are: one list for running, checking, messages and the reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::discovery_dns::DiscoveryDns;
use super::discovery_file::DiscoveryFile;
use super::discovery_http::DiscoveryHttp;
use super::discovery_relabel::DiscoveryRelabel;
use super::erased::{Descriptor, Erased};
use super::exporter_self::ExporterSelf;
use super::kind::Kind;
use super::local_file::LocalFile;
use super::prometheus_relabel::PrometheusRelabel;
use super::prometheus_remote_write::PrometheusRemoteWrite;
use super::prometheus_scrape::PrometheusScrape;
use super::remote_http::RemoteHttp;

/// A set of kinds by name.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Descriptor>>);

impl Registry {
    /// Every kind of Shoal.
    pub fn shoal() -> Self {
        Self::default()
            .with::<DiscoveryDns>()
            .with::<DiscoveryFile>()
            .with::<DiscoveryHttp>()
            .with::<DiscoveryRelabel>()
            .with::<ExporterSelf>()
            .with::<LocalFile>()
            .with::<PrometheusRelabel>()
            .with::<PrometheusRemoteWrite>()
            .with::<PrometheusScrape>()
            .with::<RemoteHttp>()
    }

    /// The same and one more.
    pub fn with<K: Kind>(mut self) -> Self {
        self.0.insert(K::NAME, Arc::new(Erased::<K>::new()));
        self
    }

    /// A kind by its name.
    pub fn kind(&self, name: &str) -> Option<Arc<dyn Descriptor>> {
        self.0.get(name).cloned()
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// Every kind, sorted by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn Descriptor>> {
        self.0.values()
    }
}
