//! Which custom components a piece of text can use.

use std::collections::BTreeMap;
use std::sync::Arc;

use syntax::ast::Block;

/// How deep custom components and imports nest. Real configurations stay below five; a text that
/// imports itself ends here.
pub(super) const MAX_DEPTH: usize = 24;

/// The `declare`s and imports of one body, and where to look next.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// The body around it: a declaration sees what its surroundings declare. An imported text has
    /// no surroundings.
    pub parent: Option<usize>,
    /// By name.
    pub declarations: BTreeMap<Arc<str>, Arc<Declaration>>,
    /// Those that cannot be used, because they have no name or another has it.
    pub nameless: Vec<Arc<Declaration>>,
    /// By label.
    pub imports: BTreeMap<Arc<str>, Import>,
}

/// An import as a name.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The environment of what was read; none when nothing was read yet.
    pub content: Option<usize>,
    /// The node of the import.
    pub node: usize,
}

/// A `declare`.
#[derive(Debug, Clone)]
pub(super) struct Declaration {
    /// Its block.
    pub block: Arc<Block>,
    /// The environment it is written in.
    pub environment: usize,
    /// The `module_path` of the text it is written in.
    pub module_path: Arc<str>,
    /// Tells declarations apart.
    pub serial: usize,
}

/// What a name of a custom component leads to.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// This.
    Declaration(Arc<Declaration>),
    /// An import that has not been read yet: this is its node.
    Pending(usize),
}

/// All environments of a plan; they refer to each other by index.
#[derive(Debug, Default)]
pub(super) struct Environments(Vec<Environment>);

impl Environments {
    /// Adds an empty one.
    pub(super) fn open(&mut self, parent: Option<usize>) -> usize {
        self.0.push(Environment { parent, ..Environment::default() });
        self.0.len() - 1
    }

    /// One of them.
    pub(super) fn at(&mut self, index: usize) -> &mut Environment {
        &mut self.0[index]
    }

    /// Looks a dotted name up, from the inside out.
    pub(super) fn lookup(&self, environment: usize, name: &str) -> Option<Found> {
        let mut at = Some(environment);
        while let Some(index) = at {
            if let Some(found) = self.lookup_here(index, name) {
                return Some(found);
            }
            at = self.0[index].parent;
        }
        None
    }

    fn lookup_here(&self, index: usize, name: &str) -> Option<Found> {
        let environment = &self.0[index];
        if let Some(declaration) = environment.declarations.get(name) {
            return Some(Found::Declaration(Arc::clone(declaration)));
        }
        let (namespace, rest) = name.split_once('.')?;
        let import = environment.imports.get(namespace)?;
        match import.content {
            Some(content) => self.lookup_here(content, rest),
            None => Some(Found::Pending(import.node)),
        }
    }

    /// Every declaration there is.
    pub(super) fn declarations(&self) -> impl Iterator<Item = &Arc<Declaration>> {
        self.0.iter().flat_map(|of| of.declarations.values().chain(&of.nameless))
    }

    /// Every name that could be used, for hints.
    pub(super) fn names(&self, environment: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut at = Some(environment);
        while let Some(index) = at {
            self.names_here(index, "", 0, &mut names);
            at = self.0[index].parent;
        }
        names
    }

    fn names_here(&self, index: usize, prefix: &str, depth: usize, names: &mut Vec<String>) {
        let environment = &self.0[index];
        names.extend(environment.declarations.keys().map(|name| format!("{prefix}{name}")));
        for (namespace, import) in &environment.imports {
            // Imports nest, so this ends; the bound is for texts that import each other.
            if let (Some(content), true) = (import.content, depth < MAX_DEPTH) {
                self.names_here(content, &format!("{prefix}{namespace}."), depth + 1, names);
            }
        }
    }
}
