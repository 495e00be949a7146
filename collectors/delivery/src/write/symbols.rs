//! The table of strings of a request of 2.0.

use xxhash_rust::xxh3::xxh3_64;

use super::fields::Field;
use super::proto::{delimited, push_varint};

/// Strings by reference, encoded as they go into the request. The first is empty.
#[derive(Debug)]
pub(super) struct Symbols {
    /// Field 4 of the request, as often as there are strings.
    encoded: Vec<u8>,
    /// Where each string lies in there.
    strings: Vec<(u32, u32)>,
    by_string: Table,
    /// Labels seen, as two references: a label is looked up as one, not as two strings.
    labels: Vec<(u32, u32)>,
    by_label: Table,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut symbols = Self {
            encoded: Vec::new(),
            strings: Vec::new(),
            by_string: Table::default(),
            labels: Vec::new(),
            by_label: Table::default(),
        };
        symbols.clear();
        symbols
    }
}

impl Symbols {
    pub(super) fn clear(&mut self) {
        self.encoded.clear();
        self.strings.clear();
        self.by_string.clear();
        self.labels.clear();
        self.by_label.clear();
        self.append(b"");
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The reference of a string.
    pub(super) fn string(&mut self, string: &[u8]) -> u32 {
        if string.is_empty() {
            return 0;
        }
        let hash = xxh3_64(string);
        let found = self.by_string.find(hash, |index| self.get(index) == string);
        found.unwrap_or_else(|| {
            let index = self.append(string);
            self.by_string.insert(hash, index);
            index
        })
    }

    /// The reference of a string that is probably the one of `guess`.
    #[inline]
    pub(super) fn string_or(&mut self, guess: u32, string: &[u8]) -> u32 {
        if self.get(guess) == string { guess } else { self.string(string) }
    }

    /// The references of a label's name and value.
    #[inline]
    pub(super) fn label(&mut self, field: Field<'_>) -> (u32, u32) {
        let hash = xxh3_64(field.whole);
        let found = self.by_label.find(hash, |index| {
            let (name, value) = self.labels[index as usize];
            self.get(name) == field.name && self.get(value) == field.value
        });
        match found {
            Some(index) => self.labels[index as usize],
            None => {
                let label = (self.string(field.name), self.string(field.value));
                self.by_label.insert(hash, self.labels.len() as u32);
                self.labels.push(label);
                label
            }
        }
    }

    fn get(&self, reference: u32) -> &[u8] {
        let (start, end) = self.strings[reference as usize];
        &self.encoded[start as usize..end as usize]
    }

    fn append(&mut self, string: &[u8]) -> u32 {
        let narrow = |at| u32::try_from(at).expect("a request is far smaller than 4 GiB");
        self.encoded.push(delimited(4));
        push_varint(&mut self.encoded, string.len() as u64);
        let start = narrow(self.encoded.len());
        self.encoded.extend_from_slice(string);
        self.strings.push((start, narrow(self.encoded.len())));
        narrow(self.strings.len() - 1)
    }
}

/// A hash table of indices, open addressed, that is cleared by filling.
#[derive(Debug, Default)]
struct Table {
    /// The lower half of the hash, and the index plus one; zero is free.
    slots: Vec<(u32, u32)>,
    used: usize,
}

impl Table {
    #[inline]
    fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let hash = hash as u32;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                (_, 0) => return None,
                (other, index) if other == hash && is_it(index - 1) => return Some(index - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn insert(&mut self, hash: u64, index: u32) {
        if self.used * 2 >= self.slots.len() {
            let larger = vec![(0, 0); (self.slots.len() * 2).max(1024)];
            for slot in std::mem::replace(&mut self.slots, larger) {
                self.place(slot);
            }
        }
        self.place((hash as u32, index + 1));
        self.used += 1;
    }

    fn place(&mut self, slot: (u32, u32)) {
        if slot.1 == 0 {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut at = slot.0 as usize & mask;
        while self.slots[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn clear(&mut self) {
        self.slots.fill((0, 0));
        self.used = 0;
    }
}
