//! What a target's next owner needs to go on as if it had always been the owner.

use bytes::Bytes;

/// A collector's state for one target, to be carried to the next owner.
///
/// The payload is the collector's own business: for metrics the series of the last scrape, for
/// logs the exact position, for profiles the baseline of deltas. A receiver that does not know the
/// version goes on from the tick alone.
///
/// What a collector of any signal does, and all that it has to do:
///
/// - When it **stops** a target and a seal is wanted, it ends what is under way, hands what it has
///   collected to the durable queue, and only then answers with the seal: what is behind the seal is the
///   next owner's, what is before it is not lost. When it has nothing to say, it says so at once.
/// - When it **starts** a target with a seal, it resumes behind it. Without one it begins as with a
///   target that nobody collected before. Where the start says that another node may go on for a
///   while, what it collects until then goes into frames of its own.
/// - If a crash is to cost no more than a few seconds of position, it puts its seal into its
///   **checkpoints** whenever that has changed; its deputy starts from the last of them. Metrics do not
///   need it: a tick that nobody collected cannot be collected later.
///
/// Nobody on the way reads the payload. Its length is bounded: a longer one is left out, counted, and the
/// tick travels alone. To write it compactly is the collector's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Version of the payload's layout.
    pub version: u16,
    /// The last tick that was collected, in milliseconds since the Unix epoch; 0 when none was.
    pub last_tick: i64,
    /// What the collector wrote.
    pub payload: Bytes,
}
