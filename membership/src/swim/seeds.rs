//! Where a node looks for its cluster, and when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::{IteratorRandom, SliceRandom};
use rand_chacha::ChaCha12Rng;

use crate::Config;

/// How often a node that has not joined tries again: at first after this, then after twice as
/// long, and so on, up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// After this an unanswered question may be asked again: no driver takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many times in a row a seed that refused must be silent to be believed gone: one that is busy
/// may be too late now and then with what it would refuse. As many answers of the name server in a row
/// must leave it out: some of its answers are short of an instance that is just being replaced.
const SILENCES: u8 = 3;

/// What came of asking a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeedResult {
    /// Not asked yet.
    Untried,
    /// It answered.
    Joined,
    /// It is this node itself.
    Itself,
    /// Nobody answered. A node may in the end form a cluster of its own.
    Unreachable(String),
    /// Somebody answered, but there was no trust or no understanding: another cluster name, a
    /// wrong key, TLS. Or it takes no part in the cluster itself, being kept out or about to end. A
    /// node never forms a cluster of its own because of that.
    Refused(String),
}

/// A seed and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedStatus {
    /// Where it is.
    pub address: SocketAddr,
    /// What came of asking it last. A refusal stands until it was silent three times in a row,
    /// or three whole answers in a row left it out.
    pub result: SeedResult,
    /// When it answered last, or did not.
    pub at: Option<Instant>,
    /// Whether it is no seed that somebody configured, but where a peer was before: worth a try,
    /// and no reason to wait or to give up.
    pub remembered: bool,
    /// When it was asked last.
    asked: Option<Instant>,
    /// How many times in a row it was silent since it refused.
    silences: u8,
    /// How many whole answers in a row no longer led to it.
    absences: u8,
}

impl SeedStatus {
    fn untried(address: SocketAddr, remembered: bool) -> Self {
        Self {
            address,
            result: SeedResult::Untried,
            at: None,
            asked: None,
            remembered,
            silences: 0,
            absences: 0,
        }
    }

    fn answered(&mut self, result: SeedResult, now: Instant) {
        self.at = Some(now);
        if let (SeedResult::Refused(_), SeedResult::Unreachable(_)) = (&self.result, &result) {
            self.silences += 1;
            if self.silences < SILENCES {
                return;
            }
        }
        self.silences = 0;
        self.result = result;
    }

    /// Whether a configured seed to which the names no longer lead stays one: a refusal is not forgotten
    /// because of one answer.
    fn outlasts(&mut self, whole: bool) -> bool {
        // An answer that is not whole may have kept quiet about it.
        self.absences += u8::from(whole);
        matches!(self.result, SeedResult::Refused(_)) && self.absences < SILENCES
    }
}

#[derive(Debug)]
pub(super) struct Seeds {
    statuses: Vec<SeedStatus>,
    /// Questions that are not answered yet.
    asked: BTreeMap<SocketAddr, Instant>,
    /// Whether the last resolution failed, and why.
    unresolved: Option<String>,
    resolved_once: bool,
    next: Option<Instant>,
    retry: Duration,
    bootstrap: Instant,
    /// When the names were looked up of which there is no answer yet: a server may be silent for long.
    looking: Option<Instant>,
    /// Since when there was no whole answer, if there is none.
    failing: Option<Instant>,
    /// Whether any of them is a name, so that there may be more of them in a moment.
    named: bool,
}

