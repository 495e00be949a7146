//! What this process costs: CPU, memory, file descriptors, and which build it is.

use std::time::{Duration, SystemTime};

use super::clock;
use super::registry::{Exposition, Registration, Registry};

#[cfg(test)]
mod tests;

/// Ticks a second in `/proc/self/stat`: `USER_HZ`, which is 100 on every Linux that Shoal runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Registers the metrics of the process. `revision` is empty when the build does not know it.
pub fn register(registry: &Registry) -> Registration {
    let started = SystemTime::now() - Duration::from_secs_f64(age().unwrap_or_default());
    let started = clock::unix_millis(started) as f64 / 1000.0;
    registry.register(&[], move |page| {
        build(page);
        let usage = Usage::now();
        for prefix in ["process", "alloy_resources_process"] {
            let name = |rest: &str| format!("{prefix}_{rest}");
            let help = "CPU time of this process, user and system, in seconds.";
            page.counter(&name("cpu_seconds_total"), help, &[], usage.cpu_seconds);
            let help = "Memory of this process that is in RAM, in bytes.";
            page.gauge(&name("resident_memory_bytes"), help, &[], usage.resident_bytes);
            let help = "Address space of this process, in bytes.";
            page.gauge(&name("virtual_memory_bytes"), help, &[], usage.virtual_bytes);
            let help = "When this process started, in seconds since the Unix epoch.";
            page.gauge(&name("start_time_seconds"), help, &[], started);
        }
        if let Some((received, sent)) = traffic() {
            let help = "Bytes that this machine has received, all interfaces together.";
            page.counter("alloy_resources_machine_rx_bytes_total", help, &[], received);
            let help = "Bytes that this machine has sent, all interfaces together.";
            page.counter("alloy_resources_machine_tx_bytes_total", help, &[], sent);
        }
        page.gauge("process_open_fds", "Open file descriptors.", &[], usage.open_fds);
        page.gauge("process_max_fds", "File descriptors that may be open.", &[], usage.max_fds);
        page.gauge("process_threads", "Threads of this process.", &[], usage.threads);
        heap(page);
    })
}

fn build(page: &mut Exposition) {
    let labels = [("version", VERSION), ("goos", std::env::consts::OS)];
    page.gauge("shoal_build_info", "The build that runs; always 1.", &labels, 1.0);
    let help = "The same under the name that dashboards ask for; always 1.";
    page.gauge("alloy_build_info", help, &labels, 1.0);
}

/// What the allocator says; nothing where another allocator runs, as in tests.
fn heap(page: &mut Exposition) {
    if tikv_jemalloc_ctl::epoch::advance().is_err() {
        return;
    }
    if let Ok(bytes) = tikv_jemalloc_ctl::stats::allocated::read() {
        let help = "Memory that the program asked for and has not given back, in bytes.";
        page.gauge("shoal_heap_allocated_bytes", help, &[], bytes as f64);
    }
    if let Ok(bytes) = tikv_jemalloc_ctl::stats::resident::read() {
        let help = "Memory that the allocator keeps in RAM, in bytes.";
        page.gauge("shoal_heap_resident_bytes", help, &[], bytes as f64);
    }
}

/// What `/proc` says of this process; 0 for what it does not say.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
    open_fds: f64,
    max_fds: f64,
}

impl Usage {
    fn now() -> Self {
        let mut usage = Self::default();
        if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
            usage.cpu_seconds = cpu_seconds(&stat).unwrap_or_default();
        }
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            usage.resident_bytes = field(&status, "VmRSS:") * 1024.0;
            usage.virtual_bytes = field(&status, "VmSize:") * 1024.0;
            usage.threads = field(&status, "Threads:");
        }
        if let Ok(limits) = std::fs::read_to_string("/proc/self/limits") {
            usage.max_fds = field(&limits, "Max open files");
        }
        if let Ok(fds) = std::fs::read_dir("/proc/self/fd") {
            usage.open_fds = fds.count() as f64;
        }
        usage
    }
}

/// User and system time out of `/proc/self/stat`: the 14th and 15th field, counted from behind the
/// name, which stands in parentheses and may contain anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// What this machine, or this container, has received and sent, in bytes.
fn traffic() -> Option<(f64, f64)> {
    Some(bytes_of_interfaces(&std::fs::read_to_string("/proc/net/dev").ok()?))
}

/// The sums over all lines of `/proc/net/dev`: behind the name of the interface and a colon, the first
/// number is the bytes received and the ninth those sent. The two lines of headings have no colon.
fn bytes_of_interfaces(dev: &str) -> (f64, f64) {
    let counted = dev.lines().filter_map(|line| {
        let mut numbers = line.split_once(':')?.1.split_ascii_whitespace();
        let received: f64 = numbers.next()?.parse().ok()?;
        let sent: f64 = numbers.nth(7)?.parse().ok()?;
        Some((received, sent))
    });
    counted.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
}

/// How long this process has run, in seconds.
fn age() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let started = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(19)?;
    let started = started.parse::<f64>().ok()? / TICKS_PER_SECOND;
    Some((uptime - started).max(0.0))
}
