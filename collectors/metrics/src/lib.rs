//! Scraping: a due target becomes samples.

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
pub use command::{Command, Health, StopReason, TargetStatus};
pub use config::{ConfigError, NameEscaping, Protocol, ScrapeConfig};
pub use fetch::{Fetch, FetchError, Fetched, MAX_BODY};
pub use reader::{PageReader, ReadError};
pub use scraper::Scraper;
pub use target::{ScrapeTarget, TargetError, prepare};
pub use telemetry::{Counter, Gauge, Telemetry};
