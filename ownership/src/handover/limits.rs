//! Every timeout and bound of the handover, with its reason.

use std::time::Duration;

/// How long a claimant waits for a sign of life about a key before it collects without a seal. A
/// claim is one round trip: what takes two seconds is a process that is stuck or gone, and the tick
/// that is lost while waiting costs more than an overlap.
pub const CLAIM_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause before a claim that could not be delivered is tried again. A connection that is
/// refused comes back at once; eight attempts fit into [`CLAIM_TIMEOUT`].
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The pause before a key is asked for again that the other node still seals. The one asked holds
/// the question for [`HOLD`], so this only keeps an empty loop from spinning.
pub(super) const SOON_PAUSE: Duration = Duration::from_millis(20);

/// The pause before a key is asked for again that another node keeps because it ranks higher. News of
/// that node, or of its death, is on its way and takes about this long.
pub(super) const KEEP_PAUSE: Duration = Duration::from_secs(1);

/// The pause before a key is asked for again that was given to a node this one has not heard of. With
/// as many attempts as [`FOLLOWS`] it waits longer than news takes.
pub(super) const NEWS_PAUSE: Duration = Duration::from_millis(100);

/// The pause before a key is asked for again that is on its way from one node to another.
pub(super) const WAY_PAUSE: Duration = Duration::from_millis(50);

/// How long an answer waits for seals. Most come within milliseconds; those of targets whose scrape
/// is under way are asked for again.
pub(super) const HOLD: Duration = Duration::from_millis(200);

/// How long a collector may take to stop and seal a target: a scrape that is under way is finished
/// first, and that takes up to its timeout, 10 s unless configured otherwise. After that the target
/// counts as stopped without a seal. Where a scrape may take longer, this is five seconds more than that;
/// no tick is lost meanwhile, since no scrape may take longer than its interval.
pub const SEAL_TIMEOUT: Duration = Duration::from_secs(15);

/// What it takes to stop and seal a target besides the scrape that is under way.
pub(super) const SEAL_MARGIN: Duration = Duration::from_secs(5);

/// How long a claimant follows a node that says "soon": a node that seals for longer than it may is
/// broken. Where scrapes may take long it is [`SEAL_MARGIN`] more than sealing may take.
pub(super) const SOON_LIMIT: Duration = Duration::from_secs(20);

/// How long a key that moved away may go unclaimed before it is offered to its owner. A claim comes
/// within a round trip of the news, which takes less than this to get around.
pub(super) const OFFER_AFTER: Duration = Duration::from_millis(500);

/// How long one that has asked [`FOLLOWS`] nodes in vain waits for an offer: whoever collects the key hears of
/// the move within a second at most, mostly at the same moment, and offers it after [`OFFER_AFTER`].
pub(super) const OFFERED_WITHIN: Duration = Duration::from_millis(1500);

/// The pause between offers of a key, of which a quarter is jitter that depends on the two nodes.
pub(super) const OFFER_EVERY: Duration = Duration::from_secs(2);

/// The pause between offers of a key whose owner does not know its target: its discovery is behind,
/// or its configuration differs.
pub(super) const OFFER_UNKNOWN: Duration = Duration::from_secs(10);

/// The pause before a key that was given to a node this one has not heard of is claimed back. Within
/// it the news of that node arrives, if it lives.
pub(super) const CLAIM_BACK: Duration = Duration::from_secs(3);

/// How many nodes are asked for a key, one after the other. Where many join or leave at once, a key is
/// with the first in its ranking that is not one of them: of three nodes that become a hundred, every
/// third key is further down than this, if nobody says where it is; what has been here for a while does.
pub(super) const FOLLOWS: u8 = 16;

/// For how long a node remembers who offered it a key that it does not know: offers are repeated after
/// [`OFFER_UNKNOWN`].
pub(super) const OFFERED_FOR: Duration = Duration::from_secs(15);

/// For how long a node that begins to own keys does not take it for granted that it would know who
/// collects one: its own claims take some round trips, and its discovery some seconds. For as long
/// one that leaves waits for a new owner that does not know a target.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(10);

/// The most keys in one request.
pub const BATCH_KEYS: usize = 512;

/// Requests under way to one node. The seals of these are the most memory that an answer takes on
/// either side.
pub(super) const REQUESTS_PER_PEER: usize = 4;

/// Questions of other nodes that wait for seals at one time. One more is refused, and asked again.
pub const QUESTIONS_WAITING: usize = 256;

/// Bytes of seals in one answer. It is a little more when the last seal is large; what is left out is
/// asked for again.
pub(super) const SEALS_PER_ANSWER: usize = 1 << 20;

/// The longest seal in bytes: a longer one is cut down to its tick.
pub const SEAL_MAX: usize = 8 << 20;

/// The longest question in bytes: keys, and the names of their components.
pub const QUESTION_MAX: usize = 1 << 20;

/// The longest answer in bytes.
pub const ANSWER_MAX: usize = SEALS_PER_ANSWER + SEAL_MAX + (1 << 20);

/// How long it is remembered who was given a key, and its seal is kept for a claimant that did not
/// get the answer.
pub(super) const GIVEN_FOR: Duration = Duration::from_secs(60);

/// Keys of which that is remembered at most, and as many of which it is that they were let go of or offered.
pub(super) const GIVEN_KEYS: usize = 65_536;

/// Bytes of seals that are kept for it.
pub(super) const GIVEN_BYTES: usize = 64 << 20;

/// How long a node that leaves waits for a claimant that was told to ask again: it does so after
/// [`SOON_PAUSE`], unless it is gone or needs the key no more.
pub(super) const FETCHED_WITHIN: Duration = CLAIM_TIMEOUT;

/// How long a seal may be under way to the node that it was given to. It waits for others of its batch for
/// [`LINGER`], and the round trip of a busy node takes some tenths of a second at most.
pub(super) const TRAVELS: Duration = Duration::from_millis(500);

/// How long an answer waits for further seals once it has one: a target that has stopped must not
/// wait for others of the same batch.
pub(super) const LINGER: Duration = Duration::from_millis(25);

/// Bytes of checkpoints in one body: a fraction of what a body may have, so that it travels quickly.
/// A longer seal is no checkpoint.
pub(super) const CHECKPOINT_PARCEL: usize = 1 << 20;

/// The longest body of checkpoints in bytes.
pub const CHECKPOINT_MAX: usize = 2 * CHECKPOINT_PARCEL;

/// How often a position that stands still is sent to its deputy again, which may have had to forget it.
pub const CHECKPOINT_RENEWED: Duration = Duration::from_secs(300);

/// How long a deputy keeps what is not sent again: the target is gone, or has another deputy. Two renewals may
/// be late.
pub const CHECKPOINT_KEPT: Duration = Duration::from_secs(900);

/// Bytes of checkpoints that a node keeps for others.
pub const CHECKPOINT_BYTES: usize = 64 << 20;
