//! Taking the fields of a struct out of a body, one by one.

use super::converter::Kind;
use super::{
    Arguments, Blocks, Converter, Entry, Evaluated, EvaluatedAttribute, EvaluatedBlock, Problems,
};
use crate::ast::Label;
use crate::convert::{FromValue, Mismatch, Mistake};
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::reference::{FieldDoc, FieldKind};
use crate::value::{Stability, Value};

/// A body on its way into a struct: who decodes takes fields by name; what is left in the end
/// is reported as unknown. A field that is missing, wrong or not known before running gets a
/// stand-in, so that the rest can still be checked; its methods give none when there is nothing to
/// stand in for it.
pub struct Fields<'a> {
    body: &'a Evaluated,
    label: Option<&'a Label>,
    label_taken: bool,
    taken: Vec<bool>,
    /// The fields that are not what is written, and which parts of them; [`Mismatch::Unknown`]
    /// where nothing is known of any part.
    open: Vec<(&'static str, Mismatch)>,
    /// What the attributes that are written are, as far as that is known.
    kinds: Vec<(&'static str, Kind)>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        body: &'a Evaluated,
        label: Option<&'a Label>,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let taken = vec![false; body.entries.len()];
        let (open, kinds) = (Vec::new(), Vec::new());
        Self { body, label, label_taken: false, taken, open, kinds, diagnostics }
    }

    /// An attribute that must be there.
    pub fn required<T>(&mut self, name: &'static str, converter: &Converter<T>) -> Option<T> {
        match self.take_attribute(name) {
            Some(attribute) => self.convert(name, attribute, converter).or_else(converter.stand_in),
            None => {
                if self.body.is_complete && self.body.blocks(name).next().is_none() {
                    let message = format!("missing required attribute {name:?}");
                    self.error(Diagnostic::error(message, &self.body.header));
                }
                self.open(name);
                (converter.stand_in)()
            }
        }
    }

    /// An attribute that has a default; this also stands in for it.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        converter: &Converter<T>,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        let converted = match self.take_attribute(name) {
            Some(attribute) => self.convert(name, attribute, converter),
            None => {
                self.mark_block(name);
                None
            }
        };
        Some(converted.unwrap_or_else(default))
    }

    /// An attribute that may be absent.
    pub fn maybe<T>(
        &mut self,
        name: &'static str,
        converter: &Converter<Option<T>>,
    ) -> Option<Option<T>> {
        match self.take_attribute(name) {
            Some(attribute) => {
                let converted = self.convert(name, attribute, converter);
                Some(converted.or_else(converter.stand_in).flatten())
            }
            None => {
                self.mark_block(name);
                Some(None)
            }
        }
    }

    /// A block that must be there once.
    pub fn block<T: Arguments>(&mut self, name: &'static str) -> Option<T> {
        match self.take_blocks(name).first() {
            Some(block) => self.decode_block(name, block),
            None => {
                if self.body.is_complete && self.body.attribute(name).is_none() {
                    let message = format!("missing required block {name:?}");
                    self.error(Diagnostic::error(message, &self.body.header));
                }
                self.open(name);
                // What would be missing in an empty one is not missing here.
                self.empty_block(name, &mut Diagnostics::default())
            }
        }
    }

    /// A block that may be there once.
    pub fn optional_block<T: Arguments>(&mut self, name: &'static str) -> Option<Option<T>> {
        let block = self.single_block(name);
        Some(block.and_then(|block| self.decode_block(name, block)))
    }

    /// A block that may be there once; absent, it is as if it were written empty.
    pub fn block_or_empty<T: Arguments>(&mut self, name: &'static str) -> Option<T> {
        match self.single_block(name) {
            Some(block) => self.decode_block(name, block),
            None => {
                let mut diagnostics = Diagnostics::default();
                let value = self.empty_block(name, &mut diagnostics);
                if self.body.is_complete {
                    self.diagnostics.extend(diagnostics);
                }
                value
            }
        }
    }

    fn empty_block<T: Arguments>(
        &mut self,
        name: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        let (entries, header) = (Vec::new(), self.body.header.clone());
        let (stability, module_path) = (self.body.stability, self.body.module_path.clone());
        let empty = Evaluated { entries, header, is_complete: true, stability, module_path };
        let mut fields = Fields::new(&empty, None, diagnostics);
        let value = T::from_fields(&mut fields);
        if value.is_none() || !fields.are_known() {
            self.open(name);
        }
        value
    }

    /// A block that may be there any number of times.
    pub fn repeated<T: Arguments>(&mut self, name: &'static str) -> Option<Vec<T>> {
        let blocks = self.take_blocks(name);
        let decoded: Vec<Option<T>> =
            blocks.into_iter().map(|block| self.decode_block(name, block)).collect();
        // All or none: a validation counts them as they are written.
        let all: Option<Vec<T>> = decoded.into_iter().collect();
        Some(all.unwrap_or_default())
    }

    /// Blocks of several names, in the order of the text.
    pub fn ordered<T: Blocks>(&mut self) -> Option<Vec<T>> {
        let reference = T::reference();
        let mut decoded = Vec::new();
        for (at, entry) in self.body.entries.iter().enumerate() {
            let Entry::Block(block) = entry else { continue };
            let Some(field) = reference.iter().find(|field| *field.name == *block.name.text) else {
                continue;
            };
            self.taken[at] = true;
            self.check_stability(field, block);
            let nested = nested(field);
            let decode = |fields: &mut Fields<'_>| T::from_block(field.name, fields);
            decoded.push(self.inside(field.name, block, &nested, decode));
        }
        let all: Option<Vec<T>> = decoded.into_iter().collect();
        Some(all.unwrap_or_default())
    }

    /// The label, which must be there.
    pub fn label<T: FromValue>(&mut self) -> Option<T> {
        let label = self.optional_label()?;
        if label.is_none() {
            let message = "this block needs a label";
            self.error(Diagnostic::error(message, &self.body.header).hint("name \"label\" { … }"));
        }
        label.or_else(T::stand_in)
    }

    /// The label, which may be absent.
    pub fn optional_label<T: FromValue>(&mut self) -> Option<Option<T>> {
        self.label_taken = true;
        let Some(label) = self.label else { return Some(None) };
        match T::from_value(&Value::String(label.value.clone())) {
            Ok(label) => Some(Some(label)),
            Err(mismatch) => {
                if let Some(Mistake { message, hint, .. }) = mismatch.first() {
                    let hint = hint.map(str::to_owned);
                    self.error(Diagnostic::error(message, &label.span).maybe_hint(hint));
                }
                T::stand_in().map(Some)
            }
        }
    }

    /// Refuses a field below its stability, unless it says what holds without it.
    pub fn gate(&mut self, name: &str, stability: Stability, default: Option<Value>) {
        if stability.allowed_at(self.body.stability) {
            return;
        }
        let attribute = self.body.attribute(name);
        if attribute.is_some_and(|attribute| Some(&attribute.value) == default.as_ref()) {
            return;
        }
        let block = self.body.blocks(name).next().map(|block| &block.body.header);
        let Some(span) = attribute.map(|attribute| &attribute.name.span).or(block) else { return };
        self.error(unstable(name, stability, span));
    }

    /// Runs a type's own validation. What it finds is reported; the value goes on all the same, so
    /// that the struct around it is validated too.
    pub fn validate<T>(&mut self, value: T, check: fn(&T, &mut Problems<'_>)) -> T {
        check(&value, &mut Problems::new(self.body, &self.open, &self.kinds, self.diagnostics));
        value
    }

    /// Whether nothing stands in for a field.
    pub(super) fn are_known(&self) -> bool {
        self.open.is_empty()
    }

    /// Reports everything that was not taken, and what was written twice.
    pub(super) fn finish(self, reference: &[FieldDoc]) {
        for (entry, taken) in self.body.entries.iter().zip(&self.taken) {
            if !taken {
                self.diagnostics.push(unknown(entry, reference));
            }
        }
    }

    fn take_attribute(&mut self, name: &str) -> Option<&'a EvaluatedAttribute> {
        let mut first: Option<&'a EvaluatedAttribute> = None;
        for (at, entry) in self.body.entries.iter().enumerate() {
            let Entry::Attribute(attribute) = entry else { continue };
            if *attribute.name.name != *name {
                continue;
            }
            self.taken[at] = true;
            match first {
                None => first = Some(attribute),
                Some(first) => {
                    let message = format!("attribute {name:?} is set twice");
                    let double = Diagnostic::error(message, &attribute.name.span)
                        .note("it is set first here", &first.name.span);
                    self.diagnostics.push(double);
                }
            }
        }
        first
    }

    /// Where an attribute is written as a block, which is reported in the end, what it should say
    /// is not known.
    fn mark_block(&mut self, name: &'static str) {
        if self.body.blocks(name).next().is_some() {
            self.open(name);
        }
    }

    fn take_blocks(&mut self, name: &str) -> Vec<&'a EvaluatedBlock> {
        let mut found = Vec::new();
        for (at, entry) in self.body.entries.iter().enumerate() {
            if let Entry::Block(block) = entry
                && *block.name.text == *name
            {
                self.taken[at] = true;
                found.push(block);
            }
        }
        found
    }

    fn single_block(&mut self, name: &'static str) -> Option<&'a EvaluatedBlock> {
        let blocks = self.take_blocks(name);
        if blocks.is_empty() && self.body.attribute(name).is_some() {
            self.open(name);
        }
        let (first, more) = blocks.split_first()?;
        for double in more {
            let message = format!("block {name:?} is written twice");
            let double = Diagnostic::error(message, &double.body.header)
                .note("it is written first here", &first.body.header);
            self.diagnostics.push(double);
        }
        Some(first)
    }

    fn convert<T>(
        &mut self,
        name: &'static str,
        attribute: &EvaluatedAttribute,
        converter: &Converter<T>,
    ) -> Option<T> {
        self.kinds.extend(converter.kind.map(|kind| (name, kind)));
        let mismatch = match (converter.convert)(&attribute.value) {
            Ok(value) => return Some(value),
            Err(mismatch) => mismatch,
        };
        for Mistake { path, message, hint, secret } in mismatch.mistakes() {
            // A key may be what must not be shown.
            let beyond = if secret { String::new() } else { attribute.beyond_span_of(&path) };
            let place = if beyond.is_empty() { beyond } else { format!(", at {beyond}") };
            let message = format!("attribute {name:?}{place}: {message}");
            let found = Diagnostic::error(message, &attribute.span_of(path))
                .maybe_hint(hint.map(str::to_owned));
            self.diagnostics.push_part(if secret { found.secret() } else { found });
        }
        let mended = (converter.mended)(&attribute.value);
        // Of a field that holds nothing of what is written, no part is known.
        let open = if mended.is_some() { mismatch } else { Mismatch::Unknown };
        self.open.push((name, open));
        mended
    }

    /// Something stands in for all of a field, or it has nothing at all.
    fn open(&mut self, name: &'static str) {
        self.open.push((name, Mismatch::Unknown));
    }

    fn decode_block<T: Arguments>(
        &mut self,
        name: &'static str,
        block: &EvaluatedBlock,
    ) -> Option<T> {
        self.inside(name, block, &T::reference(), T::from_fields)
    }

    fn inside<T>(
        &mut self,
        name: &'static str,
        block: &EvaluatedBlock,
        reference: &[FieldDoc],
        decode: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields::new(&block.body, block.label.as_ref(), self.diagnostics);
        let value = decode(&mut fields);
        if let (Some(label), false) = (fields.label, fields.label_taken) {
            let message = format!("block {:?} takes no label", block.name.text);
            fields.error(Diagnostic::error(message, &label.span));
        }
        let known = fields.are_known();
        fields.finish(reference);
        if value.is_none() || !known {
            self.open(name);
        }
        value
    }

    fn check_stability(&mut self, field: &FieldDoc, block: &EvaluatedBlock) {
        if !field.stability.allowed_at(self.body.stability) {
            self.error(unstable(field.name, field.stability, &block.body.header));
        }
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

fn nested(field: &FieldDoc) -> Vec<FieldDoc> {
    match field.kind {
        FieldKind::Block { nested, .. } => nested(),
        _ => Vec::new(),
    }
}

fn unstable(name: &str, stability: Stability, span: &crate::Span) -> Diagnostic {
    let message = format!("{name:?} is {stability}");
    Diagnostic::error(message, span).hint(format!("start with --stability.level={stability}"))
}

fn unknown(entry: &Entry, reference: &[FieldDoc]) -> Diagnostic {
    let is_attribute = |field: &&FieldDoc| matches!(field.kind, FieldKind::Attribute(_));
    let is_block = |field: &&FieldDoc| matches!(field.kind, FieldKind::Block { .. });
    let (what, name, span, known): (_, _, _, Vec<&str>) = match entry {
        Entry::Attribute(attribute) => (
            "attribute",
            &*attribute.name.name,
            &attribute.name.span,
            reference.iter().filter(is_attribute).map(|field| field.name).collect(),
        ),
        Entry::Block(block) => (
            "block",
            &*block.name.text,
            &block.body.header,
            reference.iter().filter(is_block).map(|field| field.name).collect(),
        ),
    };
    let other = reference.iter().find(|field| field.name == name).map(|field| match field.kind {
        FieldKind::Block { .. } => format!("{name:?} is a block: {name} {{ … }}"),
        _ => format!("{name:?} is an attribute: {name} = …"),
    });
    let hint = other.or_else(|| did_you_mean(name, known.iter().copied())).or_else(|| {
        (!known.is_empty()).then(|| format!("the {what}s here are {}", known.join(", ")))
    });
    Diagnostic::error(format!("unknown {what} {name:?}"), span).maybe_hint(hint)
}
