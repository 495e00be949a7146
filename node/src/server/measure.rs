//! How much the server is asked, and how long it takes to answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::telemetry::histogram::SECONDS;
use crate::telemetry::{Histogram, Registration, Registry};

/// Figures about requests.
#[derive(Debug, Default)]
pub(super) struct Measures {
    /// By route (a name of ours, so there are few) and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    durations: Mutex<BTreeMap<&'static str, Arc<Histogram>>>,
    connections: AtomicI64,
    refused: AtomicU64,
}

impl Measures {
    pub(super) fn register(self: &Arc<Self>, registry: &Registry) -> Registration {
        let measures = Arc::clone(self);
        registry.register(&[], move |page| {
            let name = "shoal_http_requests_total";
            let help = "Requests answered, by what was asked for and how it ended.";
            let requests = measures.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for ((route, status), count) in requests {
                let status = status.to_string();
                let labels = [("route", route), ("code", status.as_str())];
                page.counter(name, help, &labels, count as f64);
            }
            let name = "shoal_http_request_duration_seconds";
            let help = "Time from a request's head to its answer.";
            let durations =
                measures.durations.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for (route, histogram) in durations {
                page.histogram(name, help, &[("route", route)], &histogram.snapshot());
            }
            let connections = measures.connections.load(Ordering::Relaxed) as f64;
            page.gauge("shoal_http_connections", "Connections being served.", &[], connections);
            let name = "shoal_http_connections_refused_total";
            let help = "Connections that ended before a request could be read.";
            let refused = measures.refused.load(Ordering::Relaxed) as f64;
            page.counter(name, help, &[], refused);
        })
    }

    pub(super) fn answered(&self, route: &'static str, status: StatusCode, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status.as_u16())).or_default() += 1;
        drop(requests);
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = durations.entry(route).or_insert_with(|| Arc::new(Histogram::new(SECONDS)));
        let histogram = Arc::clone(histogram);
        drop(durations);
        histogram.observe(took.as_secs_f64());
    }

    /// Counts a connection for as long as the returned guard lives.
    pub(super) fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection that is being served.
#[derive(Debug)]
pub(super) struct Connected(Arc<Measures>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
