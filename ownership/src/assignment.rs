//! Owner and deputy of every key, kept up to date at the least cost.

use std::collections::BTreeMap;

use membership::Name;

use crate::{ComponentId, Key, NodeHash, Ranking, rank};

#[cfg(test)]
mod tests;
mod what_if;

pub use what_if::{WhatIf, WhatIfError};

/// Who collects each key, and who would next.
///
/// A join costs one multiplication for each key, a leave a look at each key and a search for those
/// of the one who left. 32 bytes a key.
#[derive(Default)]
pub struct Assignment {
    nodes: Nodes,
    /// Sorted by key.
    components: BTreeMap<ComponentId, Vec<Row>>,
    /// Grows with every change.
    version: u64,
}

/// Where a key belongs; `None` while there are too few participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Who collects it.
    pub owner: Option<Name>,
    /// Who would, were the owner gone.
    pub deputy: Option<Name>,
}

/// A key changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// Whose key it is.
    pub component: &'a ComponentId,
    /// The key.
    pub key: Key,
    /// Who owned it; `None` when nobody did or the key is new.
    pub from: Option<&'a Name>,
    /// Who owns it; `None` when nobody does or the key is gone.
    pub to: Option<&'a Name>,
}

/// A key with its two best nodes. The scores are kept so that a join needs no other node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    key: Key,
    owner_score: u64,
    deputy_score: u64,
    owner: u32,
    deputy: u32,
}

/// The place of no node.
const NOBODY: u32 = u32::MAX;

/// The participants. A node keeps its place as long as it is one, so that rows can point to it.
#[derive(Default)]
struct Nodes {
    places: Vec<Option<NodeHash>>,
    /// The same without gaps and names, sorted by hash: for the search through all of them, and for
    /// one of them.
    dense: Vec<(u32, u64)>,
}

impl Nodes {
    fn name(&self, place: u32) -> Option<&Name> {
        self.places.get(place as usize)?.as_ref().map(NodeHash::name)
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &NodeHash)> {
        (0u32..).zip(&self.places).filter_map(|(place, node)| Some((place, node.as_ref()?)))
    }

    fn place(&self, name: &Name) -> Option<u32> {
        self.find(name, NodeHash::new(name).hash()).map(|at| self.dense[at].0)
    }

    /// The index in `dense` of the node called `name`, whose hash this is.
    fn find(&self, name: &Name, hash: u64) -> Option<usize> {
        let first = self.first(hash);
        let same = self.dense[first..].iter().take_while(|(_, other)| *other == hash);
        let at = same.map(|(place, _)| self.name(*place)).position(|other| other == Some(name))?;
        Some(first + at)
    }

    /// The index in `dense` of the first node with this hash, or where it would be.
    fn first(&self, hash: u64) -> usize {
        self.dense.partition_point(|(_, other)| *other < hash)
    }

    /// Adds a node; its place, unless it is there already.
    fn insert(&mut self, name: &Name) -> Option<u32> {
        let node = NodeHash::new(name);
        let hash = node.hash();
        if self.find(name, hash).is_some() {
            return None;
        }
        let gaps = self.dense.len() < self.places.len();
        let free = if gaps { self.places.iter().position(Option::is_none) } else { None };
        let place = match free {
            Some(place) => {
                self.places[place] = Some(node);
                place
            }
            None => {
                self.places.push(Some(node));
                self.places.len() - 1
            }
        };
        let place = u32::try_from(place).expect("there are fewer than four billion nodes");
        self.dense.insert(self.first(hash), (place, hash));
        Some(place)
    }

    /// Removes a node; its place, unless it is not there.
    fn remove(&mut self, name: &Name) -> Option<(u32, NodeHash)> {
        let at = self.find(name, NodeHash::new(name).hash())?;
        let (place, _) = self.dense.remove(at);
        let node = self.places[place as usize].take()?;
        Some((place, node))
    }

    /// Whether the node at `place` with `score` comes before `other` with `other_score`.
    fn beats(&self, (place, score): (u32, u64), (other, other_score): (u32, u64)) -> bool {
        if other == NOBODY || score != other_score {
            return other == NOBODY || score > other_score;
        }
        self.name(place) > self.name(other)
    }
}

