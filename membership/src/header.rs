//! How every message between nodes begins.
//!
//! ```text
//! version 1 | suite 1 | kind 1 | key id 4 | cluster name: length 1, text 0..=63 | payload
//! version 1 | suite 1 | kind 1 | key id 4 | cluster name: length 1, text 0..=63
//!           | session 16, number 8 | payload, encrypted | tag 16
//! ```
//!
//! The first form is of [`Suite::Plain`], whose key id is 0, the second of [`Suite::Sealed`]. All
//! in front of the payload is authenticated along with it, the cluster's name among it.

use std::sync::Arc;

use bytes::Bytes;

use crate::keyring::{KeyId, Keyring};
use crate::refusal::Refusal;

/// The version of everything nodes tell each other, the way targets are ranked included: nodes of
/// different versions would disagree on owners, so they do not form a cluster.
///
/// It covers what is inside as well: packets and their trailers, the bodies of state syncs, claims and
/// checkpoints. Whoever changes any of them after a release has to raise it; there has been none yet.
pub const VERSION: u8 = 1;

/// The longest cluster name in bytes.
pub const CLUSTER_MAX: usize = 63;

/// How a payload is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// Not at all.
    Plain = 0,
    /// ChaCha20-Poly1305, see [`crate::seal`].
    Sealed = 1,
}

/// What a payload is, so that one kind cannot be passed off as another. A number once given is
/// never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A SWIM packet.
    Gossip = 0,
    /// The question of a state sync.
    SyncQuestion = 1,
    /// Its answer.
    SyncAnswer = 2,
    /// A body on its way to the peer API, see [`crate::Channel`].
    Question = 3,
    /// The body that comes back.
    Answer = 4,
    /// What comes back instead when the question was not for this life of the node.
    Introduction = 5,
}

/// The name of a cluster as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(Arc<[u8]>);

impl Label {
    /// The name is cut after [`CLUSTER_MAX`] bytes.
    pub(crate) fn new(cluster: &str) -> Self {
        Self(cluster.as_bytes()[..cluster.len().min(CLUSTER_MAX)].into())
    }

    pub(crate) fn header_length(&self) -> usize {
        Header::FIXED + self.0.len()
    }

    pub(crate) fn write(&self, suite: Suite, kind: Kind, key: u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&[VERSION, suite as u8, kind as u8]);
        to.extend_from_slice(&key.to_be_bytes());
        to.push(u8::try_from(self.0.len()).expect("the label was cut to 63 bytes"));
        to.extend_from_slice(&self.0);
    }

    /// A body that says which cluster and which kind it is of, and nothing more.
    pub(crate) fn wrap(&self, kind: Kind, payload: &[u8]) -> Bytes {
        let mut wrapped = Vec::with_capacity(self.header_length() + payload.len());
        self.write(Suite::Plain, kind, 0, &mut wrapped);
        wrapped.extend_from_slice(payload);
        wrapped.into()
    }

    /// Where the payload of `body` begins, if that is of this cluster, version and kind and not
    /// sealed: what is sealed was meant for somebody who has a key.
    pub(crate) fn unwrap(&self, kind: Kind, body: &[u8]) -> Result<usize, Refusal> {
        let header = self.read(body)?;
        header.is_sealed(&Keyring::default())?;
        header.expect(kind)?;
        Ok(header.length)
    }

    /// The header of `message`, if that is of this cluster.
    pub(crate) fn read<'a>(&self, message: &'a [u8]) -> Result<Header<'a>, Refusal> {
        let header = Header::parse(message)?;
        if header.cluster != &self.0[..] {
            let text = |name| String::from_utf8_lossy(name).into_owned();
            return Err(Refusal::Cluster { theirs: text(header.cluster), mine: text(&self.0) });
        }
        Ok(header)
    }
}

/// All in front of the payload, as it was read: nothing of it is proved yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) suite: u8,
    pub(crate) kind: u8,
    pub(crate) key: u32,
    cluster: &'a [u8],
    /// Its length in bytes.
    pub(crate) length: usize,
}

impl<'a> Header<'a> {
    /// The length of the header of a cluster without a name.
    const FIXED: usize = 1 + 1 + 1 + 4 + 1;

    fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let short = |least| Refusal::TooShort { length: message.len(), least };
        let &[version, suite, kind, k0, k1, k2, k3, length, ref rest @ ..] = message else {
            return Err(short(Self::FIXED));
        };
        if version != VERSION {
            return Err(Refusal::Version { theirs: version, mine: VERSION });
        }
        let length = usize::from(length);
        let cluster = rest.get(..length).ok_or_else(|| short(Self::FIXED + length))?;
        let key = u32::from_be_bytes([k0, k1, k2, k3]);
        Ok(Self { suite, kind, key, cluster, length: Self::FIXED + length })
    }

    /// Whether the payload is sealed.
    ///
    /// # Errors
    /// When `keyring` asks for the other, or the suite is unknown.
    pub(crate) fn is_sealed(&self, keyring: &Keyring) -> Result<bool, Refusal> {
        match (self.suite, keyring.is_empty()) {
            (0, true) if self.key == 0 => Ok(false),
            (0, false) => Err(Refusal::Unsealed),
            (1, false) => Ok(true),
            (1, true) => Err(Refusal::Key { theirs: KeyId(self.key), mine: Vec::new() }),
            (suite, _) => Err(Refusal::Suite { suite }),
        }
    }

    /// # Errors
    /// When the payload is of another kind.
    pub(crate) fn expect(&self, kind: Kind) -> Result<(), Refusal> {
        if self.kind == kind as u8 {
            return Ok(());
        }
        Err(Refusal::Kind { expected: kind as u8, found: self.kind })
    }
}
