//! Asking other nodes over the peer API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use delivery::{Consignment, Later, Peers, Pending, Question, Refused};
use membership::State;
use tokio::sync::watch;
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

use super::wire::LIMIT;
use super::{ADOPT_PATH, Answer, Asked, PENDING_PATH};
use crate::cluster::{ClusterState, PeerAccess, PeerError, PeerStatus};

/// How long one node may take to say what it has. It looks into its memory, seldom on its disk.
const PENDING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one node may take to adopt a consignment: it writes and syncs two megabytes.
const ADOPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Nodes asked at the same time.
const FANOUT: usize = 16;
/// The longest answer to a consignment, in bytes: it is empty.
const NO_ANSWER: usize = 1024;

/// The other nodes of the cluster.
#[derive(Debug)]
pub struct Others {
    access: Arc<PeerAccess>,
    state: watch::Receiver<Arc<ClusterState>>,
}

impl Others {
    /// Those that `state` shows.
    pub fn new(access: PeerAccess, state: watch::Receiver<Arc<ClusterState>>) -> Arc<Self> {
        Arc::new(Self { access: Arc::new(access), state })
    }

    fn live(&self) -> Vec<PeerStatus> {
        self.state.borrow().peers.iter().filter(|peer| !peer.is_self).cloned().collect()
    }

    /// Asks nodes. One that is found to be dead before it has answered is not waited for, and is not
    /// among the answers.
    async fn ask_all(
        &self,
        peers: Vec<PeerStatus>,
        body: &Bytes,
    ) -> Vec<Result<Answer, PeerError>> {
        let mut waiting = peers;
        let (mut answers, mut asked) = (Vec::new(), JoinSet::new());
        loop {
            while asked.len() < FANOUT
                && let Some(peer) = waiting.pop()
            {
                let (access, body) = (Arc::clone(&self.access), body.clone());
                let state = self.state.clone();
                asked.spawn(async move {
                    tokio::select! {
                        answer = ask(&access, peer.address, body) => Some(answer),
                        () = gone(state, &peer.name) => None,
                    }
                });
            }
            match asked.join_next().await {
                Some(Ok(answer)) => answers.extend(answer),
                Some(Err(broken)) => answers.push(Err(PeerError::Refused(broken.to_string()))),
                None => return answers,
            }
        }
    }

    async fn pending_of(&self, question: Question) -> Pending {
        let (destination, origin) = (question.destination.to_string(), question.origin.to_string());
        let Ok(body) = (Asked { destination, origin }).encode() else { return Pending::None };
        let is_here = *self.state.borrow().node_name == *question.origin;
        let is_origin = |peer: &PeerStatus| *peer.name == *question.origin;
        let (origin, others): (Vec<_>, Vec<_>) = self.live().into_iter().partition(is_origin);
        // What changes hands meanwhile is with those that are asked later.
        let answers = self.ask_all(origin, &body).await;
        let of_origin = sum(&answers);
        if matches!(of_origin, Pending::Since { .. } | Pending::Unknown) {
            return of_origin;
        }
        let of_others = sum(&self.ask_all(others, &body).await);
        let lives = is_here || self.live().iter().any(is_origin);
        match of_others {
            Pending::None if !lives => Pending::Gone,
            Pending::None => of_origin,
            pending => pending,
        }
    }

    async fn give(&self, consignment: Consignment) -> Result<Arc<str>, Refused> {
        let refused =
            |reason: &str, is_transient| Refused { reason: reason.to_owned(), is_transient };
        let mut heirs = {
            let state = self.state.borrow();
            let leaving = state.me().is_some_and(|me| me.state == State::Leaving.as_str());
            if !leaving {
                return Err(refused("this node stays", false));
            }
            let stay =
                |peer: &&PeerStatus| !peer.is_self && peer.state == State::Participant.as_str();
            state.peers.iter().filter(stay).cloned().collect::<Vec<_>>()
        };
        if heirs.is_empty() {
            return Err(refused("there is no other node that stays", false));
        }
        // One log goes to one heir, which recognises what comes twice; several logs to several.
        let log = consignment.log.to_le_bytes();
        heirs.sort_by_key(|peer| xxh3_64(&[peer.name.as_bytes(), &log[..]].concat()));
        let body = Bytes::from(consignment.encode());
        let (mut reasons, mut is_transient) = (Vec::new(), false);
        for heir in heirs {
            let posted =
                self.access.post(heir.address, ADOPT_PATH, body.clone(), NO_ANSWER, ADOPT_TIMEOUT);
            match posted.await {
                Ok(_) => return Ok(heir.name.as_str().into()),
                Err(error) => {
                    is_transient |= matches!(error, PeerError::Unreachable(_));
                    reasons.push(format!("{}: {error}", heir.name));
                }
            }
        }
        Err(Refused { reason: reasons.join("; "), is_transient })
    }
}

impl Peers for Others {
    fn pending(&self, question: Question) -> Later<'_, Pending> {
        Box::pin(self.pending_of(question))
    }

    fn lives(&self, node: &str) -> bool {
        self.state.borrow().peers.iter().any(|peer| peer.name == node)
    }

    fn missing(&self) -> Option<Vec<Arc<str>>> {
        let state = self.state.borrow();
        let names = || state.missing.iter().filter_map(|missing| missing.name.as_deref());
        state.joined.then(|| names().map(Arc::from).collect())
    }

    fn adopt(&self, consignment: Consignment) -> Later<'_, Result<Arc<str>, Refused>> {
        Box::pin(self.give(consignment))
    }
}

/// Waits until a node is not among the live any more; for ever when nobody would say so.
async fn gone(mut state: watch::Receiver<Arc<ClusterState>>, name: &str) {
    let is_gone = |state: &Arc<ClusterState>| state.peers.iter().all(|peer| peer.name != name);
    if state.wait_for(is_gone).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn ask(access: &PeerAccess, to: SocketAddr, body: Bytes) -> Result<Answer, PeerError> {
    let answer = access.post(to, PENDING_PATH, body, LIMIT, PENDING_TIMEOUT).await?;
    Answer::decode(&answer).map_err(|error| PeerError::Refused(error.to_string()))
}

/// What several nodes have in sum.
pub(super) fn sum(answers: &[Result<Answer, PeerError>]) -> Pending {
    let known = answers.iter().flatten();
    let oldest = known.clone().filter_map(|answer| answer.oldest_ms).min();
    let silent = answers.iter().any(Result::is_err);
    match oldest {
        Some(oldest_ms) => {
            let mut having = known.filter(|answer| answer.oldest_ms.is_some());
            let accepting = having.any(|answer| answer.accepting == Some(true));
            Pending::Since { oldest_ms, accepting }
        }
        None if silent => Pending::Unknown,
        None if answers.iter().flatten().any(|answer| answer.passes) => Pending::Gone,
        None => Pending::None,
    }
}
