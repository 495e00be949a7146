//! What a `prometheus.scrape` tells of itself.

use std::sync::Arc;

use metrics::{Counter, Gauge, Telemetry};

use super::pressure::Counted;
use crate::telemetry::Exposition;

/// Counts of one component.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Those of the scraper.
    pub scraper: Arc<Telemetry>,
    /// Targets that went to another node.
    pub moved: Counter,
    /// Targets that this node collects.
    pub owned: Gauge,
    /// Targets that cannot be scraped.
    pub broken: Gauge,
    /// Targets that are the same as another.
    pub doubles: Gauge,
    /// Whether this node does not keep up: 1 or 0.
    pub overloaded: Gauge,
}

impl Counts {
    /// What tells whether this node keeps up.
    pub(super) fn pressure(&self) -> Counted {
        Counted {
            overdue: self.scraper.ticks_overdue.value(),
            held: self.scraper.ticks_held.value(),
            scrapes: self.scraper.scrapes.value() + self.scraper.scrapes_failed.value(),
        }
    }

    pub(super) fn collect(&self, page: &mut Exposition) {
        page.gauge(
            "prometheus_scrape_targets_gauge",
            "Targets that this node scrapes.",
            &[],
            self.owned.value() as f64,
        );
        page.counter(
            "prometheus_scrape_targets_moved_total",
            "Targets that went to another node.",
            &[],
            self.moved.value() as f64,
        );
        let gauges = [
            ("shoal_scrape_targets_dropped", "Targets that cannot be scraped.", &self.broken),
            ("shoal_scrape_targets_duplicate", "Targets the same as another.", &self.doubles),
            (
                "shoal_scrape_overloaded",
                "Whether this node does not keep up with its targets; 1 is worth an alert.",
                &self.overloaded,
            ),
            ("shoal_scrape_series", "Series that are known.", &self.scraper.series),
            (
                "shoal_scrape_series_bytes",
                "Bytes of what is known of series.",
                &self.scraper.series_bytes,
            ),
            (
                "prometheus_target_scrape_pool_targets",
                "Targets that are scraped.",
                &self.scraper.targets,
            ),
        ];
        for (name, help, gauge) in gauges {
            page.gauge(name, help, &[], gauge.value() as f64);
        }
        for (name, help, counter) in self.counters() {
            page.counter(name, help, &[], counter.value() as f64);
        }
    }

    fn counters(&self) -> [(&'static str, &'static str, &Counter); 22] {
        let scraper = &self.scraper;
        [
            ("shoal_scrapes_total", "Scrapes that succeeded.", &scraper.scrapes),
            ("shoal_scrapes_failed_total", "Scrapes that failed.", &scraper.scrapes_failed),
            (
                "shoal_scrape_ticks_missed_total",
                "Ticks that passed while the scrape before was under way, whatever it waited for.",
                &scraper.ticks_missed,
            ),
            (
                "shoal_scrape_ticks_missed_in_moves_total",
                "Ticks between two owners that neither collected.",
                &scraper.ticks_missed_in_moves,
            ),
            (
                "shoal_scrape_ticks_overdue_total",
                "Ticks that this node began later than a tenth of the interval, or not at all, \
                 whatever its targets did.",
                &scraper.ticks_overdue,
            ),
            (
                "shoal_scrape_ticks_held_total",
                "Overdue ticks that passed while the destination did not take the samples before.",
                &scraper.ticks_held,
            ),
            (
                "shoal_scrape_ticks_late_total",
                "Scrapes that carry their own time.",
                &scraper.ticks_late,
            ),
            ("shoal_scrape_samples_total", "Samples scraped.", &scraper.samples),
            (
                "shoal_scrape_stale_markers_total",
                "Staleness markers written.",
                &scraper.stale_markers,
            ),
            (
                "shoal_scrape_exemplars_total",
                "Exemplars scraped that the page before had not.",
                &scraper.exemplars,
            ),
            ("shoal_scrape_body_bytes_total", "Bytes of pages.", &scraper.body_bytes),
            (
                "shoal_scrape_malformed_pages_total",
                "Pages that could not be read.",
                &scraper.malformed_pages,
            ),
            (
                "shoal_scrape_pages_unchanged_total",
                "Pages with the series of the one before.",
                &scraper.pages_unchanged,
            ),
            (
                "shoal_scrape_seals_without_series_total",
                "Seals too large for their series.",
                &scraper.seals_without_series,
            ),
            (
                "shoal_scrape_failure_log_lost_total",
                "Lines the failure log did not take.",
                &scraper.failure_log_lost,
            ),
            (
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Samples left out because the page had the series twice.",
                &scraper.duplicates,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Samples left out because they are from the future.",
                &scraper.out_of_bounds,
            ),
            (
                "prometheus_target_scrapes_exceeded_sample_limit_total",
                "Scrapes failed by the sample limit.",
                &scraper.exceeded_sample_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_body_size_limit_total",
                "Scrapes failed by the body size limit.",
                &scraper.exceeded_body_size_limit,
            ),
            (
                "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                "Scrapes failed by the limit of buckets.",
                &scraper.exceeded_bucket_limit,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_label_limits_total",
                "Scrapes failed by a label limit.",
                &scraper.exceeded_label_limits,
            ),
            (
                "prometheus_target_scrape_pool_exceeded_target_limit_total",
                "Scrapes failed by the target limit.",
                &scraper.exceeded_target_limit,
            ),
        ]
    }
}
