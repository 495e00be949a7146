//! Declarations that nobody uses. Nothing of them runs, but what is wrong inside should not have to
//! wait for the first who does.

use std::sync::Arc;

use super::{Expanded, Expander, Ingredients, Place, Setting, Written};
use crate::graph::plan::environment::Declaration;

/// Expands every declaration of the configuration that has no instance as if it had one, and nothing
/// else: what comes of it can be checked, but not run.
pub(in crate::graph::plan) fn rehearse(ingredients: Ingredients<'_>) -> Expanded {
    let mut expander = Expander::new(ingredients);
    expander.top();
    // All of this has been said and planned.
    expander.expanded = Expanded::default();
    expander.rehearsing = true;
    while let (Some(declaration), false) = (expander.unused(), expander.expanded.limited) {
        // Marked here too, so that this ends whatever the inside leads to.
        expander.used.insert(Written::of(&declaration.block));
        let place = Place {
            module: expander.open_module(),
            environment: declaration.environment,
            id: String::new(),
            path: Arc::clone(&declaration.module_path),
            depth: 0,
            within: Vec::new(),
            setting: Setting::Top,
        };
        expander.rehearse(&declaration, &place);
    }
    expander.expanded
}

impl Expander<'_> {
    /// A declaration without an instance, written in the files of the configuration itself. An
    /// imported text may be a library that was written for more than Shoal has; of that, what is
    /// used has to be right.
    pub(super) fn unused(&self) -> Option<Arc<Declaration>> {
        let own = |written: &Written| {
            self.ingredients.sources.iter().any(|source| source.name() == written.file)
        };
        let unused = self.environments.declarations().find(|declaration| {
            let written = Written::of(&declaration.block);
            !self.used.contains(&written) && own(&written)
        });
        unused.map(Arc::clone)
    }
}
