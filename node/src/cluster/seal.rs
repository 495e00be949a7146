//! The peer API's bodies on their way: sealed when the cluster has a key.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use membership::{
    Admission, Answering, Channel, Heard, Introduction, Keyring, Opener, Question, Refusal,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::refusals::Refusals;
use super::streams::Streams;

/// One node's end of all conversations with peers, shared by who asks and who answers. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct PeerSeal {
    state: Arc<Mutex<State>>,
    streams: Arc<Streams>,
}

#[derive(Debug)]
struct State {
    channel: Channel,
    refusals: Refusals,
}

/// What a body turned out to be.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A question to act upon.
    Question(Box<Asked>),
    /// A question for another life of this node: the body to send back.
    Introduce(Bytes),
}

/// A question to act upon, and how to answer it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What it says.
    pub(crate) payload: Bytes,
    answering: Answering,
}

impl Asked {
    /// The body that answers what was asked at `path`.
    pub(crate) fn answer(&self, path: &str, payload: Bytes) -> Bytes {
        self.answering.answer(path, payload)
    }
}

impl PeerSeal {
    /// The seal of a node of the cluster called `cluster`; without keys bodies pass as they are.
    pub fn new(cluster: &str, keyring: Keyring) -> Self {
        let mut rng = ChaCha12Rng::from_rng(&mut rand::rng());
        let channel = Channel::new(cluster, keyring, &mut rng);
        let state = State { channel, refusals: Refusals::default() };
        Self { state: Arc::new(Mutex::new(state)), streams: Arc::default() }
    }

    /// The keys in use.
    pub fn keyring(&self) -> Keyring {
        self.state().channel.keyring().clone()
    }

    pub(super) fn set_keyring(&self, keyring: Keyring) {
        self.state().channel.set_keyring(keyring);
    }

    /// Bodies refused, by reason.
    pub(super) fn refused(&self) -> [u64; Refusal::REASONS] {
        self.state().channel.refused()
    }

    /// Counts of what goes to and fro.
    pub(crate) fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    pub(super) fn question(&self, to: SocketAddr) -> Question {
        self.state().channel.question(to)
    }

    pub(super) fn opener(&self) -> Opener {
        self.state().channel.opener()
    }

    pub(super) fn introduce(&self, to: SocketAddr, introduction: Introduction) {
        self.state().channel.introduce(to, introduction);
    }

    /// Counts and writes down that a body from `source` was refused.
    pub(crate) fn refuse(&self, source: IpAddr, what: &str, refusal: &Refusal) {
        let mut state = self.state();
        state.channel.refuse(refusal);
        state.refusals.note(source, what, refusal, Instant::now());
    }

    /// Hears what arrived at `path` of the peer API.
    ///
    /// # Errors
    /// When it is not of a node of this cluster, or arrived before; it is counted.
    pub(crate) fn hear(
        &self,
        source: Option<IpAddr>,
        path: &str,
        body: Bytes,
    ) -> Result<Arrival, Refusal> {
        // Opening takes its time; the lock is for what is quick.
        let heard = self.opener().hear(path, body).and_then(|heard| self.admit(path, heard));
        if let (Err(refusal), Some(source)) = (&heard, source) {
            self.refuse(source, path, refusal);
        }
        heard
    }

    fn admit(&self, path: &str, heard: Heard) -> Result<Arrival, Refusal> {
        let mut state = self.state();
        let admission = state.channel.admit(&heard)?;
        let answering = state.channel.answer(&heard);
        Ok(match admission {
            Admission::Act => {
                Arrival::Question(Box::new(Asked { payload: heard.payload, answering }))
            }
            Admission::Introduce => Arrival::Introduce(answering.introduce(path)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
