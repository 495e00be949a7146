//! Bodies to nodes: components one to one, custom components in place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syntax::ast::{Block, Body, Expr, Statement};
use syntax::{Diagnostic, Diagnostics, Span, did_you_mean};

use super::builtin::{BLOCKS, ConfigBlock, ImportKind, unsupported};
use super::environment::{Declaration, Environments, Import, MAX_DEPTH};
use super::{Ingredients, Node, Role};
use crate::graph::id::ComponentId;

mod instance;
mod lost;
mod unused;

pub(super) use lost::Lost;
pub(super) use unused::rehearse;

/// How many nodes a configuration may have: custom components multiply, so that a short text could
/// ask for more than fits in memory.
const MAX_NODES: usize = 100_000;

/// How many imports a configuration may have, those in what it imports included: each is read, and
/// two lines can ask for as many as there are nodes. Real configurations have a few dozen.
const MAX_IMPORTS: usize = 1_000;

/// What expansion leaves to wiring.
#[derive(Default)]
pub(super) struct Expanded {
    pub nodes: Vec<Node>,
    pub modules: Vec<Module>,
    pub problems: Diagnostics,
    /// What was written and is no node because of one of the problems.
    pub lost: Lost,
    /// A bound was reached and said so.
    pub limited: bool,
    /// There are declarations of the configuration itself that nobody uses.
    pub unused: bool,
}

/// One name space: the configuration itself, the inside of an instance, an imported text.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Nodes by the name under which expressions reach their exports.
    pub names: BTreeMap<String, usize>,
    /// The nodes whose expressions are written here.
    pub members: Vec<usize>,
    /// Where each local id was first written.
    written: BTreeMap<String, Span>,
}

pub(super) fn expand(ingredients: Ingredients<'_>) -> Expanded {
    let mut expander = Expander::new(ingredients);
    expander.top();
    expander.expanded.unused = expander.unused().is_some();
    expander.expanded
}

/// Where a body is written.
#[derive(Clone)]
struct Place {
    /// Index of its module.
    module: usize,
    environment: usize,
    /// The module's id.
    id: String,
    /// The module's `module_path`.
    path: Arc<str>,
    depth: usize,
    /// Serials of the declarations around it.
    within: Vec<usize>,
    setting: Setting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    Top,
    Declaration,
    Import,
}

struct Expander<'a> {
    ingredients: Ingredients<'a>,
    environments: Environments,
    expanded: Expanded,
    serials: usize,
    imports: usize,
    /// The declarations that have an instance.
    used: BTreeSet<Written>,
    /// Whether this is about declarations that nobody uses.
    rehearsing: bool,
}

/// Where a block is written: a declaration inside of another exists once in every instance of that,
/// and yet is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    file: String,
    start: usize,
}

impl Written {
    fn of(block: &Block) -> Self {
        Self { file: block.span.source().name().to_owned(), start: block.span.start() }
    }
}

impl<'a> Expander<'a> {
    fn new(ingredients: Ingredients<'a>) -> Self {
        Self {
            ingredients,
            environments: Environments::default(),
            expanded: Expanded::default(),
            serials: 0,
            imports: 0,
            used: BTreeSet::new(),
            rehearsing: false,
        }
    }

    /// Expands the configuration.
    fn top(&mut self) {
        let bodies: Vec<Body> =
            self.ingredients.sources.iter().map(|source| self.parse(source).0).collect();
        let place = Place {
            module: self.open_module(),
            environment: self.environments.open(None),
            id: String::new(),
            path: self.ingredients.module_path.into(),
            depth: 0,
            within: Vec::new(),
            setting: Setting::Top,
        };
        self.bodies(&bodies, &place);
    }

    /// The body of a text, as far as it could be understood, and whether it is right.
    fn parse(&mut self, source: &syntax::Source) -> (Body, bool) {
        let (file, problems) = syntax::parse(source);
        let right = !problems.has_errors();
        self.expanded.lost.lines(&problems);
        self.expanded.problems.extend(problems);
        (file.body, right)
    }

    fn problem(&mut self, problem: Diagnostic) {
        self.expanded.problems.push(problem);
    }

    /// Says once that a bound was reached. What nobody uses costs nothing when it runs and may be as
    /// much as it likes; it is checked up to the bound.
    fn limit(&mut self, text: String, block: &Block) {
        if !std::mem::replace(&mut self.expanded.limited, true) && !self.rehearsing {
            self.problem(Diagnostic::error(text, &block.header()));
        }
    }

    fn open_module(&mut self) -> usize {
        self.expanded.modules.push(Module::default());
        self.expanded.modules.len() - 1
    }

