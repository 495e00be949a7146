//! Keys on their way: claims out and in, seals from collectors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use membership::Name;
use model::Seal;
use ownership::handover::{ANSWER_MAX, CLAIM_TIMEOUT, Failure};
use ownership::{ComponentId, Key};
use tokio::sync::oneshot;
use tracing::debug;

use super::{Driver, Errand};
use crate::cluster::CLAIM_PATH;
use crate::cluster::exchange::PeerError;
use crate::cluster::question::ClaimAnswer;
use crate::cluster::subscription::{Delta, Reason};
use crate::core::StopReason;

/// Seals that are taken at once before others have their turn.
const SEALS_PER_TURN: usize = 1024;

/// What a collector left of a target.
pub(in crate::cluster) struct Sealed {
    component: ComponentId,
    key: Key,
    /// In answer to which stop.
    stop: u64,
    seal: Option<Seal>,
}

/// Which seals are waited for: of each target that of the last stop. Of an earlier one, that a component never
/// heard of since the target came back meanwhile, it is not to be told that there is none; and what it still
/// says then is older than the last stop.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Stops {
    next: u64,
    last: BTreeMap<(ComponentId, Key), u64>,
}

impl Stops {
    fn begin(&mut self, component: &ComponentId, key: Key) -> u64 {
        self.next += 1;
        self.last.insert((component.clone(), key), self.next);
        self.next
    }

    /// Whether a seal is the one that is waited for, which it is once.
    fn end(&mut self, component: &ComponentId, key: Key, stop: u64) -> bool {
        let target = (component.clone(), key);
        let is_last = self.last.get(&target) == Some(&stop);
        if is_last {
            self.last.remove(&target);
        }
        is_last
    }
}

impl Driver {
    pub(super) fn start(
        &mut self,
        component: &ComponentId,
        key: Key,
        seal: Option<Seal>,
        overlap: bool,
        from: Option<Name>,
    ) {
        self.measures.started();
        self.shares.stale = true;
        let from = from.map(|from| from.as_str().into());
        self.subscribers.tell(component, Delta::Start { key, seal, overlap, from });
    }

    pub(super) fn stop(
        &mut self,
        component: ComponentId,
        key: Key,
        reason: StopReason,
        sealed: bool,
    ) {
        self.shares.stale = true;
        let reason = match reason {
            StopReason::Moved { to } => Reason::Moved { to: to.as_str().into() },
            // Its series may go on: whoever comes next writes staleness, if anybody.
            StopReason::Unowned => Reason::Moved { to: "".into() },
            StopReason::Gone => Reason::Gone,
        };
        self.measures.stopped(&reason);
        let (answer, answered) = oneshot::channel();
        let seal = sealed.then_some(answer);
        let stop = sealed.then(|| self.stops.begin(&component, key));
        self.subscribers.tell(&component, Delta::Stop { key, reason, seal });
        if let Some(stop) = stop {
            // Ends at the latest when the component does, which drops its end.
            self.seals
                .spawn(async move { Sealed { component, key, stop, seal: answered.await.ok() } });
        }
    }

    /// Takes a seal, and what else has come by now.
    pub(super) fn sealed(&mut self, first: Result<Sealed, tokio::task::JoinError>) {
        let mut next = Some(first);
        for _ in 0..SEALS_PER_TURN {
            let Some(sealed) = next else { break };
            // Waiting for a seal cannot fail.
            if let Ok(Sealed { component, key, stop, seal }) = sealed
                && self.stops.end(&component, key, stop)
            {
                self.core.handle_seal(&component, key, seal, Instant::now());
                self.act();
            }
            next = self.seals.try_join_next();
        }
    }

    pub(super) fn claim(&mut self, to: SocketAddr, id: u64, body: Bytes) {
        let peers = Arc::clone(&self.peers);
        self.errands.spawn(async move {
            let result = peers.post(to, CLAIM_PATH, body, ANSWER_MAX, CLAIM_TIMEOUT).await;
            Errand::Claimed { to, id, result }
        });
    }

    pub(super) fn claimed(&mut self, to: SocketAddr, id: u64, result: Result<Vec<u8>, PeerError>) {
        let now = Instant::now();
        match result {
            Ok(body) => {
                if let Err(error) = self.core.handle_claim_reply(id, &body, now) {
                    debug!(peer = %to, %error, "the answer to a claim was refused");
                }
            }
            Err(error) => {
                debug!(peer = %to, %error, "a claim got no answer");
                self.unanswered(to, &error, now);
                let failure = match error {
                    PeerError::Declined(_) => Failure::Declined,
                    PeerError::Unreachable(_) | PeerError::Refused(_) => Failure::Lost,
                };
                self.core.handle_claim_failure(id, failure, now);
            }
        }
    }

    /// Another node claims keys, or offers some.
    pub(super) fn asked(&mut self, body: &[u8], answer: oneshot::Sender<ClaimAnswer>) {
        // Whoever asked and went away is not waited for any more.
        self.claims.retain(|_, answer| !answer.is_closed());
        self.claim_id += 1;
        let id = self.claim_id;
        match self.core.handle_claim(id, body, Instant::now()) {
            Ok(()) => {
                self.claims.insert(id, answer);
            }
            Err(error) => {
                let _ = answer.send(Err(error));
            }
        }
    }

    pub(super) fn reply(&mut self, id: u64, body: Bytes) {
        if let Some(answer) = self.claims.remove(&id) {
            // Whoever asked may have given up; then it asks again.
            let _ = answer.send(Ok(body));
        }
    }

    /// Tells whoever waits for it that nobody needs this node's targets any more.
    pub(super) fn tell_drained(&mut self) {
        // What is gone, and not yet told, has to be ended before the process does.
        let told = self.subscribers.backlog() == 0;
        if !self.draining.is_empty() && told && self.core.remaining() == 0 {
            for done in self.draining.drain(..) {
                // Whoever asked may have given up waiting.
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seal_of_the_last_stop_counts_once() {
        let (component, key) = (ComponentId::from("a"), Key::from(1));
        let mut stops = Stops::default();
        let first = stops.begin(&component, key);
        let other = stops.begin(&component, Key::from(2));
        let last = stops.begin(&component, key);
        assert!(!stops.end(&component, key, first));
        assert!(stops.end(&component, key, last));
        assert!(!stops.end(&component, key, last));
        assert!(stops.end(&component, Key::from(2), other));
        assert!(stops.last.is_empty());
    }
}
