//! The name server of this host.

use std::net::IpAddr;
use std::sync::OnceLock;

use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::{BoxFuture, Dns, Service};

type Builder = ResolverBuilder<TokioRuntimeProvider>;

/// Resolves as `/etc/resolv.conf` and `/etc/hosts` say. Answers that were cut short over UDP are
/// asked for again over TCP.
#[derive(Default)]
pub struct System {
    resolver: OnceLock<TokioResolver>,
}

impl System {
    /// Asks these servers and no others.
    #[cfg(test)]
    pub(super) fn of(resolver: TokioResolver) -> Self {
        Self { resolver: OnceLock::from(resolver) }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        if let Some(resolver) = self.resolver.get() {
            return Ok(resolver);
        }
        let builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
        let resolver = build(builder)?;
        Ok(self.resolver.get_or_init(|| resolver))
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, String> {
        match self.resolver()?.lookup(name, kind).await {
            Ok(lookup) => Ok([lookup.answers(), lookup.additionals()].concat()),
            Err(error) => nothing_or(error),
        }
    }
}

pub(super) fn build(mut builder: Builder) -> Result<TokioResolver, String> {
    // A seed that is gone must be seen to be gone at the next attempt.
    builder.options_mut().cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}

impl Dns for System {
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            match self.resolver()?.lookup_ip(name).await {
                Ok(lookup) => Ok(lookup.iter().collect()),
                Err(error) => nothing_or(error),
            }
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(async move { Ok(services(&self.records(name, RecordType::SRV).await?)) })
    }
}

/// The instances that records name, with the addresses that came along.
fn services(records: &[Record]) -> Vec<Service> {
    let address = |record: &Record| match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    };
    let service = |record: &Record| match &record.data {
        RData::SRV(srv) => {
            let of_host = records.iter().filter(|record| record.name == srv.target);
            Some(Service {
                host: srv.target.to_utf8().trim_end_matches('.').to_owned(),
                port: srv.port,
                addresses: of_host.filter_map(address).collect(),
            })
        }
        _ => None,
    };
    records.iter().filter_map(service).collect()
}

/// Nothing, when the error says that there is nothing.
fn nothing_or<T>(error: NetError) -> Result<Vec<T>, String> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => Ok(Vec::new()),
        error => Err(error.to_string()),
    }
}
