//! What each name in an expression means: the longest beginning of it that is a node.

use std::collections::BTreeSet;
use std::sync::Arc;

use syntax::ast::Body;
use syntax::{Diagnostic, Diagnostics, Scope, Traversal, did_you_mean, references};

use super::expand::{Lost, Module};
use super::{Binding, Node, Role};

/// The variable that every expression can read.
pub(in crate::graph) const MODULE_PATH: &str = "module_path";

/// What a name may mean that is no node.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// The standard library.
    pub library: &'a Scope,
    /// What was written and could not be understood.
    pub lost: &'a Lost,
}

/// Gives every node its bindings and dependencies.
pub(super) fn wire(
    mut nodes: Vec<Node>,
    modules: &[Module],
    known: Known<'_>,
    problems: &mut Diagnostics,
) -> Vec<Node> {
    for module in modules {
        for &member in &module.members {
            let (bindings, missing) = bind(&nodes[member], module, known, problems);
            nodes[member].bindings = bindings;
            nodes[member].missing = missing;
        }
    }
    for node in &mut nodes {
        let mut dependencies: BTreeSet<usize> = node.dependencies.drain(..).collect();
        dependencies.extend(node.bindings.iter().map(|binding| binding.node));
        if let Role::Argument { instance, .. } = node.role {
            dependencies.insert(instance);
        }
        node.dependencies = dependencies.into_iter().collect();
    }
    nodes
}

/// What the names of a node mean, and those that mean nothing.
fn bind(
    node: &Node,
    module: &Module,
    known: Known<'_>,
    problems: &mut Diagnostics,
) -> (Vec<Binding>, Vec<Vec<Arc<str>>>) {
    let bodies: Vec<&Body> = match &node.role {
        Role::Outputs { exports, .. } => exports.iter().map(|export| &export.block.body).collect(),
        _ => vec![&node.block.body],
    };
    let (mut bindings, mut missing): (Vec<Binding>, _) = (Vec::new(), Vec::new());
    for traversal in bodies.into_iter().flat_map(references) {
        match resolve(&traversal, module) {
            Some(binding) if !bindings.contains(&binding) => bindings.push(binding),
            Some(_) => {}
            None => {
                let first = traversal.names().next().unwrap_or_default();
                if first != MODULE_PATH && !known.library.is_library(first) {
                    if !known.lost.may_have(&traversal) {
                        problems.push(unknown(&traversal, module, known.library));
                    }
                    let parts = traversal.parts.iter();
                    missing.push(parts.map(|part| Arc::clone(&part.name)).collect());
                }
            }
        }
    }
    (bindings, missing)
}

fn resolve(traversal: &Traversal, module: &Module) -> Option<Binding> {
    (1..=traversal.parts.len()).rev().find_map(|length| {
        let parts = &traversal.parts[..length];
        let name: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
        let node = *module.names.get(&name.join("."))?;
        let path = parts.iter().map(|part| Arc::clone(&part.name)).collect();
        let field = traversal.parts.get(length).map(|part| Arc::clone(&part.name));
        Some(Binding { path, node, field })
    })
}

fn unknown(traversal: &Traversal, module: &Module, library: &Scope) -> Diagnostic {
    let name: Vec<&str> = traversal.names().collect();
    let name = name.join(".");
    let known = module.names.keys().map(String::as_str);
    // A name may be misspelt anywhere, and fields follow it: compare as many parts as each has.
    let parts = name.split('.').count();
    let beginning = |known: &str| {
        let length = known.split('.').count().min(parts);
        name.split('.').take(length).collect::<Vec<_>>().join(".")
    };
    let hint = known
        .clone()
        .find_map(|known| did_you_mean(&beginning(known), [known]))
        .or_else(|| did_you_mean(&name, library.names()));
    let text = match parts {
        1 => format!("nothing is called {name:?} here"),
        _ => format!("there is no component or argument {name:?} here"),
    };
    Diagnostic::error(text, &traversal.span()).maybe_hint(hint)
}

/// A cycle, as an error at its first node.
pub(super) fn describe_cycle(nodes: &[Node], cycle: &[usize]) -> Diagnostic {
    let named: Vec<&Node> = cycle.iter().map(|&node| &nodes[node]).collect();
    let ids: Vec<String> = named
        .iter()
        .chain(named.first())
        .map(|node| match node.role {
            Role::Outputs { .. } => node.id.module.clone(),
            _ => node.id.to_string(),
        })
        .collect();
    let first = named[0];
    let text = format!("components read each other in a circle: {}", ids.join(" -> "));
    let problem = Diagnostic::error(text, &first.block.header());
    let others = named[1..].iter().filter(|node| {
        let (one, other) = (node.block.header(), first.block.header());
        one.start() != other.start() || one.source().name() != other.source().name()
    });
    others.fold(problem, |problem, node| {
        problem.note("which is read by the one before", &node.block.header())
    })
}
