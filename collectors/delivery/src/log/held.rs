//! Payloads of recent frames, so that a sender that keeps up reads nothing back.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::frame::FrameMeta;

/// Payloads by sequence, bounded in samples.
#[derive(Debug, Default)]
pub(super) struct Held {
    payloads: BTreeMap<u64, (usize, Bytes)>,
    weight: usize,
    limit: usize,
}

impl Held {
    pub(super) fn set_limit(&mut self, samples: usize) {
        self.limit = samples;
    }

    /// Keeps a payload if there is room, or if it must be kept because it is nowhere else.
    pub(super) fn offer(&mut self, meta: &FrameMeta, payload: Bytes, must: bool) {
        // A frame without samples counts too: it is not free.
        let weight = meta.counts.weight().max(1);
        if must || self.weight + weight <= self.limit {
            self.weight += weight;
            self.payloads.insert(meta.sequence, (weight, payload));
        }
    }

    pub(super) fn payload(&self, sequence: u64) -> Option<&Bytes> {
        self.payloads.get(&sequence).map(|(_, payload)| payload)
    }

    pub(super) fn release(&mut self, sequence: u64) {
        if let Some((weight, _)) = self.payloads.remove(&sequence) {
            self.weight -= weight;
        }
    }

    pub(super) fn release_through(&mut self, last: u64) {
        while let Some(entry) = self.payloads.first_entry()
            && *entry.key() <= last
        {
            self.weight -= entry.remove().0;
        }
    }
}
