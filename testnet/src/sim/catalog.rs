//! What the nodes of a world may find to collect.

use std::sync::Arc;

use ownership::audit::Fingerprint;
use ownership::{ComponentId, Key};

/// The component that all worlds have.
const COMPONENT: &str = "prometheus.scrape.simulated";

/// A configuration, and the targets that discovery finds with it.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Tells configurations apart.
    pub config: Fingerprint,
    /// All targets of each component, sorted.
    pub components: Vec<(ComponentId, Vec<Key>)>,
}

impl Catalog {
    /// One component with so many targets.
    pub fn of(targets: usize) -> Self {
        Self::relabelled(targets, |_| false)
    }

    /// The same, with another label for some of the targets.
    pub fn relabelled(targets: usize, other: impl Fn(usize) -> bool) -> Self {
        let component = ComponentId::from(COMPONENT);
        let key = |number: usize| {
            let number_bytes = (number as u64).to_le_bytes();
            match other(number) {
                true => Key::of(&component, [&number_bytes[..], b"release 2"]),
                false => Key::of(&component, [number_bytes]),
            }
        };
        let mut keys: Vec<Key> = (0..targets).map(key).collect();
        keys.sort_unstable();
        Self { config: Fingerprint([0; 32]), components: vec![(component, keys)] }
    }

    /// The same with a configuration of its own.
    pub fn version(mut self, version: u8) -> Self {
        self.config = Fingerprint([version; 32]);
        self
    }

    /// The same with one more component.
    pub fn with(mut self, component: &str, targets: usize) -> Self {
        let component = ComponentId::from(component);
        let key = |number: usize| Key::of(&component, [(number as u64).to_le_bytes()]);
        let mut keys: Vec<Key> = (0..targets).map(key).collect();
        keys.sort_unstable();
        self.components.push((component, keys));
        self
    }

    /// The targets of the first component.
    pub fn keys(&self) -> &[Key] {
        self.components.first().map_or(&[], |(_, keys)| keys)
    }

    /// What a node announces that had `before` and has this now: vanished components have nothing.
    pub(super) fn changes(&self, before: Option<&Self>) -> Vec<(ComponentId, Vec<Key>)> {
        let old = before.map_or(&[][..], |before| &before.components);
        let kept = |component: &ComponentId| self.components.iter().any(|(id, _)| id == component);
        let vanished = old.iter().filter(|(component, _)| !kept(component));
        let vanished = vanished.map(|(component, _)| (component.clone(), Vec::new()));
        self.components.iter().cloned().chain(vanished).collect()
    }
}

/// What is shared by the nodes that found the same.
pub(super) type Shared = Arc<Catalog>;
