//! The labels that a series is sent with: external labels added, rules applied, internal labels
//! taken off.

use std::collections::HashMap;

use model::relabel::{Outcome, Rules, Scratch};
use model::{Labels, LabelsRef};
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_128};

use super::fields::{Additions, has_internal, without_internal};

/// Verdicts remembered in each of two generations. A guess: 130,000 series with rules on one node
/// are many, and a verdict that changes nothing costs 40 bytes.
const GENERATION: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct Dresser {
    external: Additions,
    rules: Rules,
    scratch: Scratch,
    /// The labels of the last series, where they are not those of the batch.
    dressed: Vec<u8>,
    merged: Vec<u8>,
    verdicts: Verdicts,
}

/// What rules made of a label block.
#[derive(Debug, Clone)]
enum Verdict {
    Dropped,
    /// Passed as it is, and nothing has to be taken off.
    Unchanged,
    Changed(Box<[u8]>),
}

impl Dresser {
    pub(super) fn new(external: &Labels, rules: Rules) -> Self {
        // Where rules take part they see every label and the result is cleaned; here it is now.
        let external = if rules.is_empty() {
            let mut clean = Vec::new();
            without_internal(external.borrowed().as_encoded(), &mut clean);
            Additions::new(&clean)
        } else {
            Additions::new(external.borrowed().as_encoded())
        };
        Self {
            external,
            rules,
            scratch: Scratch::default(),
            dressed: Vec::new(),
            merged: Vec::new(),
            verdicts: Verdicts::default(),
        }
    }

    /// The labels to send for these; `None` when the series is dropped.
    #[inline]
    pub(super) fn dress<'a>(&'a mut self, labels: &'a [u8]) -> Option<&'a [u8]> {
        if !self.rules.is_empty() {
            return self.dress_by_rules(labels);
        }
        if has_internal(labels) {
            self.merged.clear();
            without_internal(labels, &mut self.merged);
            self.dressed.clear();
            self.external.merge(&self.merged, &mut self.dressed);
            return Some(&self.dressed).filter(|l| !l.is_empty()).map(Vec::as_slice);
        }
        if self.external.is_empty() {
            return Some(labels).filter(|labels| !labels.is_empty());
        }
        self.dressed.clear();
        self.external.merge(labels, &mut self.dressed);
        Some(&self.dressed)
    }

    fn dress_by_rules<'a>(&'a mut self, labels: &'a [u8]) -> Option<&'a [u8]> {
        let key = xxh3_128(labels);
        if self.verdicts.find(key).is_none() {
            self.merged.clear();
            self.external.merge(labels, &mut self.merged);
            let verdict = judge(&self.rules, &self.merged, &mut self.scratch);
            self.verdicts.remember(key, verdict);
        }
        match self.verdicts.find(key).expect("the verdict has just been remembered") {
            Verdict::Dropped => None,
            Verdict::Changed(labels) => Some(labels),
            Verdict::Unchanged if self.external.is_empty() => Some(labels),
            Verdict::Unchanged => {
                self.dressed.clear();
                self.external.merge(labels, &mut self.dressed);
                Some(&self.dressed)
            }
        }
    }
}

fn judge(rules: &Rules, merged: &[u8], scratch: &mut Scratch) -> Verdict {
    let labels = match rules.apply(LabelsRef::from_encoded(merged), scratch) {
        Outcome::Dropped => return Verdict::Dropped,
        Outcome::Unchanged if !has_internal(merged) => return Verdict::Unchanged,
        Outcome::Unchanged => merged,
        Outcome::Changed(labels) => labels.as_encoded(),
    };
    let mut sent = Vec::with_capacity(labels.len());
    without_internal(labels, &mut sent);
    if sent.is_empty() { Verdict::Dropped } else { Verdict::Changed(sent.into()) }
}

/// The verdicts of late, by the hash of the labels. When the young generation is full the old one
/// is forgotten; what is asked for stays young. At 128 bits two series will not meet in one hash.
#[derive(Debug, Default)]
struct Verdicts {
    young: HashMap<u128, Verdict, Xxh3DefaultBuilder>,
    old: HashMap<u128, Verdict, Xxh3DefaultBuilder>,
}

impl Verdicts {
    fn find(&mut self, key: u128) -> Option<&Verdict> {
        if !self.young.contains_key(&key) {
            let verdict = self.old.remove(&key)?;
            self.remember(key, verdict);
        }
        self.young.get(&key)
    }

    fn remember(&mut self, key: u128, verdict: Verdict) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verdict);
    }
}