    /// All bodies of one module: first what they declare, since the order of text means nothing.
    fn bodies(&mut self, bodies: &[Body], place: &Place) {
        for block in bodies.iter().flat_map(Body::blocks) {
            if &*block.name.text == "declare" {
                self.declare(block, place);
            } else if let Some(kind) = ImportKind::named(&block.name.text) {
                self.import(block, kind, place);
            }
        }
        for statement in bodies.iter().flat_map(|body| &body.statements) {
            match statement {
                Statement::Attribute(attribute) => self.problem(
                    Diagnostic::error(
                        format!("unrecognized attribute {:?}", &*attribute.name.name),
                        &attribute.name.span,
                    )
                    .hint("attributes stand inside of blocks"),
                ),
                Statement::Block(block) => self.block(block, place),
            }
        }
    }

    fn block(&mut self, block: &Arc<Block>, place: &Place) {
        let name = &*block.name.text;
        match name {
            "declare" => return,
            "argument" | "export" if place.setting == Setting::Declaration => return,
            _ if ImportKind::named(name).is_some() => return,
            _ => {}
        }
        if let Some(reason) = unsupported(name) {
            self.expanded.lost.block(block);
            let text = format!("{name} cannot be used here: {reason}");
            return self.problem(Diagnostic::error(text, &block.header()));
        }
        if place.setting == Setting::Import {
            let text = format!("{name} cannot be imported");
            return self.problem(
                Diagnostic::error(text, &block.header())
                    .hint("an imported text holds declare and import blocks"),
            );
        }
        if let Some(config) = ConfigBlock::named(name) {
            return self.config(block, config, place);
        }
        if let Some(kind) = self.ingredients.registry.kind(name) {
            let is_named = self.is_named(block, place);
            return self.named_node(is_named, Role::Component(kind), block, place);
        }
        match self.environments.lookup(place.environment, name) {
            Some(found) => self.instance(block, found, place),
            None => self.unknown(block, place),
        }
    }

    fn config(&mut self, block: &Arc<Block>, config: ConfigBlock, place: &Place) {
        let name = &block.name.text;
        let is_named = if place.setting != Setting::Top {
            let text = format!("{name} belongs at the top of the configuration");
            self.problem(Diagnostic::error(text, &block.header()));
            false
        } else if let Some(label) = &block.label {
            let text = format!("{name} takes no label");
            self.problem(Diagnostic::error(text, &label.span));
            false
        } else {
            self.claim(block, place)
        };
        self.named_node(is_named, Role::Config(config), block, place);
    }

    fn unknown(&mut self, block: &Arc<Block>, place: &Place) {
        self.expanded.lost.block(block);
        let name = &*block.name.text;
        let custom = self.environments.names(place.environment);
        let kinds = self.ingredients.registry.names();
        let known: Vec<&str> =
            kinds.iter().copied().chain(BLOCKS).chain(custom.iter().map(String::as_str)).collect();
        let close = did_you_mean(name, known.iter().copied());
        let mut has = format!("Shoal has: {}", kinds.join(", "));
        if !custom.is_empty() {
            has.push_str("; declared here: ");
            has.push_str(&custom.join(", "));
        }
        let hint = close.map_or(has.clone(), |close| format!("{close} {has}"));
        let text = format!("unknown component {name:?}");
        self.problem(Diagnostic::error(text, &block.name.span()).hint(hint));
    }

    fn has_label(&mut self, block: &Arc<Block>) -> bool {
        if block.label.is_none() {
            self.expanded.lost.block(block);
            let name = &block.name;
            self.problem(
                Diagnostic::error(format!("{name} needs a label"), &name.span())
                    .hint(format!("{name} \"default\" {{ ... }}")),
            );
        }
        block.label.is_some()
    }

    /// Whether a block has a label, and nobody else its name. What is in one without a name of its own
    /// is checked all the same.
    fn is_named(&mut self, block: &Arc<Block>, place: &Place) -> bool {
        self.has_label(block) && self.claim(block, place)
    }

    /// Claims the local id of a block, or says where it is taken.
    fn claim(&mut self, block: &Arc<Block>, place: &Place) -> bool {
        let module = &mut self.expanded.modules[place.module];
        let (header, local) = (block.header(), block.id());
        let first = module.written.entry(local.clone()).or_insert_with(|| header.clone());
        if first.start() == header.start() && first.source().name() == header.source().name() {
            return true;
        }
        let problem = Diagnostic::error(format!("{local} is defined twice"), &header)
            .note("it is first defined here", first);
        self.problem(problem);
        false
    }

