//! What relabelling costs: `cargo bench -p model`. Prints nanoseconds per label set, the best of
//! 25 rounds: what is more than that is the machine's.

use std::hint::black_box;
use std::time::Instant;

use model::Labels;
use model::relabel::{Action, RuleConfig, Rules, Scratch};

const ROUNDS: usize = 25;
const REPEAT: usize = 20_000;

fn rule(action: Action, source: &str, regex: &str, target: &str, replacement: &str) -> RuleConfig {
    RuleConfig {
        source_labels: source.split_whitespace().map(str::to_owned).collect(),
        regex: regex.to_owned(),
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        action,
        ..RuleConfig::default()
    }
}

#[expect(clippy::print_stdout, reason = "figures are what a bench is for")]
fn measure(name: &str, rules: Vec<RuleConfig>, labels: &Labels) {
    let rules = Rules::compile(rules).expect("the rules of the bench are valid");
    let mut scratch = Scratch::default();
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..REPEAT {
                black_box(rules.apply(black_box(labels.borrowed()), &mut scratch));
            }
            start.elapsed().as_nanos() / REPEAT as u128
        })
        .min()
        .unwrap_or(0);
    println!("{name:<44} {best:>6} ns");
}

fn main() {
    use Action::{Drop, LabelDrop, LabelMap, Replace};
    let sample = Labels::from_pairs([
        ("__name__", "node_network_receive_bytes_total"),
        ("cluster", "eu-1"),
        ("device", "eth0"),
        ("instance", "10.0.0.1:9100"),
        ("job", "node"),
        ("namespace", "monitoring"),
        ("pod", "node-exporter-x7k2p"),
    ]);
    measure("drop, one name", vec![rule(Drop, "__name__", "go_goroutines", "", "$1")], &sample);
    measure("drop, three names", vec![rule(Drop, "__name__", "up|go_info|x", "", "$1")], &sample);
    measure("drop, a prefix", vec![rule(Drop, "__name__", "go_.*", "", "$1")], &sample);
    let either = "(go|process)_.*|promhttp_.+";
    measure(
        "drop, prefixes by the engine",
        vec![rule(Drop, "__name__", either, "", "$1")],
        &sample,
    );
    measure("replace, a constant", vec![rule(Replace, "", "(.*)", "zone", "a")], &sample);
    measure("replace, the default", vec![rule(Replace, "pod", "(.*)", "name", "$1")], &sample);
    let host = vec![rule(Replace, "instance", "([^:]+):.*", "host", "$1")];
    measure("replace, groups by the engine", host, &sample);
    measure("labeldrop, a prefix", vec![rule(LabelDrop, "", "pod.*", "", "$1")], &sample);

    let meta: Vec<(String, String)> = (0..60)
        .map(|n| (format!("__meta_kubernetes_pod_label_{n}"), format!("value-{n}")))
        .chain([("__address__".to_owned(), "10.0.0.1:9100".to_owned())])
        .collect();
    let target = Labels::from_pairs(meta);
    let map = "__meta_kubernetes_pod_label_(.+)";
    measure("labelmap of 60 labels", vec![rule(LabelMap, "", map, "", "$1_l")], &target);
    let map = vec![rule(LabelMap, "", map, "", "l_$1")];
    measure("labelmap of 60 labels, all of them kept", map, &target);
}
