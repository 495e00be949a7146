//! Names of components.

use std::fmt;

/// The name of a component: the module it lives in and its name there.
///
/// It is written `prometheus.scrape.default` in the configuration's own module and
/// `cluster_monitoring.prod/prometheus.scrape.default` inside the custom component
/// `cluster_monitoring.prod`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    /// The ids of the custom components around it, joined by `/`; empty at the top.
    pub module: String,
    /// `name.label`, or the name alone where a kind takes no label.
    pub local: String,
}

impl ComponentId {
    /// The id of a component in a module; `module` is empty at the top.
    pub fn new(module: impl Into<String>, local: impl Into<String>) -> Self {
        Self { module: module.into(), local: local.into() }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('/') {
            Some((module, local)) => Self::new(module, local),
            None => Self::new("", text),
        }
    }

    /// The value of the metric label `component_path`: `/` and the module.
    pub fn path(&self) -> String {
        format!("/{}", self.module)
    }

    /// The id of the module inside, if this is a custom component.
    pub fn as_module(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.module.is_empty() {
            f.write_str(&self.local)
        } else {
            write!(f, "{}/{}", self.module, self.local)
        }
    }
}
