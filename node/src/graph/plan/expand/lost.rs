//! What was written and not understood: nothing that refers to it is unknown, whatever else is wrong.

use std::collections::BTreeSet;

use syntax::ast::Block;
use syntax::{Diagnostics, Span, Traversal};

/// Beginnings of names.
#[derive(Debug, Default)]
pub(in crate::graph::plan) struct Lost(BTreeSet<String>);

impl Lost {
    /// A block that became no node.
    pub(super) fn block(&mut self, block: &Block) {
        self.0.insert(block.id());
    }

    /// The blocks that may begin in lines that could not be read.
    pub(super) fn lines(&mut self, problems: &Diagnostics) {
        for line in problems.iter().filter_map(|problem| problem.span.as_ref()).map(line) {
            let begins = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'));
            let name = line.trim_start().split(begins).next().unwrap_or_default();
            self.0.insert(name.to_owned());
        }
    }

    /// Whether a reference may be to something that was written and not understood.
    pub(in crate::graph::plan) fn may_have(&self, traversal: &Traversal) -> bool {
        let names: Vec<&str> = traversal.names().collect();
        (1..=names.len()).any(|length| self.0.contains(&names[..length].join(".")))
    }
}

/// The line that a place is on.
fn line(place: &Span) -> &str {
    place.source().line(place.position().line)
}
