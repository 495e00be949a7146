//! What names mean: the variables of a module, then the standard library.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::stdlib;
use crate::value::{Stability, Value};

/// The variable with the directory of the text that a name stands in.
const MODULE_PATH: &str = "module_path";

/// What a configuration can ask of the machine it runs on, read once by whoever starts the node.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The machine's name.
    pub hostname: String,
    /// The operating system, as Go calls it (`linux`, `darwin`).
    pub os: String,
    /// The processor architecture, as Go calls it (`amd64`, `arm64`).
    pub arch: String,
    /// The version of this program.
    pub version: String,
}

/// The names an expression can use. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parent: Option<Scope>,
    variables: BTreeMap<Arc<str>, Value>,
    library: Arc<BTreeMap<Arc<str>, Value>>,
    stability: Stability,
}

impl Scope {
    /// The standard library for a machine, at a stability level.
    pub fn new(host: &Host, stability: Stability) -> Self {
        let library = Arc::new(stdlib::library(host));
        Self(Arc::new(Inner { parent: None, variables: BTreeMap::new(), library, stability }))
    }

    /// A scope with more variables, which hide those of the same name in this.
    pub fn child(&self, variables: Variables) -> Self {
        Self(Arc::new(Inner {
            parent: Some(self.clone()),
            variables: variables.finish(),
            library: self.0.library.clone(),
            stability: self.0.stability,
        }))
    }

    /// What a name means: the innermost variable, else what the standard library has.
    pub fn lookup(&self, name: &str) -> Option<&Value> {
        let mut scope = Some(self);
        while let Some(Self(inner)) = scope {
            if let Some(value) = inner.variables.get(name) {
                return Some(value);
            }
            scope = inner.parent.as_ref();
        }
        self.0.library.get(name)
    }

    /// Whether the standard library has a top-level name, whatever the variables say.
    pub fn is_library(&self, name: &str) -> bool {
        self.0.library.contains_key(name)
    }

    /// Every name that means something here, in no particular order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.library.keys().map(|name| &**name).collect();
        let mut scope = Some(self);
        while let Some(Self(inner)) = scope {
            names.extend(inner.variables.keys().map(|name| &**name));
            scope = inner.parent.as_ref();
        }
        names
    }

    /// Where relative paths of the text begin: the variable `module_path`, empty without one.
    pub fn module_path(&self) -> Arc<str> {
        match self.lookup(MODULE_PATH) {
            Some(Value::String(path)) => Arc::clone(path),
            _ => "".into(),
        }
    }

    /// The stability level the configuration runs at.
    pub fn stability(&self) -> Stability {
        self.0.stability
    }
}

/// Variables for a scope, by dotted path: the exports of `a.b.c` are what the expression `a.b.c`
/// means.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<Arc<str>, Node>);

#[derive(Clone, Debug, Default)]
struct Node {
    value: Option<Value>,
    children: BTreeMap<Arc<str>, Node>,
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a path means. Where one path is the beginning of another, the longer one is
    /// seen as a field of the shorter, unless that is not known.
    ///
    /// # Panics
    /// If the path is empty.
    pub fn set<'a>(&mut self, path: impl IntoIterator<Item = &'a str>, value: Value) {
        let mut path = path.into_iter();
        let first = path.next().expect("a variable has a name");
        let node = path.fold(self.0.entry(first.into()).or_default(), |node, part| {
            node.children.entry(part.into()).or_default()
        });
        node.value = Some(value);
    }

    fn finish(self) -> BTreeMap<Arc<str>, Value> {
        self.0.into_iter().map(|(name, node)| (name, node.finish())).collect()
    }
}

impl Node {
    fn finish(self) -> Value {
        if self.children.is_empty() {
            return self.value.unwrap_or(Value::Null);
        }
        let own = match self.value {
            Some(Value::Object(object)) => object,
            // It may have any field beside those that are set.
            Some(unknown @ Value::Unknown(_)) => return unknown,
            _ => crate::value::Object::default(),
        };
        let own: Vec<_> = own.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let children = self.children.into_iter().map(|(name, node)| (name, node.finish()));
        Value::Object(own.into_iter().chain(children).collect())
    }
}
