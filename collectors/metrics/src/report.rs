//! The series that a scrape writes about itself.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use model::{Batch, Family, Labels, MetricKind, STALE_NAN, Sample, encode_label};

use crate::ScrapeConfig;

#[cfg(test)]
mod tests;

/// What a scrape says about itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) up: bool,
    pub(crate) duration: Duration,
    pub(crate) samples: usize,
    pub(crate) series_added: usize,
    /// Bytes of the uncompressed body; `None` when it was longer than its limit.
    pub(crate) body: Option<usize>,
}

struct Series {
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    extra: bool,
    value: fn(&Report, &ScrapeConfig, Duration) -> f64,
}

const SERIES: [Series; 8] = [
    Series {
        name: "up",
        help: "1 if the target could be scraped, 0 if not.",
        unit: "",
        extra: false,
        value: |report, _, _| f64::from(u8::from(report.up)),
    },
    Series {
        name: "scrape_duration_seconds",
        help: "How long the scrape took.",
        unit: "seconds",
        extra: false,
        value: |report, _, _| report.duration.as_secs_f64(),
    },
    Series {
        name: "scrape_samples_scraped",
        help: "Samples on the page.",
        unit: "",
        extra: false,
        value: |report, _, _| report.samples as f64,
    },
    Series {
        name: "scrape_samples_post_metric_relabeling",
        help: "Samples that were left after relabelling.",
        unit: "",
        extra: false,
        value: |report, _, _| report.samples as f64,
    },
    Series {
        name: "scrape_series_added",
        help: "Series that the page before did not have.",
        unit: "",
        extra: false,
        value: |report, _, _| report.series_added as f64,
    },
    Series {
        name: "scrape_timeout_seconds",
        help: "How long the scrape might have taken.",
        unit: "seconds",
        extra: true,
        value: |_, _, timeout| timeout.as_secs_f64(),
    },
    Series {
        name: "scrape_sample_limit",
        help: "How many samples the page might have had; 0 if any number.",
        unit: "",
        extra: true,
        value: |_, config, _| config.sample_limit as f64,
    },
    Series {
        name: "scrape_body_size_bytes",
        help: "Size of the uncompressed page; -1 if it was past its limit.",
        unit: "bytes",
        extra: true,
        value: |report, _, _| report.body.map_or(-1.0, |bytes| bytes as f64),
    },
];

static FAMILIES: LazyLock<[Arc<Family>; SERIES.len()]> = LazyLock::new(|| {
    SERIES.map(|series| {
        Arc::new(Family {
            name: series.name.into(),
            kind: MetricKind::Gauge,
            help: series.help.into(),
            unit: series.unit.into(),
        })
    })
});

/// Appends the report; `None` ends its series.
pub(crate) fn write(
    batch: &mut Batch,
    labels: &Labels,
    report: Option<&Report>,
    config: &ScrapeConfig,
    timeout: Duration,
    timestamp: i64,
) {
    for (series, family) in SERIES.iter().zip(&*FAMILIES) {
        if series.extra && !config.extra_metrics {
            continue;
        }
        let span = if config.enable_type_and_unit_labels {
            let own = [("__name__", series.name), ("__type__", "gauge"), ("__unit__", series.unit)];
            batch.push_labels(Labels::from_pairs(labels.iter().chain(own)).borrowed())
        } else {
            batch.write_labels(|arena| write_named(arena, series.name, labels))
        };
        batch.families.push(family.clone());
        batch.samples.push(Sample {
            labels: span,
            family: u32::try_from(batch.families.len() - 1).unwrap_or(Sample::NO_FAMILY),
            timestamp,
            start_timestamp: 0,
            value: report.map_or(STALE_NAN, |report| (series.value)(report, config, timeout)),
        });
    }
}

/// Appends the labels with a name among them, where it belongs.
fn write_named(arena: &mut Vec<u8>, name: &str, labels: &Labels) {
    let mut rest = labels.iter().peekable();
    while let Some((name, value)) = rest.next_if(|(label, _)| *label < "__name__") {
        encode_label(arena, name, value);
    }
    encode_label(arena, "__name__", name);
    for (name, value) in rest {
        encode_label(arena, name, value);
    }
}
