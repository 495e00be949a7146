//! What nodes tell each other about moves.

use std::fmt;

use bytes::Bytes;
use membership::Name;
use model::Seal;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::{ANSWER_MAX, BATCH_KEYS, QUESTION_MAX};
use super::{Malformed, MoveCause, Target};
use crate::{ComponentId, Key};

/// A question from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    /// Who asks.
    pub from: Name,
    /// Who is asked: an address may have a new owner.
    pub to: Name,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ask {
    /// These are mine: stop, and give me their seals.
    Claim {
        /// Which process of this name asks.
        life: u64,
        groups: Vec<Group>,
        /// Those that the one who asks has had lately: what it was given before that is old.
        had: Vec<Had>,
    },
    /// I still collect these, which are yours.
    Offer(Vec<Group>),
}

/// Keys of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub component: String,
    pub keys: Vec<u64>,
}

/// Until when the one who asks for a key had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Had {
    /// Which of the keys of the question, counted from 0.
    pub place: u16,
    /// How many milliseconds ago.
    pub ago: u32,
}

/// The answer, in the order of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub from: Name,
    pub outcomes: Vec<Outcome>,
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Claim: I have stopped, here is what I know.
    Sealed {
        seal: Packed,
        /// Why I gave it away.
        cause: MoveCause,
    },
    /// Claim: I do not collect it.
    Idle,
    /// Claim: ask this node, which I gave it to, or claim it from.
    Elsewhere(Name),
    /// Claim: I rank higher than you, and keep it.
    Keep,
    /// Claim: I am stopping it. Ask again.
    Soon,
    /// Offer: I collect it, so you need not.
    Mine,
    /// Offer: not yet; go on.
    Later,
    /// Offer: I do not know that target; go on.
    Unknown,
    /// Claim: I do not collect it, and I have not been here for long enough, or know too little, to
    /// say that nobody does. Ask on.
    Unsure,
    /// Claim: I have stopped, and my collector could not say what it knows.
    Unsealed {
        /// Why I gave it away.
        cause: MoveCause,
    },
    /// Claim: I do not collect it, and keep what an earlier process of your name said of it, or was given.
    Kept {
        seal: Packed,
        /// Whether I would know who collects it. Else ask on.
        sure: bool,
    },
}

/// A seal on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packed {
    version: u16,
    last_tick: i64,
    payload: Payload,
}

impl From<Seal> for Packed {
    fn from(seal: Seal) -> Self {
        let Seal { version, last_tick, payload } = seal;
        Self { version, last_tick, payload: Payload(payload) }
    }
}

impl From<Packed> for Seal {
    fn from(packed: Packed) -> Self {
        let Packed { version, last_tick, payload } = packed;
        Self { version, last_tick, payload: payload.0 }
    }
}

/// Bytes that are written as such, and not as a sequence of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Payload(Bytes);

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Payload;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Payload, E> {
                Ok(Payload(Bytes::copy_from_slice(bytes)))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Payload, E> {
                Ok(Payload(bytes.into()))
            }
        }
        deserializer.deserialize_byte_buf(Whole)
    }
}

/// The groups of targets, which are in order.
pub(super) fn group<'a>(targets: impl IntoIterator<Item = &'a Target>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Target { component, key } in targets {
        match groups.last_mut() {
            Some(group) if *group.component == **component => group.keys.push(key.as_u64()),
            _ => groups.push(Group { component: component.to_string(), keys: vec![key.as_u64()] }),
        }
    }
    groups
}

/// The targets of groups, in the order of the groups.
pub(super) fn targets(groups: &[Group]) -> Vec<Target> {
    groups
        .iter()
        .flat_map(|group| {
            let component = ComponentId::from(group.component.as_str());
            let target =
                move |key: &u64| Target { component: component.clone(), key: Key::from(*key) };
            group.keys.iter().map(target)
        })
        .collect()
}

impl Question {
    pub(super) fn encode(&self) -> Bytes {
        encode(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let question: Self = decode::<_, QUESTION_MAX>(bytes)?;
        let (groups, had) = match &question.ask {
            Ask::Claim { groups, had, .. } => (groups, had.as_slice()),
            Ask::Offer(groups) => (groups, &[][..]),
        };
        let keys: usize = groups.iter().map(|group| group.keys.len()).sum();
        if keys > BATCH_KEYS {
            return Err(Malformed(format!("{keys} keys, {BATCH_KEYS} are the limit")));
        }
        if let Some(had) = had.iter().find(|had| usize::from(had.place) >= keys) {
            return Err(Malformed(format!("it tells of key {} of {keys}", had.place)));
        }
        Ok(question)
    }
}

impl Answer {
    pub(super) fn encode(&self) -> Bytes {
        encode(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        decode::<_, ANSWER_MAX>(bytes)
    }
}

pub(super) fn encode(value: &impl Serialize) -> Bytes {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("nothing in a question or an answer cannot be written")
        .into()
}

/// A limit, because a forged length would otherwise abort the process when it is allocated.
pub(super) fn decode<T: DeserializeOwned, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<T, Malformed> {
    if bytes.len() > LIMIT {
        return Err(Malformed(format!("{} bytes, {LIMIT} are the limit", bytes.len())));
    }
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((value, length)) if length == bytes.len() => Ok(value),
        Ok(_) => Err(Malformed("bytes after the end".to_owned())),
        Err(error) => Err(Malformed(error.to_string())),
    }
}

impl Packed {
    /// Bytes of the payload.
    pub(super) fn length(&self) -> usize {
        self.payload.0.len()
    }
}
