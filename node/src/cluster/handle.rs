//! What the rest of the process holds of the cluster.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use membership::Refusal;
use ownership::audit::{self, Fingerprint};
use ownership::handover::QuestionError;
use ownership::{ComponentId, Key, WhatIf, WhatIfError};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::{error, info};

use super::check::Nonce;
use super::question::{Doings, KeyHistory, KeyQuestion, Placed, Question, Reported, Thought};
use super::subscription::{
    Checkpointed, FirstTicks, Kept, PIECES_IN_FLIGHT, Snapshot, Subscription,
};
use super::{ClusterState, Detail, PeerSeal, keys};
use crate::deliveries::Deliveries;

/// The cluster's task has ended: the process is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has left its cluster and is about to stop")]
pub struct Closed;

/// A handle on the cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) wake: Arc<Notify>,
    pub(super) state: watch::Receiver<Arc<ClusterState>>,
    pub(super) listed: Arc<Mutex<Vec<Listed>>>,
    pub(super) kept: Arc<Mutex<BTreeMap<ComponentId, Kept>>>,
    pub(super) seal: PeerSeal,
    pub(super) key_file: Option<Arc<Path>>,
    pub(super) deliveries: Deliveries,
}

/// A component that announces targets, for whoever lists them.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its global id.
    pub component: ComponentId,
    /// Whether it shares them with other nodes; else all of them are collected here.
    pub clustered: bool,
    announced: watch::Receiver<Snapshot>,
}

impl Listed {
    /// A component that announced these targets and will announce no others.
    #[cfg(test)]
    pub fn fixed(component: ComponentId, announced: Snapshot) -> Self {
        Self { component, clustered: true, announced: watch::channel(announced).1 }
    }

    /// What it announced last.
    pub fn announced(&self) -> Snapshot {
        Arc::clone(&self.announced.borrow())
    }
}

