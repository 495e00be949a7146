//! How the process speaks with a scraper: commands in, answers out.

use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Seal};
use tokio::sync::oneshot;

use crate::{Fetch, ScrapeConfig, ScrapeTarget};

/// What a scraper can be told. Commands are carried out in order.
#[derive(Debug)]
pub enum Command {
    /// Scrape this target from its next tick on. For a key that is already scraped the target is
    /// replaced and what is known of its series stays.
    Start {
        /// The place of the target in hashing; it decides the phase of the ticks.
        key: u64,
        /// What to scrape.
        target: Arc<ScrapeTarget>,
        /// What the last owner left.
        takeover: Takeover,
    },
    /// Scrape this target no more. A scrape that is under way is finished first: at most the
    /// timeout of the target. So is a tick that has come and whose scrape waits for others; and where
    /// a seal is wanted, one that is at hand, so that the next owner could miss it.
    Stop {
        /// The place of the target in hashing.
        key: u64,
        /// Decides whether its series have ended.
        reason: StopReason,
        /// Gets what the next owner needs, once the last sample is in the sink. Dropped for a key
        /// that is not scraped.
        seal: Option<oneshot::Sender<Seal>>,
    },
    /// Scrape by this configuration from the next tick on. What is known of the series stays.
    Reconfigure {
        /// The configuration.
        config: Arc<ScrapeConfig>,
        /// The client that speaks for it.
        fetch: Arc<dyn Fetch>,
    },
    /// Say how every target is.
    Targets(oneshot::Sender<Vec<TargetStatus>>),
}

/// What is known of a target that another node collected before.
#[derive(Debug, Clone, Default)]
pub struct Takeover {
    /// What that node left. The scraper goes on as if it had been the owner: it writes staleness
    /// for the series that do not come back, and makes up for a tick that fell into the move.
    pub seal: Option<Seal>,
    /// Whether that node may still be collecting it: for half a minute the samples are marked as
    /// possible doubles.
    pub overlap: bool,
    /// Its name.
    pub from: Option<Arc<str>>,
}

impl From<Option<Seal>> for Takeover {
    fn from(seal: Option<Seal>) -> Self {
        Self { seal, ..Self::default() }
    }
}

/// Hears of the first tick of each target that is collected after its start.
pub trait FirstTick: std::fmt::Debug + Send + Sync {
    /// The scrape for this tick, in milliseconds since the Unix epoch, is over, well or not.
    fn collected(&self, key: u64, tick: i64);
}

/// Why a target is scraped no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Another node has it now: its series go on, so no staleness.
    Moved,
    /// It does not exist any more: its series get staleness markers.
    Gone,
    /// This process ends: nobody knows yet what becomes of it, so no staleness.
    Shutdown,
}

/// How a target was, the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// The place of the target in hashing.
    pub key: u64,
    /// Its `job` label.
    pub job: String,
    /// What is requested.
    pub url: String,
    /// Whether the last scrape succeeded.
    pub health: Health,
    /// The labels of its series.
    pub labels: Labels,
    /// What was wrong with the last scrape; for a malformed page with line and column.
    pub last_error: Option<String>,
    /// When the last scrape began, in milliseconds since the Unix epoch.
    pub last_scrape: Option<i64>,
    /// How long it took.
    pub last_duration: Duration,
    /// Samples on its page.
    pub samples: usize,
}

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It was not scraped yet.
    #[default]
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
}

impl Health {
    /// As debug information says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}
