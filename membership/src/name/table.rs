//! What is known by name, found at once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// Values by [`crate::Name::hash`].
///
/// Looked into several times for each datagram. A tree of a thousand names is three places in memory
/// deep, all of them cold in a process that has other things to do than to gossip.
pub(crate) type Table<V> = HashMap<u64, V, Seeded>;

/// Mixes a secret into hashes that are good already, so that nobody can choose names that share a
/// place: names come from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeded(pub u64);

impl BuildHasher for Seeded {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

#[derive(Debug)]
pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
    fn write_u64(&mut self, hash: u64) {
        // The halves of the product over each other depend on all bits. The constant are the first
        // digits of the golden ratio.
        let product = u128::from(hash ^ self.0) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    /// For completeness: keys are numbers.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