    /// Adds a node that expressions reach by its local id, if it has one of its own.
    fn named_node(&mut self, is_named: bool, role: Role, block: &Arc<Block>, place: &Place) {
        let node = self.node(id(block, is_named, place), role, block, place);
        if let (Some(node), true) = (node, is_named) {
            self.expanded.modules[place.module].names.insert(block.id(), node);
        }
    }

    /// Adds a node whose expressions are written at `place`.
    fn node(
        &mut self,
        id: ComponentId,
        role: Role,
        block: &Arc<Block>,
        place: &Place,
    ) -> Option<usize> {
        let index = self.expanded.nodes.len();
        if index >= MAX_NODES {
            self.limit(format!("the configuration has more than {MAX_NODES} components"), block);
            return None;
        }
        self.expanded.nodes.push(Node {
            id,
            role,
            block: Arc::clone(block),
            bindings: Vec::new(),
            module_path: Arc::clone(&place.path),
            dependencies: Vec::new(),
            missing: Vec::new(),
        });
        self.expanded.modules[place.module].members.push(index);
        Some(index)
    }

    fn declare(&mut self, block: &Arc<Block>, place: &Place) {
        let mut is_named = self.is_named(block, place);
        let name = label(block);
        if self.ingredients.registry.kind(&name).is_some() {
            let text = format!("{name} is a component of Shoal and cannot be declared");
            self.problem(Diagnostic::error(text, &block.header()));
            is_named = false;
        }
        self.serials += 1;
        let declaration = Declaration {
            block: Arc::clone(block),
            environment: place.environment,
            module_path: Arc::clone(&place.path),
            serial: self.serials,
        };
        let environment = self.environments.at(place.environment);
        if is_named {
            environment.declarations.insert(name, Arc::new(declaration));
        } else {
            environment.nameless.push(Arc::new(declaration));
        }
    }

    fn import(&mut self, block: &Arc<Block>, kind: ImportKind, place: &Place) {
        if !self.is_named(block, place) {
            self.node(id(block, false, place), Role::Import(kind), block, place);
            return;
        }
        let label = label(block);
        if let Some(other) = self.environments.at(place.environment).imports.get(&label) {
            let other = self.expanded.nodes[other.node].block.header();
            let text =
                format!("two imports are called {label:?}: what is theirs cannot be told apart");
            return self.problem(
                Diagnostic::error(text, &block.header())
                    .note("this is the other", &other)
                    .hint("another label keeps them apart"),
            );
        }
        if self.imports == MAX_IMPORTS {
            self.limit(format!("the configuration has more than {MAX_IMPORTS} imports"), block);
            return;
        }
        self.imports += 1;
        let id = id(block, true, place);
        let Some(node) = self.node(id.clone(), Role::Import(kind), block, place) else { return };
        let content = self.ingredients.contents.get(&id).cloned();
        let content = content.and_then(|content| {
            if place.depth >= MAX_DEPTH {
                self.expanded.limited = true;
                let text = format!("imports nest deeper than {MAX_DEPTH}");
                self.problem(Diagnostic::error(text, &block.header()));
                return None;
            }
            let parsed: Vec<(Body, bool)> =
                content.sources().iter().map(|source| self.parse(source)).collect();
            let right = parsed.iter().all(|(_, right)| *right);
            let bodies: Vec<Body> = parsed.into_iter().map(|(body, _)| body).collect();
            let inside = Place {
                module: self.open_module(),
                environment: self.environments.open(None),
                id: id.to_string(),
                path: content.module_path.as_str().into(),
                depth: place.depth + 1,
                within: place.within.clone(),
                setting: Setting::Import,
            };
            self.bodies(&bodies, &inside);
            // What a broken text declares is not known, so nothing is unknown that it might.
            right.then_some(inside.environment)
        });
        let environment = self.environments.at(place.environment);
        environment.imports.insert(label, Import { content, node });
    }
}

/// The id of what a block becomes. Where the block has no name of its own, it is one that nobody can
/// write: ids are unique, also in a plan that is only checked.
fn id(block: &Block, is_named: bool, place: &Place) -> ComponentId {
    let written = block.id();
    let local = if is_named { written } else { format!("{written} at {}", block.span.start()) };
    ComponentId::new(place.id.as_str(), local)
}

/// The label of a block that has one.
fn label(block: &Block) -> Arc<str> {
    block.label.as_ref().map_or_else(|| "".into(), |label| Arc::clone(&label.value))
}

/// The expression of an attribute.
fn attribute(body: &Body, name: &str) -> Option<Arc<Expr>> {
    let found = body.attributes().find(|attribute| &*attribute.name.name == name);
    found.map(|attribute| Arc::clone(&attribute.value))
}
