//! Scraping: a due target becomes samples.

mod command;
mod config;
mod fetch;
mod format;
mod native;
mod page;
pub mod parse;
mod reader;
mod target;
mod telemetry;

pub use command::{Command, Health, StopReason, TargetStatus};
pub use config::{ConfigError, NameEscaping, Protocol, ScrapeConfig};
pub use fetch::{Fetch, FetchError, Fetched, MAX_BODY};
pub use reader::{PageReader, ReadError};
pub use target::{ScrapeTarget, TargetError, prepare};
pub use telemetry::{Counter, Gauge, Telemetry};
