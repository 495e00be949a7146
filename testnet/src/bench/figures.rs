//! What was measured.

use std::fmt;

use serde::Serialize;

use super::contender::Contender;
use super::measure::Load;

/// The figures of one program under one load.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    pub(super) program: Contender,
    pub(super) load: Load,
    /// Samples that arrived at the sink while it was measured.
    pub(super) samples: u64,
    /// Processor seconds used meanwhile.
    pub(super) cpu_seconds: f64,
    /// Bytes of request bodies meanwhile, compressed.
    pub(super) sent_bytes: u64,
    /// Resident bytes, the most that was seen.
    pub(super) resident: u64,
    /// Series that are alive at a time, those about the scrape included.
    pub(super) active_series: u64,
}

impl Figures {
    /// Processor seconds for a million samples scraped and shipped.
    pub(super) fn cpu_per_million(&self) -> f64 {
        self.cpu_seconds / (self.samples as f64 / 1e6)
    }

    /// Resident bytes for each series that is alive.
    pub(super) fn bytes_per_series(&self) -> f64 {
        self.resident as f64 / self.active_series as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<12} {:<12} {:>7.3} CPU s per million samples, {:>7.0} resident bytes per series \
             ({:.1} million samples, {:.1} MiB resident, {:.2} bytes sent per sample)",
            self.load.to_string(),
            self.program.name(),
            self.cpu_per_million(),
            self.bytes_per_series(),
            self.samples as f64 / 1e6,
            self.resident as f64 / f64::from(1 << 20),
            self.sent_bytes as f64 / self.samples as f64,
        )
    }
}

/// Shoal's figures over those of the others, a line each.
pub(super) fn ratios(figures: &[Figures]) -> String {
    let Some(shoal) = figures.iter().find(|figures| figures.program == Contender::Shoal) else {
        return String::new();
    };
    let others = figures.iter().filter(|figures| figures.program != Contender::Shoal);
    let lines = others.map(|other| {
        format!(
            "{:<12} shoal / {:<12} CPU {:.2}, memory {:.2}\n",
            shoal.load.to_string(),
            other.program.name(),
            shoal.cpu_per_million() / other.cpu_per_million(),
            shoal.bytes_per_series() / other.bytes_per_series(),
        )
    });
    lines.collect()
}
