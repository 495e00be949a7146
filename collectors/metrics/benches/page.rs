//! What a page costs: `cargo bench -p metrics --bench page`.
//!
//! Prints medians of thread time on one core: MB/s of the page and nanoseconds per sample for the
//! bare parser, for a page seen for the first time, for one seen before, and for one of which a
//! hundredth changes from scrape to scrape. The first page is one of Debian's node_exporter, of a
//! small machine; the others are made up, of the size that busy ones have.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::parse::{Dialect, Event, TextParser};
use metrics::{PageReader, ScrapeConfig};
use model::Labels;

const ROUNDS: usize = 201;

const NODE_EXPORTER: &str = include_str!("node_exporter.txt");

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, page) in [
        ("node_exporter of Debian", NODE_EXPORTER.to_owned()),
        ("like a node_exporter, 5,000 series", node_exporter(5_000)),
        ("kube-state-metrics, 5,000 series", kube_state(5_000)),
        ("small, 50 series", node_exporter(50)),
    ] {
        let samples = parse(&page);
        writeln!(out, "{name}: {} bytes, {samples} samples", page.len())?;
        let mut line = |what: &str, time: Duration| {
            let seconds = time.as_secs_f64();
            let megabytes = page.len() as f64 / 1e6 / seconds;
            let nanos = seconds * 1e9 / samples as f64;
            writeln!(out, "  {what:<28} {megabytes:>7.0} MB/s  {nanos:>6.0} ns/sample")
        };
        line(
            "parser",
            median(|| {
                black_box(parse(black_box(&page)));
            }),
        )?;
        line("first", first(&page))?;
        let (time, memory) = seen(&page);
        line("seen before", time)?;
        line("a hundredth changes", changing(&page))?;
        writeln!(out, "  memory {:>29.1} bytes/series", memory as f64 / samples as f64)?;
    }
    Ok(())
}

fn parse(page: &str) -> usize {
    let mut parser = TextParser::new(page, Dialect::Prometheus);
    let mut samples = 0;
    while let Some(event) = parser.next_event().expect("the page is well-formed") {
        samples += usize::from(matches!(event, Event::Sample(_)));
    }
    samples
}

fn reader() -> PageReader {
    let labels = Labels::from_pairs([("instance", "db-1.example.org:9100"), ("job", "node")]);
    PageReader::new(Arc::new(ScrapeConfig::default()), labels)
}

fn read(reader: &mut PageReader, page: &str, at: i64) {
    let batches = reader.read(page.as_bytes(), Some("text/plain"), at).expect("well-formed");
    black_box(batches);
}

fn first(page: &str) -> Duration {
    median(|| read(&mut reader(), page, 1))
}

fn seen(page: &str) -> (Duration, usize) {
    let mut reader = reader();
    read(&mut reader, page, 1);
    (median(|| read(&mut reader, page, 2)), reader.memory())
}

fn changing(page: &str) -> Duration {
    let other: String = page
        .lines()
        .enumerate()
        .map(|(index, line)| match line.split_once(' ') {
            Some((series, rest)) if index % 100 == 7 && !line.starts_with('#') => {
                format!("changed_{series} {rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let mut reader = reader();
    let mut turn = false;
    median(|| {
        turn = !turn;
        read(&mut reader, if turn { page } else { &other }, 1);
    })
}

fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn node_exporter(series: usize) -> String {
    let mut page = String::new();
    let mut count = 0;
    let modes = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
    let mut family = 0;
    while count < series {
        match family % 4 {
            0 => {
                let _ = writeln!(
                    page,
                    "# HELP node_cpu_{family}_seconds_total Seconds the CPUs spent in each mode.\n\
                     # TYPE node_cpu_{family}_seconds_total counter"
                );
                for cpu in 0..16 {
                    for (index, mode) in modes.iter().enumerate() {
                        let value = (cpu * 8 + index) as f64 * 1234.56;
                        let _ = writeln!(
                            page,
                            "node_cpu_{family}_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {value}"
                        );
                        count += 1;
                    }
                }
            }
            1 => {
                let _ = writeln!(
                    page,
                    "# HELP node_filesystem_{family}_avail_bytes Space available to non-root users.\n\
                     # TYPE node_filesystem_{family}_avail_bytes gauge"
                );
                for disk in 0..20 {
                    let _ = writeln!(
                        page,
                        "node_filesystem_{family}_avail_bytes{{device=\"/dev/mapper/vg0-data{disk}\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/var/lib/data/{disk}\"}} {}e+10",
                        disk as f64 + 1.7560473
                    );
                    count += 1;
                }
            }
            2 => {
                let _ = writeln!(
                    page,
                    "# HELP http_{family}_duration_seconds Latency of requests.\n\
                     # TYPE http_{family}_duration_seconds histogram"
                );
                for handler in ["/", "/api/v1/query", "/metrics"] {
                    for bound in ["0.005", "0.01", "0.025", "0.05", "0.1", "0.5", "1.0", "+Inf"] {
                        let _ = writeln!(
                            page,
                            "http_{family}_duration_seconds_bucket{{handler=\"{handler}\",le=\"{bound}\"}} {count}"
                        );
                        count += 1;
                    }
                    let _ = writeln!(
                        page,
                        "http_{family}_duration_seconds_sum{{handler=\"{handler}\"}} 0.1{count}"
                    );
                    let _ = writeln!(
                        page,
                        "http_{family}_duration_seconds_count{{handler=\"{handler}\"}} {count}"
                    );
                    count += 2;
                }
            }
            _ => {
                let _ = writeln!(
                    page,
                    "# HELP node_netstat_{family} Statistic of the network stack.\n\
                     # TYPE node_netstat_{family} untyped\nnode_netstat_{family} {count}"
                );
                count += 1;
            }
        }
        family += 1;
    }
    page
}

fn kube_state(series: usize) -> String {
    let mut page = String::new();
    let per_family = 500.min(series);
    for family in 0..series / per_family {
        let _ = writeln!(
            page,
            "# HELP kube_pod_status_{family} Something of the pod.\n# TYPE kube_pod_status_{family} gauge"
        );
        for pod in 0..per_family {
            let uid = (pod as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let _ = writeln!(
                page,
                "kube_pod_status_{family}{{namespace=\"team-{}\",pod=\"service-{}-{:x}\",uid=\"{uid:016x}-{:08x}\"}} 1",
                pod % 23,
                pod % 61,
                uid & 0xF_FFFF,
                uid >> 20 & 0xFFFF_FFFF
            );
        }
    }
    page
}
