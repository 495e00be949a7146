//! What a sample costs from batch to log: `cargo bench -p delivery`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use delivery::log::{HEADER, Log, NewFrame, Wanted};
use delivery::write::Writer;
use delivery::{EndpointConfig, LogConfig, Protocol, Telemetry};
use model::relabel::{Action, RuleConfig, Rules};
use model::{Batch, Family, Labels, MetricKind, Sample};

const SERIES: usize = 5_000;
const ROUNDS: usize = 101;

fn main() {
    let batch = page();
    let bytes = batch.arena.len() / SERIES;
    println!("{SERIES} series of {bytes} bytes of labels, median of {ROUNDS} rounds, ns/sample");

    let plain = endpoint(Protocol::V1);
    let external = EndpointConfig {
        external_labels: Labels::from_pairs([("cluster", "eu-1"), ("region", "eu")]),
        ..endpoint(Protocol::V1)
    };
    let rules = EndpointConfig { write_relabel: drop_some(), ..endpoint(Protocol::V1) };
    report("1.0: encode and snappy", seal(&plain, 1, &batch));
    report("1.0: the same, 8 shards", seal(&plain, 8, &batch));
    report("1.0: the same, external labels", seal(&external, 1, &batch));
    report("1.0: the same, rules that were seen before", seal(&rules, 1, &batch));
    report("2.0: encode and snappy", seal(&endpoint(Protocol::V2), 1, &batch));
    report("snappy alone, 1.0", snappy(&batch));
    report("append, and acknowledge", append(&batch));
    report("1.0: all of it", whole(&plain, &batch));
    report("2.0: all of it", whole(&endpoint(Protocol::V2), &batch));
}

fn report(what: &str, nanos: f64) {
    println!("{what:<45} {nanos:>8.1}");
}

fn endpoint(protocol: Protocol) -> EndpointConfig {
    let url = "http://127.0.0.1/".parse().expect("the URL is valid");
    EndpointConfig { protocol, ..EndpointConfig::new("bench", url) }
}

fn drop_some() -> Rules {
    let rule = RuleConfig {
        source_labels: vec!["__name__".into()],
        regex: "go_.*|process_.*".into(),
        action: Action::Drop,
        ..RuleConfig::default()
    };
    Rules::compile(vec![rule]).expect("the rule is valid")
}

/// A page as exporters of nodes write them: some families, some labels each.
fn page() -> Batch {
    let mut batch = Batch::default();
    for index in 0..SERIES {
        let family = index / 20;
        if index % 20 == 0 {
            batch.families.push(Arc::new(Family {
                name: format!("node_network_metric_{family}_total").into(),
                kind: MetricKind::Counter,
                help: format!("Help of the family with the number {family}.").into(),
                unit: "".into(),
            }));
        }
        let labels = Labels::from_pairs([
            ("__name__", format!("node_network_metric_{family}_total")),
            ("device", format!("eth{}", index % 20)),
            ("instance", "node-17.example.com:9100".to_owned()),
            ("job", "integrations/node_exporter".to_owned()),
            ("mode", ["idle", "user", "system", "iowait"][index % 4].to_owned()),
            ("namespace", "monitoring".to_owned()),
            ("pod", "node-exporter-x7k2p".to_owned()),
        ]);
        let labels = batch.push_labels(labels.borrowed());
        batch.samples.push(Sample {
            labels,
            family: family as u32,
            timestamp: 1_700_000_000_000,
            start_timestamp: 0,
            value: index as f64 * 1234.5678,
        });
    }
    batch
}

fn median(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            round();
            begun.elapsed().as_nanos() as f64 / SERIES as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn seal(config: &EndpointConfig, shards: usize, batch: &Batch) -> f64 {
    let mut writer = Writer::new(config, Arc::default());
    let mut sealed = Vec::new();
    writer.set_shards(shards, &mut sealed);
    median(|| {
        writer.write(batch, 0, &mut sealed);
        writer.seal(&mut sealed);
        black_box(&sealed);
        sealed.clear();
    })
}

fn snappy(batch: &Batch) -> f64 {
    let mut writer = Writer::new(&endpoint(Protocol::V1), Arc::default());
    let mut sealed = Vec::new();
    writer.write(batch, 0, &mut sealed);
    writer.seal(&mut sealed);
    let messages: Vec<Vec<u8>> = sealed
        .iter()
        .map(|frame| delivery::wire::decompress(&frame.bytes[HEADER..]).expect("it is snappy"))
        .collect();
    let mut out = vec![0; 4 << 20];
    let mut encoder = snap::raw::Encoder::new();
    median(|| {
        for message in &messages {
            let len = encoder.compress(message, &mut out).expect("it fits");
            black_box(len);
        }
    })
}

fn log() -> (tempfile::TempDir, Log) {
    let directory = tempfile::tempdir().expect("there is a place for files");
    let log = Log::open(directory.path(), LogConfig::default(), Arc::<Telemetry>::default());
    let mut log = log.expect("the directory is new");
    log.hold_at_most(10_000);
    (directory, log)
}

fn append_all(log: &mut Log, sealed: &mut Vec<NewFrame>) {
    for frame in sealed.drain(..) {
        log.append(frame, 0);
        let (meta, payload) =
            log.take(Wanted::ALL, 0).expect("it is in memory").expect("it was appended");
        black_box(payload);
        log.finish(&meta, 0);
    }
}

fn append(batch: &Batch) -> f64 {
    let mut writer = Writer::new(&endpoint(Protocol::V1), Arc::default());
    let mut sealed = Vec::new();
    writer.write(batch, 0, &mut sealed);
    writer.seal(&mut sealed);
    let (_directory, mut log) = log();
    let frames: Vec<Vec<NewFrame>> =
        (0..ROUNDS).map(|_| sealed.iter().map(copy).collect()).collect();
    let mut frames = frames.into_iter();
    median(|| append_all(&mut log, &mut frames.next().expect("there is one a round")))
}

fn copy(frame: &NewFrame) -> NewFrame {
    NewFrame { bytes: frame.bytes.clone(), origins: Vec::new(), ..*frame }
}

fn whole(config: &EndpointConfig, batch: &Batch) -> f64 {
    let mut writer = Writer::new(config, Arc::default());
    let (_directory, mut log) = log();
    let mut sealed = Vec::new();
    median(|| {
        writer.write(batch, 0, &mut sealed);
        append_all(&mut log, &mut sealed);
    })
}
