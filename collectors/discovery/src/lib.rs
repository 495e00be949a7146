//! Where targets come from: files, HTTP and DNS; documents that are watched or polled; and names as this
//! host resolves them.
//!
//! Each source is made from its settings, which finds their mistakes, and then run as a task until
//! it is told to stop. What it finds it publishes whole: a subscriber sees a snapshot, never a
//! difference. Before the first answer there is no snapshot at all, so "nothing" always means that
//! the source was asked and has nothing.
//!
//! ```
//! use std::time::Duration;
//!
//! use discovery::file::{Config, FileDiscovery};
//!
//! let config = Config {
//!     files: vec!["targets/*.json".to_owned()],
//!     refresh_interval: Duration::from_secs(300),
//! };
//! let source = FileDiscovery::new(&config)?;
//! let (publisher, subscription) = discovery::targets();
//! assert!(subscription.exports.borrow().is_none());
//! // On the task set of the component: `source.run(publisher, stop)`.
//! # drop((source, publisher));
//! # Ok::<(), discovery::ConfigError>(())
//! ```

pub mod dns;
pub mod document;
pub mod file;
mod group;
pub mod http;
mod outlet;
pub mod resolver;
#[cfg(test)]
mod testing;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use model::Labels;

pub use outlet::{EXPORT_INTERVAL, Health, Publisher, Status, Subscription, channel};
pub use watcher::{Hints, directory_of};

/// What a discovery exports: the labels of each target, `__address__` and `__meta_*` among them.
pub type Targets = Arc<[Labels]>;

/// The two ends of a discovery: a snapshot goes out at once when it changed, and then not again for
/// [`EXPORT_INTERVAL`].
pub fn targets() -> (Publisher<Targets>, Subscription<Targets>) {
    channel(EXPORT_INTERVAL)
}

/// Settings that no source can be made of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A path is not one that target files can have.
    #[error("{path:?} cannot be watched for targets: {reason}")]
    Path {
        /// As it is written.
        path: String,
        /// What to change.
        reason: &'static str,
    },
    /// Nothing to ask for.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// An interval of zero would ask without a pause.
    #[error("{0} must be greater than 0")]
    ZeroInterval(&'static str),
    /// A poll that may last longer than the pause between two.
    #[error("poll_timeout must be less than poll_frequency")]
    TimeoutTooLong,
    /// The URL cannot be requested. It may hold a password, so it is not shown.
    #[error("url is not an absolute http or https URL")]
    Url,
    /// Not a method of HTTP.
    #[error("{0:?} is not a method of HTTP")]
    Method(String),
    /// HTTP cannot carry it.
    #[error("the header {0:?} or its value cannot be sent")]
    Header(String),
    /// The kind of record says nothing about a port.
    #[error("records of type {0} need port to be set")]
    PortMissing(&'static str),
    /// Not a name that DNS knows.
    #[error("{0:?} is not a DNS name")]
    Name(String),
}

fn at_least(interval: Duration, name: &'static str) -> Result<(), ConfigError> {
    if interval.is_zero() { Err(ConfigError::ZeroInterval(name)) } else { Ok(()) }
}
