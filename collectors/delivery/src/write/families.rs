//! What is known of metric families, to be told from time to time in protocol 1.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Family;

use super::proto::{push_bytes, push_message, push_number};
use super::{FULL, LARGE};

/// Whether the text of a family is short enough to be told: one that long helps nobody, and one
/// request is to hold it.
pub(super) fn is_told(family: &Family) -> bool {
    family.help.len() <= LARGE
}

/// Families remembered at most; a bound against targets that make up names, far above what a fleet
/// of exporters has.
const MAX_FAMILIES: usize = 50_000;

/// The families by name. Where targets disagree the last one counts.
#[derive(Debug, Default)]
pub(super) struct Families(BTreeMap<Box<str>, Arc<Family>>);

impl Families {
    pub(super) fn learn(&mut self, families: &[Arc<Family>]) {
        for family in families {
            match self.0.get_mut(&family.name) {
                Some(known) if Arc::ptr_eq(known, family) => {}
                Some(known) => *known = Arc::clone(family),
                None => {
                    if self.0.len() < MAX_FAMILIES {
                        self.0.insert(family.name.clone(), Arc::clone(family));
                    }
                }
            }
        }
    }

    /// Hands out messages with all families, at most `max` and some MiB in one, and forgets them: who
    /// is still scraped is learnt again.
    pub(super) fn seal(&mut self, max: usize, mut message: impl FnMut(&[u8], u32)) {
        let families = std::mem::take(&mut self.0);
        let mut body = Vec::new();
        let mut scratch = Vec::new();
        let mut count = 0;
        for family in families.values() {
            if !is_told(family) {
                continue;
            }
            scratch.clear();
            push_number(&mut scratch, 1, family.kind as u64);
            push_bytes(&mut scratch, 2, family.name.as_bytes());
            push_bytes(&mut scratch, 4, family.help.as_bytes());
            push_bytes(&mut scratch, 5, family.unit.as_bytes());
            push_message(&mut body, 3, &scratch);
            count += 1;
            if count as usize >= max || body.len() >= FULL {
                message(&body, count);
                body.clear();
                count = 0;
            }
        }
        if count > 0 {
            message(&body, count);
        }
    }
}
