//! The pages of a fleet, ready to be sent.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::watch;

use super::Config;
use super::page::{self, Shape};

/// How many pages take turns. Counters grow from one to the next and begin anew after the last,
/// as if the target had been restarted.
const VARIANTS: u64 = 8;

/// Pages that take turns from scrape to scrape.
#[derive(Debug)]
pub struct Pages {
    variants: Vec<Page>,
}

/// One page, as it is and compressed.
#[derive(Debug, Clone)]
pub struct Page {
    /// The text.
    pub plain: Bytes,
    /// The same in gzip; none when the fleet does not compress.
    pub gzip: Option<Bytes>,
}

impl Pages {
    /// Renders all variants of a generation: each generation has other labels on churning series.
    pub(super) fn render(config: &Config, generation: u64) -> Self {
        let variants = (0..VARIANTS)
            .map(|variant| {
                let text = page::render(Shape {
                    series: config.series,
                    churning: config.churning,
                    generation,
                    variant,
                });
                let gzip = config.gzip.then(|| compress(text.as_bytes()));
                Page { plain: text.into(), gzip }
            })
            .collect();
        Self { variants }
    }

    /// The page for the n-th scrape of a target.
    pub fn nth(&self, scrape: u64) -> &Page {
        let index = usize::try_from(scrape % VARIANTS).expect("there are few variants");
        &self.variants[index]
    }
}

fn compress(text: &[u8]) -> Bytes {
    // The level that real exporters use.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory takes all that is written");
    encoder.finish().expect("memory takes all that is written").into()
}

/// Publishes a new generation of pages again and again, for ever.
pub(super) async fn churn(config: Config, publish: watch::Sender<Arc<Pages>>) {
    let mut rhythm = tokio::time::interval(config.churn_every);
    rhythm.tick().await;
    for generation in 1.. {
        rhythm.tick().await;
        let config = config.clone();
        let rendered = tokio::task::spawn_blocking(move || Pages::render(&config, generation));
        match rendered.await {
            Ok(pages) => publish.send_replace(Arc::new(pages)),
            // The runtime is going away.
            Err(_) => return,
        };
    }
}
