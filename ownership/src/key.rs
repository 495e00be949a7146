//! A target's place in hashing.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

#[cfg(test)]
mod tests;

/// The global id of a component, such as `prometheus.scrape.default`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(Arc<str>);

impl From<&str> for ComponentId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl Deref for ComponentId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ComponentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The stable 64-bit hash of a target: the same on every node, machine and release, since owners
/// and ticks follow from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of the target of `component` that `parts` describe: what is really requested and
    /// written, in an order that does not depend on the node.
    ///
    /// XXH3 (64 bits, seed 0) of the component's id and of each part, each behind its length as 32
    /// bits little-endian, so that parts cannot flow into each other. Changing this reshuffles
    /// every cluster.
    pub fn of<P: AsRef<[u8]>>(component: &str, parts: impl IntoIterator<Item = P>) -> Self {
        let mut hash = Xxh3Default::new();
        let mut put = |part: &[u8]| {
            // A part of 4 GiB or more does not exist; if it did, it would still hash the same.
            hash.update(&(part.len() as u32).to_le_bytes());
            hash.update(part);
        };
        put(component.as_bytes());
        for part in parts {
            put(part.as_ref());
        }
        Self(hash.digest())
    }

    /// The key as a number, for ticks and telemetry.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
