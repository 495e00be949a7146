//! Who collected what when, for as long as the world lasts.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use membership::{Cause, Event};
use ownership::Key;

use crate::sim::{Fact, Hold, Oracle, Population};

/// Verdicts that are remembered, of the last.
const VERDICTS: usize = 4096;

/// Every [`Hold`] of every target, and who was taken for dead.
#[derive(Debug, Default)]
pub struct Ledger {
    holds: BTreeMap<Key, Vec<Hold>>,
    verdicts: VecDeque<(Duration, String)>,
}

impl Ledger {
    /// Who held a target, in the order in which they stopped.
    pub fn holds(&self, key: Key) -> &[Hold] {
        self.holds.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Who took whom for dead between two instants.
    pub fn verdicts(
        &self,
        from: Duration,
        until: Duration,
    ) -> impl Iterator<Item = &(Duration, String)> {
        self.verdicts.iter().filter(move |(at, _)| (from..=until).contains(at))
    }
}

impl Oracle for Ledger {
    fn see(&mut self, at: Duration, fact: Fact<'_>, truth: &Population) {
        match fact {
            Fact::Held { key, hold } => self.holds.entry(key).or_default().push(hold.clone()),
            Fact::Swim { host, event: Event::Down { peer, cause: Cause::Failed, .. } } => {
                if self.verdicts.len() == VERDICTS {
                    self.verdicts.pop_front();
                }
                let text = format!("{} takes {} for dead", truth.name(host), peer.name);
                self.verdicts.push_back((at, text));
            }
            _ => {}
        }
    }
}
