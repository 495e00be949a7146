//! What a target's next owner needs to go on as if it had always been the owner.

use bytes::Bytes;

/// A collector's state for one target, to be carried to the next owner.
///
/// The payload is the collector's own business: for metrics the series of the last scrape, for
/// logs the exact position, for profiles the baseline of deltas. A receiver that does not know the
/// version goes on from the tick alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Version of the payload's layout.
    pub version: u16,
    /// The last tick that was collected, in milliseconds since the Unix epoch; 0 when none was.
    pub last_tick: i64,
    /// What the collector wrote.
    pub payload: Bytes,
}
