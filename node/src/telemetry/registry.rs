//! Metrics of this process: whoever has figures registers a closure that writes them down.
//!
//! Names are the ones Alloy's dashboards and alerts know, so nothing is appended or renamed here.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use std::sync::Arc;
//! use node::telemetry::Registry;
//!
//! let registry = Registry::default();
//! let moves = Arc::new(AtomicU64::new(3));
//! let collected = Arc::clone(&moves);
//! let registration = registry.register(&[("component_id", "prometheus.scrape.a")], move |page| {
//!     page.counter("moves_total", "Moves.", &[], collected.load(Ordering::Relaxed) as f64);
//! });
//! assert!(registry.text().contains("moves_total{component_id=\"prometheus.scrape.a\"} 3\n"));
//! drop(registration);
//! assert_eq!(registry.text(), "");
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::histogram::Snapshot;

mod read;
#[cfg(test)]
mod tests;

type Collect = dyn Fn(&mut Exposition) + Send + Sync;

/// All collectors of one process. Cheap to clone; the clones are one registry.
#[derive(Clone, Default)]
pub struct Registry {
    collectors: Arc<Mutex<Collectors>>,
}

#[derive(Default)]
struct Collectors {
    next: u64,
    by_id: BTreeMap<u64, Collector>,
}

#[derive(Clone)]
struct Collector {
    labels: Arc<str>,
    collect: Arc<Collect>,
}

impl Registry {
    /// Has `collect` called for every exposition until the returned registration is dropped.
    /// `labels` are put on each of its samples, before the sample's own.
    ///
    /// `collect` runs on the thread that answers the request: it reads atomics and short-lived
    /// snapshots, it never waits.
    pub fn register(
        &self,
        labels: &[(&str, &str)],
        collect: impl Fn(&mut Exposition) + Send + Sync + 'static,
    ) -> Registration {
        let mut block = String::new();
        write_labels(&mut block, labels);
        let mut collectors = lock(&self.collectors);
        let id = collectors.next;
        collectors.next += 1;
        let collector = Collector { labels: block.into(), collect: Arc::new(collect) };
        collectors.by_id.insert(id, collector);
        Registration { id, collectors: Arc::clone(&self.collectors) }
    }

    /// The page in Prometheus' text format 0.0.4.
    pub fn text(&self) -> String {
        self.exposition().text()
    }

    /// The page in OpenMetrics' text format 1.0.0.
    pub fn open_metrics(&self) -> String {
        self.exposition().open_metrics()
    }

    /// Everything that the collectors have to say now.
    pub fn exposition(&self) -> Exposition {
        // Collectors run outside the lock: one of them may register or drop another.
        let collectors: Vec<Collector> = lock(&self.collectors).by_id.values().cloned().collect();
        let mut page = Exposition::default();
        for collector in collectors {
            page.common = collector.labels;
            (collector.collect)(&mut page);
        }
        page
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("collectors", &lock(&self.collectors).by_id.len()).finish()
    }
}

/// Keeps a collector registered; dropping it takes its metrics off the page.
#[must_use = "dropping the registration unregisters the collector"]
pub struct Registration {
    id: u64,
    collectors: Arc<Mutex<Collectors>>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Dropped after the lock is free: a collector may own what registered another.
        let removed = lock(&self.collectors).by_id.remove(&self.id);
        drop(removed);
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("id", &self.id).finish()
    }
}

fn lock(collectors: &Mutex<Collectors>) -> MutexGuard<'_, Collectors> {
    // A map of closures is whole whenever the lock is free, also after a panic.
    collectors.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page while it is being written: families by name, samples in the order they came.
#[derive(Debug, Default)]
pub struct Exposition {
    common: Arc<str>,
    families: BTreeMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    samples: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Exposition {
    /// One sample of a value that only grows, under exactly this name.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(Kind::Counter, name, help, labels, value);
    }

