//! Where a type's own validation says what is wrong.

use super::Evaluated;
use super::converter::Kind;
use crate::convert::{Mismatch, Step};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Type;
use crate::source::Span;
use crate::value::Value;

/// Takes what a validation finds, by the name of the field at fault.
///
/// A field that is missing, wrong or known only when running has a stand-in while its struct is
/// validated; of a list or an object only the parts have one that are wrong or not known. What is
/// said of what stands in is dropped here, but what a validation says of one field because of others
/// is its own concern: see [`Self::are_known`].
pub struct Problems<'a> {
    body: &'a Evaluated,
    /// The fields that have a stand-in, and for which parts of them.
    open: &'a [(&'static str, Mismatch)],
    /// What the attributes that are written are.
    kinds: &'a [(&'static str, Kind)],
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Problems<'a> {
    pub(super) fn new(
        body: &'a Evaluated,
        open: &'a [(&'static str, Mismatch)],
        kinds: &'a [(&'static str, Kind)],
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self { body, open, kinds, diagnostics }
    }

    /// Something is wrong with an attribute or a block; where it is not written, with the block
    /// that should hold it. Of a field that has a stand-in, or some part of it, nothing is said.
    pub fn field(&mut self, name: &str, message: impl Into<String>) {
        if self.are_known(&[name]) {
            let found = self.found(name, &[], message);
            self.push(found);
        }
    }

    /// As [`Self::field`] of an attribute whose value must not be shown, and so neither its line,
    /// though its type is not that of a secret.
    pub fn secret(&mut self, name: &str, message: impl Into<String>) {
        if self.are_known(&[name]) {
            let found = self.found(name, &[], message).secret();
            self.push(found);
        }
    }

    /// Something is wrong with a part of an attribute's value, such as one element of a list. Of a
    /// part that has a stand-in, or holds or lies in one that has, nothing is said.
    pub fn part(&mut self, name: &str, path: &[Step], message: impl Into<String>) {
        let found = self.found(name, path, message);
        self.push_part(name, path, found);
    }

    /// As [`Self::part`] of a value that must not be shown.
    pub fn secret_part(&mut self, name: &str, path: &[Step], message: impl Into<String>) {
        let found = self.found(name, path, message).secret();
        self.push_part(name, path, found);
    }

    fn push_part(&mut self, name: &str, path: &[Step], found: Diagnostic) {
        if self.open(name).all(|open| open.at(path).is_none()) {
            self.diagnostics.push_part(found);
        }
    }

    /// The key at the end of a path is wrong, whatever is written for it: of that nothing need be
    /// known.
    pub fn key(&mut self, name: &str, path: &[Step], message: impl Into<String>) {
        let around = &path[..path.len().saturating_sub(1)];
        let is_written =
            |open: &Mismatch| matches!(open.at(around), None | Some(Mismatch::Parts(_)));
        if self.open(name).all(is_written) {
            let attribute = self.body.attribute(name);
            let span = attribute.map(|attribute| attribute.key_span_of(path));
            let span = span.unwrap_or_else(|| self.span(name, path));
            self.diagnostics.push_part(Diagnostic::error(message, &span));
        }
    }

    /// Something is wrong with one of several blocks of a name, counted from 0.
    pub fn nth_block(&mut self, name: &str, index: usize, message: impl Into<String>) {
        let block = self.body.blocks(name).nth(index);
        let header = block.map_or(&self.body.header, |block| &block.body.header);
        let diagnostic = Diagnostic::error(message, header);
        self.push(diagnostic);
    }

    /// It is wrong that an attribute or a block is written at all, whatever it says.
    pub fn presence(&mut self, name: &str, message: impl Into<String>) {
        let found = self.found(name, &[], message);
        self.push(found);
    }

    /// Something is wrong with the block as a whole. Of one that could not be read as a whole nothing is
    /// said.
    pub fn block(&mut self, message: impl Into<String>) {
        if self.body.is_complete {
            let diagnostic = Diagnostic::error(message, &self.body.header);
            self.push(diagnostic);
        }
    }

    /// Whether a field is written, rather than left to its default.
    pub fn is_written(&self, name: &str) -> bool {
        self.body.attribute(name).is_some() || self.body.blocks(name).next().is_some()
    }

    /// Whether an attribute that takes a text is set to one: an empty text is as good as none, as everywhere
    /// in this language. `value` is what the field holds.
    ///
    /// What is known only when running, or is wrong, counts as set. But where not even its type is known
    /// it may be `null`, as an argument that may be left out is.
    pub fn is_set(&self, name: &str, value: Option<&str>) -> bool {
        let Some(attribute) = self.body.attribute(name) else { return false };
        if self.are_known(&[name]) {
            return value.is_some_and(|value| !value.is_empty());
        }
        !matches!(attribute.value, Value::Unknown(Type::Any))
    }

    /// Whether what these fields hold is what is written, or their default where nothing is: none,
    /// nor any part of one, is missing, wrong, known only when running, or absent from a block that could
    /// not be read as a whole. A check that holds several
    /// fields against each other asks for all of them before it says anything; else the user would
    /// read of a contradiction with a value that nobody wrote.
    pub fn are_known(&self, names: &[&str]) -> bool {
        names.iter().all(|name| {
            let unknown = |body: &Evaluated| {
                body.attribute(name).is_some_and(|attribute| attribute.value.is_unknown())
            };
            let is_read = self.body.is_complete || self.is_written(name);
            is_read && self.open(name).next().is_none() && !unknown(self.body)
        })
    }

    fn open(&self, name: &str) -> impl Iterator<Item = &'a Mismatch> {
        self.open.iter().filter(move |(open, _)| *open == name).map(|(_, parts)| parts)
    }

    /// A mistake where a part of a field is written. Where a field may hold a secret its line is not
    /// shown.
    fn found(&self, name: &str, path: &[Step], message: impl Into<String>) -> Diagnostic {
        let found = Diagnostic::error(message, &self.span(name, path));
        let mut kinds = self.kinds.iter().filter(|(known, _)| *known == name);
        if kinds.any(|(_, kind)| kind().may_be_secret()) { found.secret() } else { found }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, name: &str, path: &[Step]) -> Span {
        if let Some(attribute) = self.body.attribute(name) {
            return attribute.span_of(path);
        }
        let block = self.body.blocks(name).next();
        block.map_or_else(|| self.body.header.clone(), |block| block.body.header.clone())
    }
}
