//! Documents that a configuration takes values from: a file that is watched, a URL that is polled.

use std::time::Duration;

use crate::outlet::{Publisher, Subscription, channel};

mod file;
mod http;
#[cfg(test)]
mod tests;

pub use file::{Detector, FileConfig, FileDocument};
pub use http::{HttpConfig, HttpDocument};

/// A document larger than this is none that a configuration would hold.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// The two ends of a document: each change goes out at once.
pub fn content() -> (Publisher<client::Secret>, Subscription<client::Secret>) {
    channel(Duration::ZERO)
}
