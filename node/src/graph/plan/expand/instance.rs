//! Instances of custom components.

use std::collections::BTreeMap;
use std::sync::Arc;

use syntax::ast::{Block, Body};
use syntax::{Diagnostic, did_you_mean};

use super::{Expander, Place, Setting, Written, attribute, id, label};
use crate::graph::id::ComponentId;
use crate::graph::plan::environment::{Declaration, Found, MAX_DEPTH};
use crate::graph::plan::{Export, Role};

/// What an `argument` block of a declaration says.
struct Parameter {
    block: Arc<Block>,
    optional: bool,
}

impl Expander<'_> {
    /// Expands an instance of a custom component in place.
    pub(super) fn instance(&mut self, block: &Arc<Block>, found: Found, place: &Place) {
        let is_named = self.is_named(block, place);
        let id = id(block, is_named, place);
        let outputs = self.expanded.nodes.len() + 1;
        let instance = self.node(id.clone(), Role::Instance { outputs }, block, place);
        let (Some(instance), true) = (instance, self.add_outputs(&id, block, place, &found)) else {
            return;
        };
        if is_named {
            self.expanded.modules[place.module].names.insert(id.local.clone(), outputs);
        }
        match found {
            Found::Pending(import) => {
                // Its arguments are evaluated once the import is read; until then it waits for it.
                if !self.rehearsing {
                    self.expanded.nodes[outputs].dependencies.push(import);
                }
            }
            Found::Declaration(declaration) => {
                let parameters = self.inside(&declaration, block, place, (instance, outputs), &id);
                if let Some(parameters) = parameters {
                    self.check_given(block, &parameters);
                }
            }
        }
    }

    /// Expands a declaration that nobody uses, as if somebody did and gave it what it wants.
    pub(super) fn rehearse(&mut self, declaration: &Declaration, place: &Place) {
        // An instance without anything in it, where the declaration is written.
        let mut empty = Block::clone(&declaration.block);
        empty.body.statements.clear();
        let (block, id) = (Arc::new(empty), ComponentId::new("", declaration.block.id()));
        let found = Found::Declaration(Arc::new(declaration.clone()));
        let outputs = self.expanded.nodes.len() + 1;
        let instance = self.node(id.clone(), Role::Instance { outputs }, &block, place);
        let (Some(instance), true) = (instance, self.add_outputs(&id, &block, place, &found))
        else {
            return;
        };
        self.inside(declaration, &block, place, (instance, outputs), &id);
        for node in &mut self.expanded.nodes[instance..] {
            match &mut node.role {
                // What would be given is not known, and need not be what is taken when nothing is.
                Role::Argument { instance: of, default, .. } if *of == instance => *default = None,
                _ => {}
            }
        }
    }

    fn add_outputs(
        &mut self,
        id: &ComponentId,
        block: &Arc<Block>,
        place: &Place,
        found: &Found,
    ) -> bool {
        let known = matches!(found, Found::Declaration(_));
        let role = Role::Outputs { exports: Vec::new(), known };
        let id = ComponentId::new(id.as_module(), "export");
        let added = self.node(id, role, block, place).is_some();
        if added {
            // Its expressions are written inside, not here.
            self.expanded.modules[place.module].members.pop();
        }
        added
    }

    /// Everything inside of an instance, whose nodes for what goes in and what comes out exist.
    /// Gives what it takes, unless there is no end to it.
    fn inside(
        &mut self,
        declaration: &Declaration,
        block: &Arc<Block>,
        place: &Place,
        (instance, outputs): (usize, usize),
        id: &ComponentId,
    ) -> Option<BTreeMap<Arc<str>, Parameter>> {
        let name = label(&declaration.block);
        self.used.insert(Written::of(&declaration.block));
        if place.within.contains(&declaration.serial) || place.depth >= MAX_DEPTH {
            let text = if place.within.contains(&declaration.serial) {
                format!("declare {name:?} contains itself")
            } else {
                format!("custom components nest deeper than {MAX_DEPTH}")
            };
            let problem = Diagnostic::error(text, &block.header())
                .note("it is declared here", &declaration.block.header());
            self.problem(problem);
            return None;
        }
        let mut within = place.within.clone();
        within.push(declaration.serial);
        let inside = Place {
            module: self.open_module(),
            environment: self.environments.open(Some(declaration.environment)),
            id: id.as_module(),
            path: Arc::clone(&declaration.module_path),
            depth: place.depth + 1,
            within,
            setting: Setting::Declaration,
        };
        let body = &declaration.block.body;
        let parameters = self.parameters(body, instance, &inside);
        self.exports(body, outputs, &inside);
        self.bodies(std::slice::from_ref(body), &inside);
        Some(parameters)
    }

    /// The arguments of a declaration, each a node that expressions inside reach as
    /// `argument.NAME`.
    fn parameters(
        &mut self,
        body: &Body,
        instance: usize,
        inside: &Place,
    ) -> BTreeMap<Arc<str>, Parameter> {
        let mut parameters = BTreeMap::new();
        for block in body.blocks().filter(|block| &*block.name.text == "argument") {
            let is_named = self.is_named(block, inside);
            let name = label(block);
            let (optional, default) = self.parameter(block);
            let role = Role::Argument { instance, name: Arc::clone(&name), default };
            self.named_node(is_named, role, block, inside);
            if is_named {
                parameters.insert(name, Parameter { block: Arc::clone(block), optional });
            }
        }
        parameters
    }

    /// `argument "name" { optional, default, comment }`
    fn parameter(&mut self, block: &Block) -> (bool, Option<Arc<syntax::ast::Expr>>) {
        self.only(block, &["comment", "default", "optional"]);
        let default = attribute(&block.body, "default");
        let optional = attribute(&block.body, "optional").is_some_and(|written| {
            match syntax::evaluate(&written, self.ingredients.library) {
                Ok(syntax::Value::Bool(optional)) => optional,
                Ok(other) => {
                    let text = format!("expected bool, got {}", other.kind());
                    self.problem(Diagnostic::error(text, &written.span));
                    false
                }
                Err(problems) => {
                    problems.into_iter().for_each(|problem| self.problem(problem));
                    false
                }
            }
        });
        (optional, default)
    }

    /// `export "name" { value = ... }`
    fn exports(&mut self, body: &Body, outputs: usize, inside: &Place) {
        let mut exports = Vec::new();
        for block in body.blocks().filter(|block| &*block.name.text == "export") {
            self.is_named(block, inside);
            self.only(block, &["comment", "value"]);
            match attribute(&block.body, "value") {
                Some(value) => {
                    let block = Arc::clone(block);
                    exports.push(Export { name: label(&block), value, block });
                }
                // It may be what could not be read.
                None if !block.body.is_complete => {}
                None => {
                    let text = "missing required attribute \"value\"";
                    self.problem(Diagnostic::error(text, &block.header()));
                }
            }
        }
        self.expanded.nodes[outputs].module_path = Arc::clone(&inside.path);
        self.expanded.nodes[outputs].role = Role::Outputs { exports, known: true };
        self.expanded.modules[inside.module].members.push(outputs);
    }

    /// Whether a block holds nothing but these attributes.
    fn only(&mut self, block: &Block, known: &[&str]) {
        for attribute in block.body.attributes() {
            let name = &*attribute.name.name;
            if !known.contains(&name) {
                let text = format!("unrecognized attribute {name:?}");
                let hint = did_you_mean(name, known.iter().copied());
                let problem = Diagnostic::error(text, &attribute.name.span).maybe_hint(hint);
                self.problem(problem);
            }
        }
        for inner in block.body.blocks() {
            let text = format!("unrecognized block {:?}", &*inner.name.text);
            self.problem(Diagnostic::error(text, &inner.header()));
        }
    }

    /// What is given to an instance, against what its declaration takes.
    fn check_given(&mut self, block: &Block, parameters: &BTreeMap<Arc<str>, Parameter>) {
        let names: Vec<&str> = parameters.keys().map(|name| &**name).collect();
        self.only(block, &names);
        // What seems to be missing may be what could not be read.
        for (name, parameter) in parameters.iter().filter(|_| block.body.is_complete) {
            if !parameter.optional && attribute(&block.body, name).is_none() {
                let text = format!("missing required argument {name:?}");
                let problem = Diagnostic::error(text, &block.header())
                    .note("it is declared here", &parameter.block.header());
                self.problem(problem);
            }
        }
    }
}
