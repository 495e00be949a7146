//! The name servers of this host, as seeds need them.

use std::net::IpAddr;

use discovery::resolver::{System, Wanted};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::{BoxFuture, Dns, Failure, Service};

impl Dns for System {
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>> {
        Box::pin(async move {
            // A service may name an address, which is no name and ends as one does.
            if let Ok(ip) = name.trim_end_matches('.').parse() {
                return Ok(vec![ip]);
            }
            let addresses = |of: Vec<Record>| of.iter().filter_map(address).collect();
            let records = self.records(name, Wanted::Addresses).await;
            records.map(addresses).map_err(|failure| failure.map(addresses))
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(async move {
            let records = self.records(name, Wanted::Kind(RecordType::SRV)).await;
            records.map(|records| services(&records)).map_err(|failure| failure.error)
        })
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

/// The instances that records name, with the addresses that came along.
fn services(records: &[Record]) -> Vec<Service> {
    let service = |record: &Record| match &record.data {
        RData::SRV(srv) => {
            let of_host = records.iter().filter(|record| record.name == srv.target);
            // It is a whole name, and stands for no other.
            let mut host = srv.target.clone();
            host.set_fqdn(true);
            Some(Service {
                host: host.to_utf8(),
                port: srv.port,
                addresses: of_host.filter_map(address).collect(),
            })
        }
        _ => None,
    };
    records.iter().filter_map(service).collect()
}
