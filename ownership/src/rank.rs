//! Which node comes first for a key.

use std::hash::{Hash, Hasher};

use membership::Name;
use rendezvous_hash::{IdNode, NodeHasher, RendezvousNodes};
use xxhash_rust::xxh3::xxh3_64;

use crate::Key;

#[cfg(test)]
mod tests;

/// A node in hashing: its name, and the name's hash, taken once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash {
    name: Name,
    hash: u64,
}

impl NodeHash {
    /// The node called `name`.
    pub fn new(name: &Name) -> Self {
        Self { hash: xxh3_64(name.as_str().as_bytes()), name: name.clone() }
    }

    /// The node's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How high the node ranks for `key`: the highest score owns it, and of equal scores the node
    /// whose name sorts last.
    #[inline]
    pub fn score(&self, key: Key) -> u64 {
        score(key, self.hash)
    }

    /// The name's hash: XXH3, 64 bits, seed 0.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// Mixes two well-mixed numbers: the halves of the product of both, made odd-looking by constants
/// (the first digits of the golden ratio and of pi), over each other. One multiplication.
#[inline]
pub(crate) fn score(key: Key, node: u64) -> u64 {
    let product =
        u128::from(key.as_u64() ^ 0x9e37_79b9_7f4a_7c15) * u128::from(node ^ 0x243f_6a88_85a3_08d3);
    (product as u64) ^ ((product >> 64) as u64)
}

/// [`NodeHash::score`] as crate `rendezvous_hash` wants it. Its own hasher is the standard
/// library's, whose results may change with a release, and nodes of one cluster may be of two.
#[derive(Debug, Clone, Copy, Default)]
pub struct StableHasher;

impl NodeHasher<NodeHash> for StableHasher {
    /// The score of `node` for `item`, which must be a [`Key`].
    fn hash<T: Hash>(&self, node: &NodeHash, item: &T) -> u64 {
        let mut number = Number(0);
        item.hash(&mut number);
        node.score(Key::from(number.0))
    }
}

/// Takes a number out of a `Hash` implementation that writes exactly one.
struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, bytes: &[u8]) {
        // Not what keys do; whatever else is hashed must not silently depend on the machine.
        self.0 = xxh3_64(bytes) ^ self.0.rotate_left(1);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All nodes in the order of their rank for a key. Where only the first two are wanted, and for
/// many keys, [`crate::Assignment`] has them for a hundredth of the cost.
#[derive(Default)]
pub struct Ranking {
    nodes: Nodes,
}

struct Nodes(RendezvousNodes<IdNode<NodeHash>, StableHasher>);

impl Default for Nodes {
    fn default() -> Self {
        Self(RendezvousNodes::new(StableHasher))
    }
}

impl Ranking {
    /// Adds a node, unless it is there.
    pub fn insert(&mut self, node: NodeHash) {
        self.nodes.0.insert(IdNode::new(node));
    }

    /// Removes a node.
    pub fn remove(&mut self, node: &NodeHash) {
        self.nodes.0.remove(node);
    }

    /// The nodes for `key`, the owner first.
    pub fn of(&self, key: Key) -> impl Iterator<Item = &Name> {
        self.nodes.0.calc_candidates(&key).map(|node| node.name())
    }
}

impl<'a> FromIterator<&'a Name> for Ranking {
    fn from_iter<I: IntoIterator<Item = &'a Name>>(names: I) -> Self {
        let mut ranking = Self::default();
        for name in names {
            ranking.insert(NodeHash::new(name));
        }
        ranking
    }
}
