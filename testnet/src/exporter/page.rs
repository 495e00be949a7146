//! A page as node_exporter, and a service with histograms, would serve it.

use std::fmt::Write;

/// What a page is to contain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Series on the page.
    pub(super) series: usize,
    /// How many of them carry the generation in a label.
    pub(super) churning: usize,
    /// Changes the labels of churning series.
    pub(super) generation: u64,
    /// Which of the variants: counters grow with it.
    pub(super) variant: u64,
}

struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// Share of the page, in hundredths.
    share: usize,
    series: fn(&mut String, &'static str, usize, u64),
}

const FAMILIES: [Family; 6] = [
    Family {
        name: "node_cpu_seconds_total",
        kind: "counter",
        help: "Seconds the CPUs spent in each mode.",
        share: 30,
        series: cpu,
    },
    Family {
        name: "node_network_receive_bytes_total",
        kind: "counter",
        help: "Network device statistic receive_bytes.",
        share: 20,
        series: network,
    },
    Family {
        name: "node_filesystem_avail_bytes",
        kind: "gauge",
        help: "Filesystem space available to non-root users in bytes.",
        share: 15,
        series: filesystem,
    },
    Family {
        name: "node_systemd_unit_state",
        kind: "gauge",
        help: "Systemd unit",
        share: 15,
        series: unit,
    },
    Family {
        name: "http_request_duration_seconds",
        kind: "histogram",
        help: "How long requests took.",
        share: 20,
        series: histogram,
    },
    // Takes what is left over, and the series that churn.
    Family {
        name: "kube_pod_container_status_restarts_total",
        kind: "counter",
        help: "The number of container restarts per container.",
        share: 0,
        series: pod,
    },
];

/// Writes the page.
pub(super) fn render(shape: Shape) -> String {
    let Shape { series, churning, generation, variant } = shape;
    let churning = churning.min(series);
    let steady = series - churning;
    let mut page = String::with_capacity(series * 140);
    let mut left = steady;
    for family in &FAMILIES {
        let is_last = family.share == 0;
        let count = if is_last { left } else { steady * family.share / 100 };
        left -= count;
        if count + if is_last { churning } else { 0 } == 0 {
            continue;
        }
        let Family { name, kind, help, .. } = family;
        write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n").expect(WRITES);
        for index in 0..count {
            (family.series)(&mut page, name, index, variant);
        }
        if is_last {
            for index in 0..churning {
                let pod = format!("job-{generation}-{index}");
                restarts(&mut page, name, &pod, variant);
            }
        }
    }
    page
}

const WRITES: &str = "a string takes all that is written";

fn cpu(page: &mut String, name: &str, index: usize, variant: u64) {
    const MODES: [&str; 8] =
        ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
    let (cpu, mode) = (index / MODES.len(), MODES[index % MODES.len()]);
    // Most modes of most processors stand still between two scrapes.
    let moving = if index.is_multiple_of(4) { variant * 15 } else { 0 };
    let whole = 10_000 + index as u64 * 7 + moving;
    writeln!(page, "{name}{{cpu=\"{cpu}\",mode=\"{mode}\"}} {whole}.{:02}", index % 100)
        .expect(WRITES);
}

fn network(page: &mut String, name: &str, index: usize, variant: u64) {
    let bytes = 1_234_567_890_123 + index as u64 * 1_000_003 + variant * 65_537;
    writeln!(page, "{name}{{device=\"veth{index:08x}\"}} {:e}", bytes as f64).expect(WRITES);
}

fn filesystem(page: &mut String, name: &str, index: usize, variant: u64) {
    let free = 107_374_182_400 - index as u64 * 4096 - variant * 8192;
    writeln!(
        page,
        "{name}{{device=\"/dev/mapper/vg0-volume{index}\",fstype=\"ext4\",mountpoint=\"/var/lib/kubelet/pods/{index:08x}/volumes\"}} {:e}",
        free as f64
    )
    .expect(WRITES);
}

fn unit(page: &mut String, name: &str, index: usize, _variant: u64) {
    const STATES: [&str; 5] = ["activating", "active", "deactivating", "failed", "inactive"];
    let (unit, state) = (index / STATES.len(), STATES[index % STATES.len()]);
    let value = u8::from(state == "active");
    writeln!(
        page,
        "{name}{{name=\"unit-{unit}.service\",state=\"{state}\",type=\"simple\"}} {value}"
    )
    .expect(WRITES);
}

fn histogram(page: &mut String, name: &str, index: usize, variant: u64) {
    const BOUNDS: [&str; 11] =
        ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"];
    // Eleven buckets, the sum and the count are one histogram.
    let (handler, part) = (index / (BOUNDS.len() + 2), index % (BOUNDS.len() + 2));
    let label = format!("handler=\"/api/v1/resource{handler}\"");
    let count = variant * 10;
    let written = match BOUNDS.get(part) {
        Some(bound) => {
            let below = 1_000 + part as u64 * 100 + count;
            writeln!(page, "{name}_bucket{{{label},le=\"{bound}\"}} {below}")
        }
        None if part == BOUNDS.len() => {
            writeln!(page, "{name}_sum{{{label}}} {}.5", 300 + variant)
        }
        None => writeln!(page, "{name}_count{{{label}}} {}", 2_000 + count),
    };
    written.expect(WRITES);
}

fn pod(page: &mut String, name: &str, index: usize, variant: u64) {
    restarts(page, name, &format!("web-{index}"), variant);
}

fn restarts(page: &mut String, name: &str, pod: &str, variant: u64) {
    writeln!(
        page,
        "{name}{{namespace=\"default\",pod=\"{pod}\",uid=\"0f3c9d7e-{pod}\",container=\"app\"}} {variant}"
    )
    .expect(WRITES);
}
