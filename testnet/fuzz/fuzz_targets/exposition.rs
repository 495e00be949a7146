//! Pages of every format: no page may harm the reader, and what is known of the page before may
//! change no sample.
//!
//! The first byte selects the format; a zero byte ends the first page.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use metrics::{PageReader, ScrapeConfig};
use model::{Batch, Labels};

const FORMATS: [&str; 3] = [
    "text/plain",
    "application/openmetrics-text",
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
];

fuzz_target!(|data: &[u8]| {
    let [selector, pages @ ..] = data else { return };
    let format = FORMATS[usize::from(selector % 3)];
    let config = Arc::new(ScrapeConfig {
        scrape_native_histograms: selector & 4 != 0,
        scrape_classic_histograms: selector & 8 != 0,
        convert_classic_histograms_to_nhcb: selector & 16 != 0,
        honor_labels: selector & 32 != 0,
        honor_timestamps: selector & 64 != 0,
        start_timestamp_zero_ingestion: selector & 128 != 0,
        ..ScrapeConfig::default()
    });
    let labels = Labels::from_pairs([("instance", "i"), ("job", "j")]);
    let mut knowing = PageReader::new(config.clone(), labels.clone());
    let split = pages.iter().position(|byte| *byte == 0).unwrap_or(pages.len());
    let (first, second) = pages.split_at(split);
    for (at, page) in [first, second, second, first].into_iter().enumerate() {
        let mut fresh = PageReader::new(config.clone(), labels.clone());
        let one = knowing.read(page, Some(format), 1_000 + at as i64);
        let other = fresh.read(page, Some(format), 1_000 + at as i64);
        assert_eq!(
            one.as_ref().map(|batches| samples(batches)).ok(),
            other.as_ref().map(|batches| samples(batches)).ok(),
        );
    }
});

fn samples(batches: &[Batch]) -> Vec<(String, u64, i64)> {
    batches
        .iter()
        .flat_map(|batch| {
            batch.samples.iter().filter(|sample| !model::is_stale(sample.value)).map(|sample| {
                let labels = batch.labels(sample.labels).to_string();
                (labels, sample.value.to_bits(), sample.timestamp)
            })
        })
        .collect()
}
