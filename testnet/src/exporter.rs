//! Synthetic targets: thousands of them on one listener.
//!
//! Each target has an address of its own (`127.1.x.y`, one port for all), and all of them serve
//! the same few pages, rendered and compressed beforehand. Serving a scrape is copying a page into
//! a socket, so that what is measured beside it is the scraper.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod page;
mod pages;
mod serve;
#[cfg(test)]
mod tests;

pub use pages::Pages;

/// The most targets of one fleet: one for each address in `127.1.0.0/16`, with room to spare.
pub const MAX_TARGETS: usize = 60_000;

/// What the targets of a fleet look like.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many targets there are; at most [`MAX_TARGETS`].
    pub targets: usize,
    /// How many of them the discovery URL announces at first.
    pub announced: usize,
    /// Series on each page.
    pub series: usize,
    /// How many of those get new labels every [`Config::churn_every`].
    pub churning: usize,
    /// How often series come and go.
    pub churn_every: Duration,
    /// Whether pages are compressed for scrapers that accept it.
    pub gzip: bool,
    /// How long a target with [`Fault::Slow`] thinks before it answers.
    pub slow: Duration,
    /// Whether each page ends with [`SCRAPES`], which makes it a page of its own, and plain.
    pub counted: bool,
    /// The first two octets of every target's address.
    pub network: [u8; 2],
}

/// A counter of how often a target was asked, this time included.
pub const SCRAPES: &str = "testnet_scrapes_total";

impl Default for Config {
    fn default() -> Self {
        Self {
            targets: 1,
            announced: usize::MAX,
            series: 500,
            churning: 0,
            churn_every: Duration::from_secs(60),
            gzip: true,
            slow: Duration::from_secs(20),
            counted: false,
            network: [127, 1],
        }
    }
}

/// How a target misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// Not at all.
    None = 0,
    /// It answers after a long time.
    Slow = 1,
    /// It answers 500.
    Error = 2,
    /// Its page breaks off in the middle of a line.
    Malformed = 3,
}

/// Running targets. They stop with the token they were started under.
#[derive(Debug, Clone)]
pub struct Fleet {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    port: u16,
    slow: Duration,
    counted: bool,
    network: [u8; 2],
    pages: watch::Receiver<Arc<Pages>>,
    announced: AtomicU64,
    targets: Vec<Target>,
    /// Whether there are so many connections that none is kept.
    crowded: AtomicBool,
}

#[derive(Debug, Default)]
struct Target {
    fault: AtomicU8,
    scrapes: AtomicU64,
    /// When the last scrapes began, in microseconds since the Unix epoch; one after the other, from the
    /// beginning again and again.
    asked: [AtomicI64; SCRAPES_KEPT],
}

/// Scrapes of each target of which is known when they were.
const SCRAPES_KEPT: usize = 16;

impl Target {
    /// Notes a scrape. Returns how many there were before.
    fn ask(&self) -> u64 {
        let before = self.scrapes.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        self.asked[before as usize % SCRAPES_KEPT].store(now, Ordering::Relaxed);
        before
    }
}

impl Fleet {
    /// Renders the pages and starts to listen.
    ///
    /// # Errors
    ///
    /// When there are too many targets, or no port is free.
    pub async fn start(
        config: Config,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            config.targets <= MAX_TARGETS,
            "a fleet has at most {MAX_TARGETS} targets, not {}",
            config.targets
        );
        // Any address of 127/8 arrives here; what does not is refused by `serve`.
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await;
        let listener = listener.context("synthetic targets need a free port")?;
        let port = listener.local_addr()?.port();
        let (publish, pages) = watch::channel(Arc::new(Pages::render(&config, 0)));
        let mut targets = Vec::new();
        targets.resize_with(config.targets, Target::default);
        let shared = Arc::new(Shared {
            port,
            slow: config.slow,
            counted: config.counted,
            network: config.network,
            pages,
            announced: AtomicU64::new(config.announced.min(config.targets) as u64),
            targets,
            crowded: AtomicBool::new(false),
        });
        if config.churning > 0 {
            tasks.spawn(cancel.clone().run_until_cancelled_owned(pages::churn(config, publish)));
        }
        tasks.spawn(serve::listen(listener, Arc::clone(&shared), cancel.clone()));
        Ok(Self { shared })
    }

    /// Number of targets.
    pub fn len(&self) -> usize {
        self.shared.targets.len()
    }

    /// Whether there is no target at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a target listens; also its `instance`.
    ///
    /// # Panics
    ///
    /// When there is no such target.
    pub fn address(&self, target: usize) -> SocketAddr {
        assert!(target < self.len(), "target {target} of {}", self.len());
        SocketAddr::from((address(self.shared.network, target), self.shared.port))
    }

    /// A URL for `discovery.http`, which lists the announced targets.
    pub fn discovery_url(&self) -> String {
        let [first, second] = self.shared.network;
        format!("http://{first}.{second}.0.1:{}/targets", self.shared.port)
    }

    /// Changes how many targets the discovery URL lists.
    pub fn announce(&self, targets: usize) {
        let targets = targets.min(self.len()) as u64;
        self.shared.announced.store(targets, Ordering::Relaxed);
    }

    /// Lets a target misbehave from the next scrape on.
    ///
    /// # Panics
    ///
    /// When there is no such target.
    pub fn set_fault(&self, target: usize, fault: Fault) {
        self.shared.targets[target].fault.store(fault as u8, Ordering::Relaxed);
    }

    /// How often a target has been asked.
    ///
    /// # Panics
    ///
    /// When there is no such target.
    pub fn scrapes(&self, target: usize) -> u64 {
        self.shared.targets[target].scrapes.load(Ordering::Relaxed)
    }

    /// When a target was asked the last times, in microseconds since the Unix epoch, oldest first.
    ///
    /// # Panics
    ///
    /// When there is no such target.
    pub fn asked(&self, target: usize) -> Vec<i64> {
        let asked = self.shared.targets[target].asked.iter();
        let mut asked: Vec<i64> = asked.map(|at| at.load(Ordering::Relaxed)).collect();
        asked.retain(|at| *at != 0);
        asked.sort_unstable();
        asked
    }

    /// The pages as they are now.
    pub fn pages(&self) -> Arc<Pages> {
        Arc::clone(&self.shared.pages.borrow())
    }
}

/// Targets per last octet, so that no address ends in 0 or 255.
const PER_OCTET: usize = 250;

fn address([first, second]: [u8; 2], target: usize) -> Ipv4Addr {
    let octet = |n: usize| u8::try_from(n).expect("there are at most MAX_TARGETS targets");
    Ipv4Addr::new(first, second, octet(target / PER_OCTET), octet(target % PER_OCTET + 1))
}

/// The target that an address belongs to, if it is one.
fn target_at(network: [u8; 2], address: Ipv4Addr) -> Option<usize> {
    match address.octets() {
        [first, second, high, low] if [first, second] == network && low > 0 => {
            Some(usize::from(high) * PER_OCTET + usize::from(low) - 1)
        }
        _ => None,
    }
}
