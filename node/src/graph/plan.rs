//! From configuration text to a plan: every node of the graph, what each reads, and in what order
//! they are evaluated. Nothing runs here and nothing is read from outside.
//!
//! Custom components are expanded in place: an instance of a `declare` becomes a node for what is
//! given to it, a node for each of its arguments, the components inside, and a node for what it
//! exports. So modules cost nothing when they run, a change travels through them like through any
//! other component, and a cycle is only what really is one.

mod builtin;
mod environment;
mod expand;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use syntax::ast::{Block, Expr};
use syntax::{Diagnostics, Scope, Source};

use super::id::ComponentId;
use super::order::evaluation_order;
use crate::components::{Descriptor, Registry};

pub(crate) use builtin::{ConfigBlock, ImportKind};
pub(super) use wire::MODULE_PATH;

/// What a configuration means.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every node, in the order of the configuration.
    pub nodes: Vec<Node>,
    /// Indexes of [`Self::nodes`]: what a node reads comes before it, unless they read each other
    /// in a circle, which is among the problems.
    pub order: Vec<usize>,
    /// The SHA-256 of the texts one after another, in hexadecimal; for a single file without imports
    /// that of the file.
    pub sha256: String,
    /// All that is wrong with the shape: syntax, unknown and doubled names, references to nothing,
    /// cycles. With an error among them the plan may be checked further, but not run.
    pub problems: Diagnostics,
    /// Whether it ends where a bound was reached, which is among the problems: to read more imports
    /// would lead on without an end.
    pub limited: bool,
    /// Whether there are declarations of the configuration itself that nobody uses: [`rehearse`]
    /// plans those.
    pub unused: bool,
}

/// One thing to evaluate.
#[derive(Debug)]
pub(super) struct Node {
    /// Unique in the plan.
    pub id: ComponentId,
    /// What it is.
    pub role: Role,
    /// The block it was written as; for what a module exports, the block of the instance.
    pub block: Arc<Block>,
    /// What the names in its expressions mean.
    pub bindings: Vec<Binding>,
    /// Where the text that it was written in comes from: the variable `module_path`.
    pub module_path: Arc<str>,
    /// Indexes of the nodes it reads, without doubles.
    pub dependencies: Vec<usize>,
    /// The names in its expressions that mean nothing, part by part, which is among the problems
    /// of the plan.
    pub missing: Vec<Vec<Arc<str>>>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// A component of a kind.
    Component(Arc<dyn Descriptor>),
    /// What is given to an instance of a custom component.
    Instance {
        /// The node of what it exports.
        outputs: usize,
    },
    /// One argument inside a custom component.
    Argument {
        /// The node of the instance.
        instance: usize,
        /// Its name.
        name: Arc<str>,
        /// What it is when it is not given.
        default: Option<Arc<Expr>>,
    },
    /// What a custom component exports.
    Outputs {
        /// Each of them.
        exports: Vec<Export>,
        /// Whether the custom component is known: its import may not have been read yet, and then
        /// whatever reads this waits.
        known: bool,
    },
    /// A text with declarations.
    Import(ImportKind),
    /// A block that concerns the process itself.
    Config(ConfigBlock),
}

/// One thing that a custom component exports.
#[derive(Debug, Clone)]
pub(super) struct Export {
    /// Its name.
    pub name: Arc<str>,
    /// Its expression.
    pub value: Arc<Expr>,
    /// The block it is written as.
    pub block: Arc<Block>,
}

/// What a name means in the expressions of a node: the exports of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    /// The name, part by part.
    pub path: Vec<Arc<str>>,
    /// Index of the node.
    pub node: usize,
    /// Which of its exports is read, where the expression says so at once.
    pub field: Option<Arc<str>>,
}

/// The texts of imports, by the id of the import's node.
pub(super) type Contents = BTreeMap<ComponentId, Arc<Content>>;

/// What an import has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Name and text of each file, in order.
    pub files: Vec<(String, String)>,
    /// The variable `module_path` inside.
    pub module_path: String,
    /// Whether the texts must not be shown.
    pub secret: bool,
}

impl Content {
    fn sources(&self) -> Vec<Source> {
        let source = if self.secret { Source::secret } else { Source::new };
        self.files.iter().map(|(name, text)| source(name.clone(), text.clone())).collect()
    }
}

/// Everything a plan is made of.
#[derive(Clone, Copy)]
pub(super) struct Ingredients<'a> {
    /// The files of the configuration itself.
    pub sources: &'a [Source],
    /// The variable `module_path` at the top.
    pub module_path: &'a str,
    /// What the imports have read; what is missing is planned once it is known.
    pub contents: &'a Contents,
    /// The kinds of components that there are.
    pub registry: &'a Registry,
    /// The standard library.
    pub library: &'a Scope,
}

/// Plans a configuration. Arguments are checked later, when values or at least types are known.
pub(super) fn plan(ingredients: Ingredients<'_>) -> Plan {
    wired(expand::expand(ingredients), ingredients)
}

/// Plans the declarations that nobody uses, as if each had an instance. For the sake of what is wrong
/// with them: the plan is not to be run.
pub(super) fn rehearse(ingredients: Ingredients<'_>) -> Plan {
    wired(expand::rehearse(ingredients), ingredients)
}

fn wired(expanded: expand::Expanded, ingredients: Ingredients<'_>) -> Plan {
    let mut problems = expanded.problems;
    let known = wire::Known { library: ingredients.library, lost: &expanded.lost };
    let nodes = wire::wire(expanded.nodes, &expanded.modules, known, &mut problems);
    let dependencies: Vec<Vec<usize>> =
        nodes.iter().map(|node| node.dependencies.clone()).collect();
    let order = evaluation_order(&dependencies).unwrap_or_else(|knotted| {
        for cycle in knotted.cycles {
            problems.push(wire::describe_cycle(&nodes, &cycle));
        }
        knotted.order
    });
    let (limited, unused) = (expanded.limited, expanded.unused);
    Plan { nodes, order, sha256: sha256(ingredients), problems, limited, unused }
}

fn sha256(ingredients: Ingredients<'_>) -> String {
    let mut digest = Context::new(&SHA256);
    ingredients.sources.iter().for_each(|source| digest.update(source.text().as_bytes()));
    for content in ingredients.contents.values() {
        content.files.iter().for_each(|(_, text)| digest.update(text.as_bytes()));
    }
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Plan {
    /// The nodes that read each node, by its index.
    pub(super) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (reader, node) in self.nodes.iter().enumerate() {
            for &read in &node.dependencies {
                readers[read].push(reader);
            }
        }
        readers
    }
}

impl Node {
    /// Whether it is shown as a component.
    pub(super) fn is_component(&self) -> bool {
        matches!(self.role, Role::Component(_) | Role::Instance { .. })
    }
}
