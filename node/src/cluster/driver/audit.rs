//! Comparing with other nodes: questions out, what was found to whoever looks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use membership::Name;
use ownership::ComponentId;
use ownership::audit::{ANSWER_MAX, AUDIT_TIMEOUT, Figures};
use tracing::{debug, info, warn};

use super::{Driver, Errand};
use crate::cluster::AUDIT_PATH;
use crate::cluster::exchange::PeerError;

/// How often the same trouble is written down again while it lasts.
const REMINDER: Duration = Duration::from_secs(600);

/// How often what was found is looked at: when keys move, that is a look at every key.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

/// The clocks of two nodes may differ by this part of the shortest interval: as late a sample may
/// be and still carry its tick.
const SKEW_PART: u64 = 10;

/// The answer to a comparison, with the moment of its arrival on both clocks.
pub(in crate::cluster) struct Audited {
    to: SocketAddr,
    id: u64,
    result: Result<Vec<u8>, PeerError>,
    clock: i64,
    at: Instant,
}

/// What was found, as far as it is published.
#[derive(Default)]
pub(in crate::cluster) struct Audits {
    /// The shortest interval of each component's targets, in milliseconds.
    paces: BTreeMap<ComponentId, NonZeroU64>,
    /// When what was written down last.
    told: BTreeMap<(Trouble, Option<Name>), Instant>,
    figures: Figures,
    at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Unowned,
    Doubled,
    Covered,
    Drift,
    Skew,
}

impl Audits {
    /// Takes over how often the targets of a component are collected.
    pub(in crate::cluster) fn note_pace(
        &mut self,
        component: &ComponentId,
        pace: Option<NonZeroU64>,
    ) {
        match pace {
            Some(pace) => self.paces.insert(component.clone(), pace),
            None => self.paces.remove(component),
        };
    }

    /// By how much the clocks of two nodes may differ.
    pub(in crate::cluster) fn skew_limit(&self) -> Option<Duration> {
        let shortest = self.paces.values().min()?;
        Some(Duration::from_micros(shortest.get().saturating_mul(1000) / SKEW_PART))
    }

    /// Whether something is to be written down; at most once in a while.
    fn is_news(&mut self, trouble: Trouble, peer: Option<&Name>, now: Instant) -> bool {
        let told = self.told.get(&(trouble, peer.cloned()));
        let news = told.is_none_or(|at| now.saturating_duration_since(*at) >= REMINDER);
        if news {
            self.told.insert((trouble, peer.cloned()), now);
        }
        news
    }

    /// Nothing is known of those who are gone.
    fn forget(&mut self, stays: impl Fn(&Name) -> bool) {
        self.told.retain(|(_, peer), _| peer.as_ref().is_none_or(&stays));
    }
}

/// The wall clock in microseconds since the Unix epoch.
pub(super) fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Driver {
    pub(super) fn audit(&mut self, to: SocketAddr, id: u64, body: Bytes) {
        let peers = Arc::clone(&self.peers);
        self.errands.spawn(async move {
            let result = peers.post(to, AUDIT_PATH, body, ANSWER_MAX, AUDIT_TIMEOUT).await;
            Errand::Audited(Audited { to, id, result, clock: clock(), at: Instant::now() })
        });
    }

    pub(super) fn audited(&mut self, audited: Audited) {
        let Audited { to, id, result, clock, at } = audited;
        match result {
            Ok(body) => {
                if let Err(error) = self.core.handle_audit_reply(id, &body, clock, at) {
                    debug!(peer = %to, %error, "the answer to an audit was refused");
                }
            }
            Err(error) => {
                debug!(peer = %to, %error, "an audit got no answer");
                self.unanswered(to, &error, at);
                self.core.handle_audit_failure(id, at);
            }
        }
    }

    /// Hands what was found to telemetry and to the log.
    pub(super) fn publish_audit(&mut self, now: Instant) {
        if self.audited.at.is_some_and(|at| now < at + FIGURES_INTERVAL) {
            return;
        }
        self.audited.at = Some(now);
        let figures = self.core.audit_figures(now);
        if figures == self.audited.figures {
            return;
        }
        self.tell(&figures, now);
        let limit = self.audited.skew_limit();
        self.measures.audit(&figures, limit);
        self.audited.figures = figures;
    }

    fn tell(&mut self, figures: &Figures, now: Instant) {
        let counts = [
            (Trouble::Unowned, figures.unowned),
            (Trouble::Doubled, figures.doubled),
            (Trouble::Covered, figures.covered),
            (Trouble::Drift, figures.drifted),
        ];
        for (trouble, count) in counts {
            if count == 0 || !self.audited.is_news(trouble, None, now) {
                continue;
            }
            match trouble {
                Trouble::Unowned => {
                    warn!(targets = count, "nobody collects targets; /api/v1/audit names them");
                }
                Trouble::Doubled => {
                    warn!(targets = count, "two nodes collect targets; /api/v1/audit names them");
                }
                Trouble::Covered => info!(
                    targets = count,
                    "collects targets that their owners do not know; /api/v1/audit says why"
                ),
                Trouble::Drift => warn!(
                    peers = count,
                    "peers run another configuration; the clustering page names them"
                ),
                Trouble::Skew => {}
            }
        }
        self.audited.forget(|name| figures.skews.contains_key(name));
        let Some(limit) = self.audited.skew_limit() else { return };
        for (peer, skew) in &figures.skews {
            if skew.exceeds(limit) && self.audited.is_news(Trouble::Skew, Some(peer), now) {
                warn!(
                    %peer,
                    ahead_seconds = skew.micros as f64 / 1e6,
                    ?limit,
                    "the clock of a peer differs by more than a tenth of the shortest interval: \
                     samples lose their ticks when targets move"
                );
            }
        }
    }
}
