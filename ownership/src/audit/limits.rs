//! Every rhythm and bound of the audit, with its reason.

use std::time::Duration;

/// How often a peer is asked. A target that nobody collects is found within this and taken over after
/// [`PATIENCE`]: with intervals of 15 s that is about one tick.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// The least time between two peers asked, so that the audit of a large cluster costs each node no
/// more than that of a small one: 100 nodes are through in 20 s.
const PACE: Duration = Duration::from_millis(200);

/// From this many peers on the pace slackens with the root of their number: 1,000 take eleven minutes,
/// and not three, for a third of the requests. A node that asked everybody five times a second would
/// spend more on the audit than on gossip.
const MANY: usize = 100;

/// The least time between two of so many peers asked.
pub(super) fn pace(peers: usize) -> Duration {
    PACE.mul_f64((peers.max(MANY) as f64 / MANY as f64).sqrt())
}

/// How long after a change of what this node knows peers are asked at the latest, as far as the pace
/// allows: others find the same change in their discovery, some of them later.
pub(super) const HURRY: Duration = Duration::from_secs(1);

/// How long a difference must last before this node acts on it. Discovery finds a target on all nodes
/// within a few seconds when it watches for changes; two looks must agree, and less than [`INTERVAL`]
/// sees to it that the second one counts.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// The same for a key that its owner knows and yet does not collect: then the two disagree about who
/// takes part, which membership settles within this.
pub(super) const IDLE_PATIENCE: Duration = Duration::from_secs(30);

/// The same for a target that its owner knew and lost: most likely it is gone, and this node has yet
/// to find out. The slowest discovery that is usual refreshes every minute.
pub(super) const DROPPED_PATIENCE: Duration = Duration::from_secs(120);

/// How long it is remembered that a target was dropped: longer than anybody waits for it.
pub(super) const DROPPED_FOR: Duration = Duration::from_secs(300);

/// Dropped targets that are remembered: 2 MiB.
pub(super) const DROPPED_KEYS: usize = 65_536;

/// Differences that are kept of one peer; of more it is only known that there are more. A cluster
/// whose nodes run different configurations has them by the thousands.
pub(super) const DIFFERENCES: usize = 16_384;

/// Keys in one answer: 300 kB. What is left is asked for next.
pub(super) const KEYS_PER_ANSWER: usize = 16_384;

/// Components in one answer; a configuration of more is audited in part.
pub(super) const COMPONENTS: usize = 1024;

/// The longest question in bytes: the name of a component, and its buckets.
pub const QUESTION_MAX: usize = 16 << 10;

/// The longest answer in bytes.
pub const ANSWER_MAX: usize = 1 << 20;

/// How long an answer may take. It needs one look at every key of a component.
pub const AUDIT_TIMEOUT: Duration = Duration::from_secs(4);

/// Exchanges of which the clock of a peer is estimated at most: the quickest of them counts.
pub(super) const CLOCK_SAMPLES: usize = 12;

/// For how long an exchange says something about the clock of a peer beside later ones: clocks of crystal drift
/// by less than 10 ms in it, and one that was set is seen to be. A node that has many peers asks each of
/// them less often than that, and goes by the last exchange.
pub(super) const CLOCK_AGE: Duration = Duration::from_mins(1);