    /// One sample of a value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(Kind::Gauge, name, help, labels, value);
    }

    /// One histogram: its buckets, sum and count.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        histogram: &Snapshot,
    ) {
        let common = Arc::clone(&self.common);
        let family = self.family(Kind::Histogram, name, help);
        let mut line = |suffix: &str, le: Option<&str>, value: f64| {
            let own = le.map(|le| ("le", le));
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain(own).collect();
            write_sample(&mut family.samples, name, suffix, &common, &labels, value);
        };
        for (bound, count) in histogram.cumulative() {
            line("_bucket", Some(&number(bound)), count as f64);
        }
        line("_sum", None, histogram.sum);
        line("_count", None, histogram.count() as f64);
    }

    fn sample(&mut self, kind: Kind, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let common = Arc::clone(&self.common);
        let family = self.family(kind, name, help);
        write_sample(&mut family.samples, name, "", &common, labels, value);
    }

    fn family(&mut self, kind: Kind, name: &str, help: &str) -> &mut Family {
        debug_assert!(is_metric_name(name), "{name} is no metric name");
        let family = self.families.entry(name.to_owned()).or_insert_with(|| Family {
            kind,
            help: help.to_owned(),
            samples: String::new(),
        });
        debug_assert_eq!(family.kind, kind, "{name} is registered with two types");
        family
    }

    /// The samples of a counter or gauge, with all their labels, for those in this process who
    /// want to show a figure that somebody publishes anyway.
    pub fn samples(&self, name: &str) -> Vec<(Vec<(String, String)>, f64)> {
        let family = self.families.get(name).filter(|family| family.kind != Kind::Histogram);
        let lines = family.map(|family| family.samples.lines()).into_iter().flatten();
        lines.filter_map(|line| read::sample(line.strip_prefix(name)?)).collect()
    }

    /// The page in Prometheus' text format 0.0.4.
    pub fn text(&self) -> String {
        let mut page = String::new();
        for (name, family) in &self.families {
            write_head(&mut page, name, family.kind.name(), &family.help);
            page.push_str(&family.samples);
        }
        page
    }

    /// The page in OpenMetrics' text format 1.0.0. A counter whose name does not end in `_total`
    /// has no place there and goes as `unknown`.
    pub fn open_metrics(&self) -> String {
        let mut page = String::new();
        for (name, family) in &self.families {
            let (name, kind) = match (family.kind, name.strip_suffix("_total")) {
                (Kind::Counter, Some(stem)) => (stem, "counter"),
                (Kind::Counter, None) => (name.as_str(), "unknown"),
                (kind, _) => (name.as_str(), kind.name()),
            };
            write_head(&mut page, name, kind, &family.help);
            page.push_str(&family.samples);
        }
        page.push_str("# EOF\n");
        page
    }
}

fn write_head(page: &mut String, name: &str, kind: &str, help: &str) {
    page.push_str("# HELP ");
    page.push_str(name);
    page.push(' ');
    escape_into(page, help, false);
    page.push_str("\n# TYPE ");
    page.push_str(name);
    page.push(' ');
    page.push_str(kind);
    page.push('\n');
}

fn write_sample(
    page: &mut String,
    name: &str,
    suffix: &str,
    common: &str,
    labels: &[(&str, &str)],
    value: f64,
) {
    page.push_str(name);
    page.push_str(suffix);
    if !common.is_empty() || !labels.is_empty() {
        page.push('{');
        page.push_str(common);
        if !common.is_empty() && !labels.is_empty() {
            page.push(',');
        }
        write_labels(page, labels);
        page.push('}');
    }
    page.push(' ');
    page.push_str(&number(value));
    page.push('\n');
}

fn write_labels(out: &mut String, labels: &[(&str, &str)]) {
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape_into(out, value, true);
        out.push('"');
    }
}

fn escape_into(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

/// A number as both text formats want it.
fn number(value: f64) -> String {
    let mut text = String::new();
    if value.is_nan() {
        text.push_str("NaN");
    } else if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
    }
    text
}

fn is_metric_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}
