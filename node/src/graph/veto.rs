//! What a configuration must not say on a process that was started with these flags, and what it says
//! that cannot be done.

use std::fmt;
use std::sync::Arc;

use syntax::{Diagnostic, Evaluated, Scope};

use super::evaluate;
use super::plan::{ConfigBlock, Plan, Role};
use crate::config::Config;
use crate::server::config::HttpConfig;

/// Why an `http` block cannot be used with the flags that the process was started with, and what to do
/// about it.
type Objection = dyn Fn(&HttpConfig) -> Option<String> + Send + Sync;

/// Looks at the `http` block of each configuration before it is taken over. A configuration that it
/// objects to is as wrong as one that cannot be read: what ran before runs on.
#[derive(Clone, Default)]
pub struct Veto(Option<Arc<Objection>>);

impl Veto {
    /// Objects as `objection` does.
    pub fn new(objection: impl Fn(&HttpConfig) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(objection)))
    }

    /// What is wrong with `plan`. A block that depends on what components will export is not known yet,
    /// and passes. With `attempt`, what TLS is made of is read and tried, too, which blocks.
    pub(super) fn object(&self, plan: &Plan, library: &Scope, attempt: bool) -> Option<Diagnostic> {
        let objection = |http: &HttpConfig| self.0.as_ref().and_then(|objection| objection(http));
        let is_http = |role: &Role| matches!(role, Role::Config(ConfigBlock::Http));
        let Some(node) = plan.nodes.iter().find(|node| is_http(&node.role)) else {
            return objection(&HttpConfig::default()).map(Diagnostic::unplaced);
        };
        let scope = evaluate::scope(library, node, |_| None).ok()?;
        let (evaluated, problems) = Evaluated::new(&node.block, &scope);
        let mut config = Config::default();
        if problems.has_errors() || config.apply(ConfigBlock::Http, &evaluated).is_err() {
            return None;
        }
        let unusable = || config.http.tls.as_ref().filter(|_| attempt)?.problem();
        let text = objection(&config.http).or_else(unusable)?;
        Some(Diagnostic::error(text, &node.block.header()))
    }
}

impl fmt::Debug for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Veto(..)" } else { "Veto(none)" })
    }
}
