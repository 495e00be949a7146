//! Bodies between nodes over TCP: sealed, each question acted upon once, each answer bound to its
//! question.
//!
//! Each body says which cluster and version it is of, so that clusters that come to share addresses
//! act upon nothing of each other. Without a key that is all. With one:
//!
//! - Nobody without it reads, makes or changes a question or an answer, or passes one off as an
//!   answer to another question, or a question of one path off as one of another.
//! - A question names the life of the node that it is for, which is drawn at random when a process
//!   starts. A node that is asked for another life does not act, but says which life this is, in an
//!   answer bound to that question; the asker then asks again. So what was recorded before a
//!   restart is worth nothing after it, whatever clocks say.
//! - Within a life each question is acted upon at most once: the last [`WINDOW`] of each of the
//!   asker's lives are remembered. When a node has heard so many lives that it must forget one, it
//!   takes a new life itself, which voids everything asked before.
//!
//! The machine is small and quick; sealing and opening megabytes is done by the values it hands
//! out, so that nobody waits for that.
//!
//! [`WINDOW`]: crate::replay::WINDOW

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::header::{Kind, Label};
use crate::keyring::{Key, Keyring};
use crate::refusal::Refusal;
use crate::replay::Replays;
use crate::seal::{self, NONCE, Opened, Sealer, Session, Stamp};

#[cfg(test)]
mod tests;

/// Addresses whose lives are remembered. Forgetting one costs a round trip.
const LIVES: usize = 16_384;

/// What a body that is sealed has beyond its payload, in bytes, at most.
pub(crate) const OVERHEAD: usize = 8 + crate::CLUSTER_MAX + seal::ROOM + LIFE;

const LIFE: usize = 16;

type Life = [u8; LIFE];

/// One node's end of all its conversations.
#[derive(Debug)]
pub struct Channel {
    label: Label,
    keyring: Keyring,
    session: Session,
    /// What questions to this node have to name.
    life: Life,
    /// What questions to others have to name.
    lives: BTreeMap<SocketAddr, Life>,
    replays: Replays,
    rng: ChaCha12Rng,
    refused: [u64; Refusal::REASONS],
}

impl Channel {
    /// How much longer than its payload a body can be, in bytes.
    pub const OVERHEAD: usize = OVERHEAD;

    /// The channel of a node of the cluster called `cluster`. All randomness comes from `rng`.
    pub fn new(cluster: &str, keyring: Keyring, rng: &mut ChaCha12Rng) -> Self {
        let mut rng = ChaCha12Rng::from_rng(rng);
        Self {
            label: Label::new(cluster),
            keyring,
            session: Session::begin(&mut rng),
            life: rng.random(),
            lives: BTreeMap::new(),
            replays: Replays::default(),
            rng,
            refused: [0; Refusal::REASONS],
        }
    }

    /// Changes the keys: questions are sealed with the first from now on.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// The keys in use.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// A question about to be asked at `to`. Each is sealed once.
    pub fn question(&mut self, to: SocketAddr) -> Question {
        let sealing = self.keyring.first().map(|key| {
            let stamp = self.session.stamp();
            (Sealer::new(key, self.session.id), stamp)
        });
        let life = self.lives.get(&to).copied().unwrap_or_default();
        Question { label: self.label.clone(), sealing, life }
    }

    /// What opens bodies, with the keys of now.
    pub fn opener(&self) -> Opener {
        Opener { label: self.label.clone(), keyring: self.keyring.clone() }
    }

    /// Takes note of which life the node at `to` has, as [`Reply::Introduction`] said.
    pub fn introduce(&mut self, to: SocketAddr, introduction: Introduction) {
        if self.lives.len() >= LIVES && !self.lives.contains_key(&to) {
            self.lives.pop_first();
        }
        self.lives.insert(to, introduction.0);
    }

    /// Whether what was heard is to be acted upon. If not, `Err` holds what to answer instead.
    ///
    /// # Errors
    /// A [`Refusal`] when it was heard before; it is to be counted by [`Channel::refuse`].
    pub fn admit(&mut self, heard: &Heard) -> Result<Admission, Refusal> {
        let Some(Sealed { stamp, life, .. }) = &heard.sealed else {
            return Ok(Admission::Act);
        };
        if *life != self.life {
            return Ok(Admission::Introduce);
        }
        if self.replays.admit(stamp.session, stamp.number)? {
            self.life = self.rng.random();
        }
        Ok(Admission::Act)
    }

    /// What answers `heard`. Each is sealed once.
    pub fn answer(&mut self, heard: &Heard) -> Answering {
        let sealing = heard.sealed.as_ref().map(|sealed| {
            // With the key of the question: that one the asker has for certain.
            let sealer = Sealer::new(&sealed.key, self.session.id);
            (sealer, self.session.stamp(), sealed.stamp.bytes())
        });
        Answering { label: self.label.clone(), sealing, life: self.life }
    }

    /// Counts a refusal.
    pub fn refuse(&mut self, refusal: &Refusal) {
        self.refused[refusal.index()] += 1;
    }