impl Seeds {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            statuses: Vec::new(),
            asked: BTreeMap::new(),
            unresolved: None,
            resolved_once: false,
            next: config.seeded.then_some(now),
            retry: RETRY_FIRST,
            bootstrap: now + config.bootstrap_timeout,
            looking: None,
            failing: None,
            named: config.named_seeds,
        }
    }

    /// When the seeds are to be resolved next, or the time to wait for them is over, for a node at `me`.
    pub(super) fn next(&self, me: SocketAddr, joined: bool) -> Option<Instant> {
        let bootstrap = (!joined && self.may_form(me)).then_some(self.bootstrap);
        self.next.into_iter().chain(bootstrap).min()
    }

    /// Whether it is time to resolve the seeds; schedules the next time.
    pub(super) fn due(
        &mut self,
        config: &Config,
        joined: bool,
        rng: &mut ChaCha12Rng,
        now: Instant,
    ) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        self.looking.get_or_insert(now);
        // A jitter of a tenth keeps the nodes of a mass restart from asking in step.
        let jitter = 0.9 + 0.2 * rng.random::<f64>();
        self.next = if !joined {
            let after = self.retry.mul_f64(jitter);
            self.retry = (self.retry * 2).min(RETRY_MAX);
            Some(now + after)
        } else if config.rejoin_interval.is_zero() {
            None
        } else {
            Some(now + config.rejoin_interval.mul_f64(jitter))
        };
        true
    }

    /// Waits for seeds once more, as long as at the start.
    pub(super) fn wait_anew(&mut self, config: &Config, now: Instant) {
        self.bootstrap = self.bootstrap.max(now + config.bootstrap_timeout);
    }

    /// Looks for peers again at once, patiently from then on.
    pub(super) fn hurry(&mut self, config: &Config, now: Instant) {
        if config.seeded || !self.statuses.is_empty() {
            self.retry = RETRY_FIRST;
            self.next = Some(now);
        }
    }

    /// Takes a whole answer. What came of an address that stays is kept. The wait for seeds is as
    /// much longer as they could not be looked up, and begins with the first answer.
    pub(super) fn resolved(&mut self, config: &Config, addresses: &[SocketAddr], now: Instant) {
        self.replace(addresses, false, true);
        self.unresolved = None;
        self.looking = None;
        if let Some(since) = self.failing.take() {
            self.bootstrap += now.saturating_duration_since(since);
        }
        if !self.resolved_once {
            self.bootstrap = self.bootstrap.max(now + config.bootstrap_timeout);
        }
        self.resolved_once = true;
    }

    /// Takes an answer that leads to some seeds, while others could not be resolved.
    pub(super) fn partly_resolved(
        &mut self,
        addresses: &[SocketAddr],
        error: String,
        now: Instant,
    ) {
        self.replace(addresses, false, false);
        self.unresolved(error, now);
    }

    /// Takes the addresses of earlier peers. A node that had no place to look at looks from now on.
    pub(super) fn remembered(&mut self, config: &Config, addresses: &[SocketAddr], now: Instant) {
        self.replace(addresses, true, true);
        if self.next.is_none() && !self.statuses.is_empty() && !config.rejoin_interval.is_zero() {
            self.next = Some(now);
        }
    }

    /// Replaces the seeds of one kind: by all of them, or by a part. A configured address that also is
    /// a remembered one counts as configured.
    fn replace(&mut self, addresses: &[SocketAddr], remembered: bool, whole: bool) {
        let mut before: BTreeMap<SocketAddr, SeedStatus> =
            self.statuses.drain(..).map(|status| (status.address, status)).collect();
        let mut after = BTreeMap::new();
        for address in addresses {
            let status = match before.remove(address) {
                Some(status) if remembered => status,
                Some(status) => SeedStatus { remembered, absences: 0, ..status },
                None => SeedStatus::untried(*address, remembered),
            };
            after.entry(*address).or_insert(status);
        }
        after.extend(before.into_iter().filter_map(|(address, mut status)| {
            let stays = status.remembered != remembered || !remembered && status.outlasts(whole);
            stays.then_some((address, status))
        }));
        self.statuses = after.into_values().collect();
    }

    /// Keeps the seeds of the last resolution.
    pub(super) fn unresolved(&mut self, error: String, now: Instant) {
        self.unresolved = Some(error);
        let since = self.looking.take().unwrap_or(now);
        self.failing.get_or_insert(since);
    }

    /// The seeds to ask now: at most `limit` (0: all) of the configured ones and as many of the
    /// remembered ones, `known` left out. Those come first that were never asked, then those that were
    /// asked longest ago, so that however many are dead, the living ones have their turn.
    pub(super) fn choose(
        &mut self,
        limit: usize,
        known: impl Fn(&SocketAddr) -> bool,
        rng: &mut ChaCha12Rng,
        now: Instant,
    ) -> Vec<SocketAddr> {
        self.asked.retain(|_, since| *since + PATIENCE > now);
        let mut chosen = Vec::new();
        // Of each kind as many: a long memory must not keep a node from its few seeds.
        for remembered in [false, true] {
            let mut candidates: Vec<&SeedStatus> = self
                .statuses
                .iter()
                .filter(|status| status.remembered == remembered)
                .filter(|status| status.result != SeedResult::Itself)
                .filter(|SeedStatus { address, .. }| {
                    !known(address) && !self.asked.contains_key(address)
                })
                .collect();
            // At random among equals: the nodes of a mass start are not to ask all the same one.
            candidates.shuffle(rng);
            candidates.sort_by_key(|status| status.asked);
            let limit = if limit == 0 { candidates.len() } else { limit };
            chosen.extend(candidates.into_iter().take(limit).map(|status| status.address));
        }
        chosen.shuffle(rng);
        chosen
    }

    /// A configured seed that a node at `me` has never asked, any of them; none while `limit` questions
    /// are unanswered.
    pub(super) fn untried(
        &self,
        limit: usize,
        me: SocketAddr,
        rng: &mut ChaCha12Rng,
    ) -> Option<SocketAddr> {
        if self.asked.len() >= limit {
            return None;
        }
        let untried = self.statuses.iter().filter(|status| {
            let asked = status.asked.is_some() || self.asked.contains_key(&status.address);
            !status.remembered && !asked && status.address != me
        });
        untried.map(|status| status.address).choose(rng)
    }

    /// Notes a question, unless one to the same address is unanswered.
    pub(super) fn ask(&mut self, address: SocketAddr, now: Instant) -> bool {
        self.asked.retain(|_, since| *since + PATIENCE > now);
        let fresh = !self.asked.contains_key(&address);
        if fresh {
            self.asked.insert(address, now);
            if let Some(status) = self.status(address) {
                status.asked = Some(now);
            }
        }
        fresh
    }

    /// Notes what came of a question to `address`, be it a seed or not.
    pub(super) fn answered(&mut self, address: SocketAddr, result: SeedResult, now: Instant) {
        self.asked.remove(&address);
        if let Some(status) = self.status(address) {
            status.answered(result, now);
        }
    }

    /// Whether it is a seed, of either kind.
    pub(super) fn contain(&self, address: SocketAddr) -> bool {
        self.statuses.iter().any(|status| status.address == address)
    }

    fn status(&mut self, address: SocketAddr) -> Option<&mut SeedStatus> {
        self.statuses.iter_mut().find(|status| status.address == address)
    }

    /// Whether a node at `me` that found nobody may be a cluster of its own once it has waited: not
    /// while its seeds cannot be resolved or are being looked up, one of them refuses it, one has not
    /// been asked or has not had the time to answer at all, or one that answered is about to be asked
    /// again, which is so after a look for a namesake.
    fn may_form(&self, me: SocketAddr) -> bool {
        let forbids = |status: &SeedStatus| match status.result {
            SeedResult::Refused(_) => !status.remembered,
            SeedResult::Untried => {
                !status.remembered && status.address != me && self.awaits(status)
            }
            SeedResult::Joined => true,
            SeedResult::Itself | SeedResult::Unreachable(_) => false,
        };
        let resolved = self.resolved_once && self.unresolved.is_none() && self.looking.is_none();
        resolved && !self.statuses.iter().any(forbids)
    }

    /// Whether a seed that has not answered may still do: it was not asked, or a moment ago.
    fn awaits(&self, status: &SeedStatus) -> bool {
        status.asked.is_none() || self.asked.contains_key(&status.address)
    }

    /// Whether a node at `me` that has not joined is on its own now: it waited long enough, or was told to
    /// be alone, by itself as the only seed.
    pub(super) fn alone(&self, me: SocketAddr, now: Instant) -> bool {
        let only_me = !self.named
            && !self.statuses.is_empty()
            && self
                .statuses
                .iter()
                .all(|status| status.address == me || status.result == SeedResult::Itself);
        self.may_form(me) && (only_me || now >= self.bootstrap)
    }

    pub(super) fn statuses(&self) -> &[SeedStatus] {
        &self.statuses
    }

    /// Why the seeds could not be resolved the last time.
    pub(super) fn resolution_error(&self) -> Option<&str> {
        self.unresolved.as_deref()
    }
}