impl Handle {
    /// The cluster as it looks now, and a way to wait for the next change.
    pub fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.state.clone()
    }

    /// What seals the bodies of the peer API.
    pub fn seal(&self) -> &PeerSeal {
        &self.seal
    }

    /// Reads the file with the cluster's keys again, if there is one.
    ///
    /// # Errors
    ///
    /// When it cannot be used; the keys stay what they were.
    pub async fn reload_keys(&self) -> Result<(), keys::Error> {
        let Some(path) = self.key_file.clone() else { return Ok(()) };
        let reading = tokio::task::spawn_blocking(move || keys::read(&path)).await;
        let keyring = match reading {
            Ok(read) => read.inspect_err(|error| {
                let error: &dyn std::error::Error = error;
                error!(error, "the cluster keys stay as they were");
            })?,
            // Only a panic in there could end it so, and that was reported.
            Err(_) => return Ok(()),
        };
        if keyring == self.seal.keyring() {
            return Ok(());
        }
        // Datagrams and the peer API change their keys together: whoever gives up waiting here has
        // changed neither. A cluster that has stopped needs no keys.
        let Ok(room) = self.questions.reserve().await else { return Ok(()) };
        info!(keys = ?keyring.ids(), "the cluster keys were read again; the first one seals");
        self.seal.set_keyring(keyring.clone());
        room.send(Question::Keys { keyring });
        Ok(())
    }

    /// The destinations of this node.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Lets a component take part in the sharing of targets. A second subscription of one
    /// component takes the place of the first. When the cluster has stopped, the subscription's
    /// deltas have ended.
    pub async fn subscribe(&self, component: &str) -> Subscription {
        let (announce, announced) = watch::channel(Snapshot::from([]));
        let (pieces, deltas) = mpsc::channel(PIECES_IN_FLIGHT);
        let component = ComponentId::from(component);
        self.list(&component, true, announced.clone());
        let kept = self.kept(&component);
        let (checkpoints, first_ticks) = (Checkpointed::default(), FirstTicks::default());
        let question = Question::Subscribe {
            component,
            announced,
            deltas: pieces,
            checkpoints: checkpoints.clone(),
            first_ticks: first_ticks.clone(),
        };
        // When nobody takes the question, the senders in it are dropped and the deltas end.
        let _ = self.questions.send(question).await;
        let subscription = Subscription::clustered(announce, deltas, Arc::clone(&self.wake));
        subscription.with_kept(kept).with_checkpoints(checkpoints).with_first_ticks(first_ticks)
    }

    /// A subscription that owns everything it announces, and is listed with the others.
    pub fn subscribe_local(&self, component: &str) -> Subscription {
        let subscription = Subscription::local();
        let component = ComponentId::from(component);
        self.list(&component, false, subscription.announced());
        subscription.with_kept(self.kept(&component))
    }

    /// Where a component leaves its seals, and finds those of its earlier life.
    fn kept(&self, component: &ComponentId) -> Kept {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other, left| other == component || !left.is_spent());
        kept.entry(component.clone()).or_default().clone()
    }

    fn list(&self, component: &ComponentId, clustered: bool, announced: watch::Receiver<Snapshot>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|other| other.component != *component && is_live(other));
        listed.push(Listed { component: component.clone(), clustered, announced });
        listed.sort_by(|a, b| a.component.cmp(&b.component));
    }

    /// The components that announce targets on this node, by id.
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(is_live);
        listed.clone()
    }

    /// Says that the configuration runs: the node takes part as soon as it has joined.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn participate(&self) -> Result<(), Closed> {
        self.questions.send(Question::Participate).await.map_err(|_| Closed)
    }

    /// Announces that this node will be gone soon; it owns nothing from now on.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn leave(&self) -> Result<(), Closed> {
        self.questions.send(Question::Leave).await.map_err(|_| Closed)
    }

    /// Waits until others have taken what this node collects, as far as there is anybody to take it.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn drained(&self) -> Result<(), Closed> {
        self.ask(|done| Question::Drained { done }).await
    }

    /// How many targets this node still collects that others could take.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn remaining(&self) -> Result<usize, Closed> {
        self.ask(|answer| Question::Remaining { answer }).await
    }

    /// Leaves for good; returns when the news is spread, within about 200 ms.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped already.
    pub async fn depart(&self) -> Result<(), Closed> {
        self.ask(|done| Question::Depart { done }).await
    }

    /// Answers the state sync of another node.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped, or refuses the question.
    pub async fn sync(&self, body: Bytes) -> Result<Result<Bytes, Refusal>, Closed> {
        self.ask(|answer| Question::Sync { body, answer }).await
    }

    /// Keeps the checkpoints that another node sends.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped, or refuses them.
    pub async fn checkpoint(&self, body: Bytes) -> Result<Result<(), QuestionError>, Closed> {
        self.ask(|answer| Question::Checkpoint { body, answer }).await
    }

    /// Answers the claim of another node.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped, or refuses the claim.
    pub async fn claim(&self, body: Bytes) -> Result<Result<Bytes, QuestionError>, Closed> {
        self.ask(|answer| Question::Claim { body, answer }).await
    }

    /// The keys of a component that this node collects, in order.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn running(&self, component: &str) -> Result<Vec<Key>, Closed> {
        let component = component.to_owned();
        self.ask(|answer| Question::Running { component, answer }).await
    }

    /// What is known of the peers beyond what is published.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn detail(&self) -> Result<Detail, Closed> {
        self.ask(|answer| Question::Detail { answer }).await
    }

    /// Waits for a datagram with this number: says where it came from, once it is there.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn await_datagram(
        &self,
        nonce: Nonce,
    ) -> Result<oneshot::Receiver<SocketAddr>, Closed> {
        let (arrived, arrival) = oneshot::channel();
        let question = Question::AwaitDatagram { nonce, arrived };
        self.questions.send(question).await.map_err(|_| Closed)?;
        Ok(arrival)
    }

    /// Sends a datagram with this number from the socket of gossip.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn send_datagram(&self, nonce: Nonce, to: SocketAddr) -> Result<(), Closed> {
        self.questions.send(Question::SendDatagram { nonce, to }).await.map_err(|_| Closed)
    }

    /// Where keys belong, in the order of `keys`.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn place(&self, keys: Vec<Key>) -> Result<Vec<Placed>, Closed> {
        self.ask(|answer| Question::Place { keys, answer }).await
    }

    /// Everything there is to say about a key.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn explain(&self, question: KeyQuestion) -> Result<KeyHistory, Closed> {
        self.ask(|answer| Question::Explain { question, answer }).await
    }

    /// Answers another node that compares what it knows and collects with this one.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped, or refuses the question.
    pub async fn audit(&self, body: Bytes) -> Result<Result<Bytes, audit::QuestionError>, Closed> {
        self.ask(|answer| Question::Audit { body, answer }).await
    }

    /// Says which configuration runs, or is about to: targets that change from now on change because
    /// of it.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn set_config(&self, fingerprint: Fingerprint) -> Result<(), Closed> {
        self.ask(|done| Question::Config { fingerprint, done }).await
    }

    /// What the audit has found.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn report(&self) -> Result<Reported, Closed> {
        self.ask(|answer| Question::Report { answer }).await
    }

    /// What would move if the participants were others; `most` of the moves are listed.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped, or the change is none.
    pub async fn what_if(
        &self,
        change: WhatIf,
        most: usize,
    ) -> Result<Result<Thought, WhatIfError>, Closed> {
        self.ask(|answer| Question::WhatIf { change, most, answer }).await
    }

    /// What this node started and stopped lately, oldest first.
    ///
    /// # Errors
    ///
    /// When the cluster has stopped.
    pub async fn done(&self) -> Result<Doings, Closed> {
        self.ask(|answer| Question::Done { answer }).await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Closed> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(question(answer)).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }
}

/// Whether the component still holds its end.
fn is_live(listed: &Listed) -> bool {
    listed.announced.has_changed().is_ok()
}