    /// Bodies refused, by reason; see [`Refusal::NAMES`].
    pub fn refused(&self) -> [u64; Refusal::REASONS] {
        self.refused
    }
}

/// What is to be done about a question that is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// What it asks for; [`Answering::answer`] then.
    Act,
    /// Nothing: it is for another life of this node. [`Answering::introduce`] says so.
    Introduce,
}

/// A question that is about to be asked.
#[derive(Debug)]
pub struct Question {
    label: Label,
    sealing: Option<(Sealer, Stamp)>,
    life: Life,
}

impl Question {
    /// The body to send to `path`.
    pub fn seal(&self, path: &str, payload: Bytes) -> Bytes {
        let Some((sealer, stamp)) = &self.sealing else {
            return self.label.wrap(Kind::Question, &payload);
        };
        let parts: [&[u8]; 2] = [&self.life, &payload];
        sealer.close(&self.label, Kind::Question, *stamp, path.as_bytes(), &parts).into()
    }

    /// What `body`, which came back from `path`, says.
    ///
    /// # Errors
    /// When it is no answer to this question.
    pub fn open(&self, opener: &Opener, path: &str, mut body: Vec<u8>) -> Result<Reply, Refusal> {
        let Some((_, stamp)) = &self.sealing else {
            body.drain(..self.label.unwrap(Kind::Answer, &body)?);
            return Ok(Reply::Answer(body));
        };
        let context = answer_context(&stamp.bytes(), path);
        match opener.open(Kind::Answer, &body, &context) {
            Err(Refusal::Kind { found, .. }) if found == Kind::Introduction as u8 => {
                let opened = opener.open(Kind::Introduction, &body, &context)?;
                let life = opened.payload.try_into();
                let life = life.map_err(|_| Refusal::Malformed("no introduction".to_owned()))?;
                Ok(Reply::Introduction(Introduction(life)))
            }
            opened => Ok(Reply::Answer(opened?.payload)),
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer.
    Answer(Vec<u8>),
    /// The question was for another life of that node: [`Channel::introduce`], and ask again.
    Introduction(Introduction),
}

/// Which life a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction(Life);

/// What opens bodies.
#[derive(Debug, Clone)]
pub struct Opener {
    label: Label,
    keyring: Keyring,
}

impl Opener {
    /// Hears a question that arrived at `path`.
    ///
    /// # Errors
    /// When it is of another cluster, or was not sealed with a key of this one, for this path.
    pub fn hear(&self, path: &str, body: Bytes) -> Result<Heard, Refusal> {
        if self.keyring.is_empty() {
            let payload = body.slice(self.label.unwrap(Kind::Question, &body)?..);
            return Ok(Heard { payload, sealed: None });
        }
        let opened = self.open(Kind::Question, &body, path.as_bytes())?;
        let Opened { stamp, key, payload } = opened;
        let payload = Bytes::from(payload);
        let Some(life) = payload.first_chunk::<LIFE>().copied() else {
            return Err(Refusal::Malformed("no life in front of a question".to_owned()));
        };
        let payload = payload.slice(LIFE..);
        Ok(Heard { payload, sealed: Some(Sealed { stamp, key, life }) })
    }

    fn open(&self, kind: Kind, body: &[u8], context: &[u8]) -> Result<Opened, Refusal> {
        let header = self.label.read(body)?;
        header.is_sealed(&self.keyring)?;
        header.expect(kind)?;
        seal::open(&self.keyring, &header, body, context)
    }
}

/// A question that is authentic. [`Channel::admit`] says whether to act upon it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it says.
    pub payload: Bytes,
    sealed: Option<Sealed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sealed {
    stamp: Stamp,
    /// Kept with it, so that the answer is sealed even if the key goes meanwhile.
    key: Key,
    life: Life,
}

/// An answer that is about to be given.
#[derive(Debug)]
pub struct Answering {
    label: Label,
    sealing: Option<(Sealer, Stamp, [u8; NONCE])>,
    life: Life,
}

impl Answering {
    /// The body that answers what was heard at `path`.
    pub fn answer(&self, path: &str, payload: Bytes) -> Bytes {
        match &self.sealing {
            None => self.label.wrap(Kind::Answer, &payload),
            Some(_) => self.close(Kind::Answer, path, &payload),
        }
    }

    /// The body that says which life this is.
    pub fn introduce(&self, path: &str) -> Bytes {
        self.close(Kind::Introduction, path, &self.life)
    }

    fn close(&self, kind: Kind, path: &str, payload: &[u8]) -> Bytes {
        let Some((sealer, stamp, question)) = &self.sealing else { return Bytes::new() };
        let context = answer_context(question, path);
        sealer.close(&self.label, kind, *stamp, &context, &[payload]).into()
    }
}

/// What an answer is bound to: the question, and where it was asked.
fn answer_context(question: &[u8; NONCE], path: &str) -> Vec<u8> {
    [question, path.as_bytes()].concat()
}
