//! Scraping: a due target becomes samples.
//!
//! [`prepare`] makes a [`ScrapeTarget`] of discovered labels. A [`Scraper`] holds the targets of
//! one component that this node owns: it is told by [`Command`]s which those are, fetches their
//! pages when they are due and hands [`model::Batch`]es to a bounded channel. It knows no cluster;
//! a target that comes from another node or goes to one brings or takes a [`model::Seal`].
//!
//! The shape of the hot path: a page is read line by line without copying ([`parse`]), beside what
//! is known of the page before. Where a line has the series that it had then, its labels come
//! out of a compressed block and need no further look, so that a page that was seen before
//! costs about a hundred nanoseconds a sample, and its series take some tens of bytes each while
//! nothing happens. `cargo bench -p metrics --bench page` measures both.
//!
//! ```
//! use std::sync::Arc;
//!
//! use metrics::{PageReader, ScrapeConfig};
//! use model::Labels;
//!
//! let config = Arc::new(ScrapeConfig::default());
//! let mut reader = PageReader::new(config, Labels::from_pairs([("job", "shop")]));
//! let batches = reader.read(b"orders_total 7\n", Some("text/plain"), 1_700_000_000_000)?;
//!
//! let sample = &batches[0].samples[0];
//! assert_eq!(sample.value, 7.0);
//! assert_eq!(
//!     batches[0].labels(sample.labels).to_string(),
//!     r#"{__name__="orders_total", job="shop"}"#,
//! );
//! # Ok::<(), metrics::ReadError>(())
//! ```

mod buffers;
mod clock;
mod command;
mod config;
mod failure_log;
mod fetch;
mod format;
mod native;
mod page;
pub mod parse;
mod reader;
mod report;
mod scrape;
mod scraper;
mod seal;
mod target;
mod telemetry;

pub use clock::Clock;
pub use command::{Command, FirstTick, Health, StopReason, Takeover, TargetStatus};
pub use config::{ConfigError, NameEscaping, Protocol, ScrapeConfig};
pub use fetch::{Fetch, FetchError, Fetched, MAX_BODY};
pub use reader::{PageReader, ReadError};
pub use scraper::Scraper;
pub use target::{ScrapeTarget, TargetError, prepare};
pub use telemetry::{Counter, Gauge, Telemetry};
