//! When the targets came that this node knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ownership::{ComponentId, Key};

use super::ChangeCause;

/// Targets came to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When.
    pub at: Instant,
    /// What brought them.
    pub cause: ChangeCause,
    /// How many changes of the participants there had been: instants do not tell what came first of
    /// what is handled at one.
    pub changes: u64,
}

/// The arrival of every known target. Most targets of a component are in the first list that it
/// announces, so only those that came later cost anything each.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    components: BTreeMap<ComponentId, Arrived>,
}

#[derive(Debug)]
struct Arrived {
    first: Arrival,
    later: BTreeMap<Key, Arc<Arrival>>,
}

impl Arrivals {
    /// The targets of `component` are others: these came and those are gone.
    pub(super) fn change(
        &mut self,
        component: &ComponentId,
        came: impl IntoIterator<Item = Key>,
        gone: impl IntoIterator<Item = Key>,
        arrival: Arrival,
    ) {
        let Some(arrived) = self.components.get_mut(component) else {
            let first = Arrived { first: arrival, later: BTreeMap::new() };
            self.components.insert(component.clone(), first);
            return;
        };
        for key in gone {
            arrived.later.remove(&key);
        }
        let arrival = Arc::new(arrival);
        arrived.later.extend(came.into_iter().map(|key| (key, Arc::clone(&arrival))));
    }

    /// The component has no targets any more.
    pub(super) fn end(&mut self, component: &ComponentId) {
        self.components.remove(component);
    }

    /// When a target came that is known now.
    pub(super) fn of(&self, component: &str, key: Key) -> Option<&Arrival> {
        let arrived = self.components.get(component)?;
        Some(arrived.later.get(&key).map_or(&arrived.first, |later| later))
    }
}