impl Row {
    fn new(key: Key, nodes: &Nodes) -> Self {
        let mut row = Self { key, owner_score: 0, deputy_score: 0, owner: NOBODY, deputy: NOBODY };
        for &(place, hash) in &nodes.dense {
            row.consider(place, hash, nodes);
        }
        row
    }

    /// Lets a node that is new to this row compete.
    #[inline]
    fn consider(&mut self, place: u32, hash: u64, nodes: &Nodes) {
        let score = rank::score(self.key, hash);
        // All but 2 of n nodes end here.
        if score >= self.deputy_score {
            self.seat(place, score, nodes);
        }
    }

    fn seat(&mut self, place: u32, score: u64, nodes: &Nodes) {
        if nodes.beats((place, score), (self.owner, self.owner_score)) {
            (self.deputy, self.deputy_score) = (self.owner, self.owner_score);
            (self.owner, self.owner_score) = (place, score);
        } else if nodes.beats((place, score), (self.deputy, self.deputy_score)) {
            (self.deputy, self.deputy_score) = (place, score);
        }
    }
}

impl Assignment {
    /// Takes over a change of the participants. `moved` is called once for each key whose owner
    /// is another one than before, in the order of components and keys.
    ///
    /// Who joins but is there, or leaves but is not there or joins as well, is of no consequence.
    pub fn change(&mut self, joined: &[Name], left: &[Name], mut moved: impl FnMut(Move<'_>)) {
        // Joins first, so that no one gets the place of someone whom rows still point to.
        let come: Vec<(u32, u64)> = joined
            .iter()
            .filter_map(|name| Some((self.nodes.insert(name)?, NodeHash::new(name).hash())))
            .collect();
        let gone: Vec<(u32, NodeHash)> = left
            .iter()
            .filter(|name| !joined.contains(name))
            .filter_map(|name| self.nodes.remove(name))
            .collect();
        if gone.is_empty() && come.is_empty() {
            return;
        }
        self.version += 1;
        let nodes = &self.nodes;
        let name_before = |place: u32| {
            let gone = gone.iter().find(|(other, _)| *other == place);
            gone.map_or_else(|| nodes.name(place), |(_, node)| Some(node.name()))
        };
        let is_gone = |place: u32| gone.iter().any(|(other, _)| *other == place);
        for (component, rows) in &mut self.components {
            for row in rows {
                let before = row.owner;
                if !gone.is_empty() && (is_gone(row.owner) || is_gone(row.deputy)) {
                    *row = Row::new(row.key, nodes);
                } else {
                    for &(place, hash) in &come {
                        row.consider(place, hash, nodes);
                    }
                }
                if row.owner != before {
                    moved(Move {
                        component,
                        key: row.key,
                        from: name_before(before),
                        to: nodes.name(row.owner),
                    });
                }
            }
        }
    }

    /// Makes `keys` those of `component`; the order is of no consequence, a repeated key counts once.
    /// `moved` is called for each key that is new or gone.
    pub fn set_keys(
        &mut self,
        component: &ComponentId,
        mut keys: Vec<Key>,
        mut moved: impl FnMut(Move<'_>),
    ) {
        keys.sort_unstable();
        keys.dedup();
        let before = self.components.remove(component).unwrap_or_default();
        if before.iter().map(|row| row.key).eq(keys.iter().copied()) {
            if !before.is_empty() {
                self.components.insert(component.clone(), before);
            }
            return;
        }
        self.version += 1;
        let mut rows = Vec::with_capacity(keys.len());
        let mut old = before.into_iter().peekable();
        let mut report = |key, from, to| {
            moved(Move { component, key, from, to });
        };
        for key in keys {
            while let Some(row) = old.next_if(|row| row.key < key) {
                report(row.key, self.nodes.name(row.owner), None);
            }
            let kept = old.next_if(|row| row.key == key);
            rows.push(kept.unwrap_or_else(|| {
                let row = Row::new(key, &self.nodes);
                report(key, None, self.nodes.name(row.owner));
                row
            }));
        }
        for row in old {
            report(row.key, self.nodes.name(row.owner), None);
        }
        if !rows.is_empty() {
            self.components.insert(component.clone(), rows);
        }
    }

    /// Owner and deputy of `key`, be it a known one or not.
    pub fn placement(&self, key: Key) -> Placement {
        let row = Row::new(key, &self.nodes);
        Placement {
            owner: self.nodes.name(row.owner).cloned(),
            deputy: self.nodes.name(row.deputy).cloned(),
        }
    }

    /// Owner of `key`, be it a known one or not.
    pub fn owner(&self, key: Key) -> Option<&Name> {
        self.nodes.name(Row::new(key, &self.nodes).owner)
    }

    /// All participants in the order of their rank for `key`.
    pub fn ranking(&self, key: Key) -> Vec<Name> {
        let names = self.nodes.iter().map(|(_, node)| node.name());
        let ranking: Ranking = names.collect();
        ranking.of(key).cloned().collect()
    }

    /// The participants that rank above `node` for `key`, which may be none itself, in no particular
    /// but a defined order.
    pub fn above(&self, key: Key, node: &NodeHash) -> impl Iterator<Item = &Name> {
        let limit = (node.score(key), node.name().clone());
        self.nodes
            .iter()
            .filter(move |(_, other)| (other.score(key), other.name()) > (limit.0, &limit.1))
            .map(|(_, other)| other.name())
    }

    /// Changes whenever anything here does.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether `name` is a participant.
    pub fn contains(&self, name: &Name) -> bool {
        self.nodes.place(name).is_some()
    }

    /// The participants, in no particular but a defined order.
    pub fn participants(&self) -> impl Iterator<Item = &Name> {
        self.nodes.iter().map(|(_, node)| node.name())
    }

    /// Whether `component` has `key`.
    pub fn knows(&self, component: &str, key: Key) -> bool {
        let rows = self.components.get(component);
        rows.is_some_and(|rows| rows.binary_search_by_key(&key, |row| row.key).is_ok())
    }

    /// Whether `component` has any keys.
    pub fn has(&self, component: &str) -> bool {
        self.components.contains_key(component)
    }

    /// The components that have keys, with the number of these.
    pub fn components(&self) -> impl Iterator<Item = (&ComponentId, usize)> {
        self.components.iter().map(|(id, rows)| (id, rows.len()))
    }

    /// The keys of `component` with their owners, sorted by key.
    pub fn owners(&self, component: &str) -> impl Iterator<Item = (Key, Option<&Name>)> {
        let rows = self.components.get(component).map_or(&[][..], |rows| rows);
        rows.iter().map(|row| (row.key, self.nodes.name(row.owner)))
    }

    /// The same of the keys from `first` to `last`, both included.
    pub fn owners_between(
        &self,
        component: &str,
        first: Key,
        last: Key,
    ) -> impl Iterator<Item = (Key, Option<&Name>)> {
        let rows = self.components.get(component).map_or(&[][..], |rows| rows);
        let rows = &rows[rows.partition_point(|row| row.key < first)..];
        let rows = &rows[..rows.partition_point(|row| row.key <= last)];
        rows.iter().map(|row| (row.key, self.nodes.name(row.owner)))
    }

    /// The keys of `component` that `name` owns, in order.
    pub fn owned(&self, component: &str, name: &Name) -> impl Iterator<Item = Key> {
        let place = self.nodes.place(name).unwrap_or(NOBODY - 1);
        let rows = self.components.get(component).map_or(&[][..], |rows| rows);
        rows.iter().filter(move |row| row.owner == place).map(|row| row.key)
    }

    /// The keys of `component`, in order.
    pub fn keys(&self, component: &str) -> impl Iterator<Item = Key> {
        self.components.get(component).into_iter().flatten().map(|row| row.key)
    }

    /// What `add` makes of the keys of `component` that each participant owns, in no particular but a
    /// defined order. The keys of each come in order.
    pub fn gather<T: Default + Clone>(
        &self,
        component: &str,
        mut add: impl FnMut(&mut T, Key),
    ) -> impl Iterator<Item = (&Name, T)> {
        let mut all = vec![T::default(); self.nodes.places.len()];
        for row in self.components.get(component).into_iter().flatten() {
            if let Some(of_owner) = all.get_mut(row.owner as usize) {
                add(of_owner, row.key);
            }
        }
        let nodes = self.nodes.places.iter().zip(all);
        nodes.filter_map(|(node, all)| Some((node.as_ref()?.name(), all)))
    }

    /// How many keys of `component` each participant owns, sorted by name.
    pub fn shares(&self, component: &str) -> BTreeMap<Name, usize> {
        let counts = self.gather(component, |count, _| *count += 1);
        counts.map(|(name, count)| (name.clone(), count)).collect()
    }
}
