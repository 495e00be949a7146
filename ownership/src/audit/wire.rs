//! What nodes ask each other to compare.

use bytes::Bytes;
use membership::Name;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::digest::{BUCKETS, Digest};
use super::limits::{ANSWER_MAX, QUESTION_MAX};
use super::{Fingerprint, Malformed};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    pub from: Name,
    /// Who is asked: an address may have a new owner.
    pub to: Name,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ask {
    /// What do you know and collect, in short?
    Summary,
    /// Which keys of this component are in the buckets that differ, from this bucket on?
    Keys { component: String, first: u16, known: Vec<u64>, collected: Vec<u64> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub from: Name,
    /// The clock of the one who answers, in microseconds since the Unix epoch.
    pub clock: i64,
    /// The configuration that it runs, once it runs one.
    pub config: Option<Fingerprint>,
    pub said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    Summary(Vec<Component>),
    Keys(Keys),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Component {
    pub component: String,
    pub known: Digest,
    pub collected: Digest,
}

/// The keys of buckets that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keys {
    /// The buckets that follow, in order; those left out before `next` are equal.
    pub buckets: Vec<Bucket>,
    /// The first bucket that was not looked at: [`BUCKETS`] when all were.
    pub next: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bucket {
    pub number: u16,
    /// Keys that are known, in order, and whether each is collected.
    pub keys: Vec<(u64, bool)>,
    /// Keys that were known lately.
    pub dropped: Vec<u64>,
}

impl Question {
    pub(super) fn encode(&self) -> Bytes {
        encode(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let question: Self = decode::<_, QUESTION_MAX>(bytes)?;
        if let Ask::Keys { known, collected, .. } = &question.ask
            && (known.len() != BUCKETS || collected.len() != BUCKETS)
        {
            return Err(Malformed(format!("there are {BUCKETS} buckets")));
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

fn encode(value: &impl Serialize) -> Bytes {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("nothing in a question or an answer cannot be written")
        .into()
}

/// A limit, because a forged length would otherwise abort the process when it is allocated.
fn decode<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, Malformed> {
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
