//! From a block to a typed struct, with every mistake in its place.

mod converter;
mod evaluated;
mod fields;
mod problems;

#[cfg(test)]
mod tests;

pub use converter::Converter;
pub use evaluated::{Entry, Evaluated, EvaluatedAttribute, EvaluatedBlock};
pub use fields::Fields;
pub use problems::Problems;

use crate::ast::Block;
use crate::diagnostic::Diagnostics;
use crate::reference::FieldDoc;
use crate::scope::Scope;
use crate::value::Value;

/// What can be written in a block. Derived: `#[derive(Arguments)]` on a struct with named fields.
///
/// | on a field | means |
/// |---|---|
/// | (nothing) | an attribute of the field's name; optional if the field is an `Option`, else required |
/// | `#[arg(default)]`, `#[arg(default = EXPR)]` | optional, and this when absent |
/// | `#[arg(rename = "name")]` | it is called `name` |
/// | `#[arg(serde)]`, `#[arg(serde, kind = EXPR)]` | converted by `serde::Deserialize`; `kind` is the [`Type`](crate::Type) the reference shows (a string otherwise) |
/// | `#[arg(stability = experimental)]` | needs that `--stability.level` when set to something other than its default |
/// | `#[arg(block)]` | a block: `T` once, `Option<T>` at most once, `Vec<T>` any number of times; the `T` derives `Arguments` |
/// | `#[arg(block, default)]` | a block that may be left out, which means the same as an empty one |
/// | `#[arg(blocks)]` | a `Vec` of an enum that derives [`Blocks`]: blocks of several names, in the order they are written |
/// | `#[arg(label)]` | the label of the block; optional if the field is an `Option` |
/// | `#[arg(squash)]` | the fields of a struct that derives `Arguments`, as if they stood here |
///
/// On the struct, `#[arguments(validate = path)]` names a `fn(&Self, &mut Problems)` which checks
/// what types cannot say, whatever is wrong with single fields or with parts of them: those have a
/// stand-in then, see [`Problems::are_known`]; only where there is none (a required attribute that is
/// converted by `serde`, or whose type has no [`FromValue::stand_in`](crate::FromValue::stand_in)) is
/// it left out. And `#[arguments(default)]` implements `Default` from the defaults of
/// the fields. Comments on fields become the reference.
pub trait Arguments: Sized {
    /// Everything that can be written, in the order of the declaration.
    fn reference() -> Vec<FieldDoc>;

    /// Takes what is written from a body, with a stand-in for what is wrong or is not known before
    /// running; none where nothing can stand in. What is wrong has then been reported to `fields`.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Blocks of several names whose order counts. Derived: `#[derive(Blocks)]` on an enum whose
/// variants each hold a struct that derives [`Arguments`], with `#[block("stage.json")]` on each.
pub trait Blocks: Sized {
    /// The blocks there are.
    fn reference() -> Vec<FieldDoc>;

    /// Takes the block of that name; none as in [`Arguments::from_fields`], or if there is no
    /// such name.
    fn from_block(name: &str, fields: &mut Fields<'_>) -> Option<Self>;
}

/// What a component gives to others. Derived: `#[derive(Exports)]` on a struct whose fields are
/// [`IntoValue`](crate::IntoValue) and [`FromValue`](crate::FromValue) (which says their type).
pub trait Exports {
    /// Everything that can be read.
    fn reference() -> Vec<FieldDoc>;

    /// An object of it.
    fn to_value(&self) -> Value;

    /// The same object before anything runs: every field is [`Value::Unknown`] of its type.
    fn unknown() -> Value {
        Value::object(Self::reference().into_iter().map(|field| {
            let kind = match field.kind {
                crate::FieldKind::Attribute(kind) => kind,
                _ => crate::Type::Any,
            };
            (field.name, Value::Unknown(kind))
        }))
    }
}

/// Decodes a block.
///
/// # Errors
/// All that is wrong with it: expressions that fail, unknown, double and missing names, values of
/// the wrong type, and what the type's own validation says.
pub fn decode<T: Arguments>(block: &Block, scope: &Scope) -> Result<T, Diagnostics> {
    let (evaluated, mut diagnostics) = Evaluated::new(block, scope);
    let (value, found) = run(&evaluated);
    diagnostics.extend(found);
    diagnostics.into_result(value)
}

/// Decodes a block that has been evaluated.
///
/// # Errors
/// As [`decode`]; of a block that has been evaluated with errors, those are not repeated.
pub fn decode_evaluated<T: Arguments>(evaluated: &Evaluated) -> Result<T, Diagnostics> {
    let (value, diagnostics) = run(evaluated);
    diagnostics.into_result(value)
}

/// What can be said of a block without running: as [`decode`], where values that are
/// [`Value::Unknown`] are checked by their types.
pub fn check<T: Arguments>(block: &Block, scope: &Scope) -> Diagnostics {
    let (evaluated, mut diagnostics) = Evaluated::new(block, scope);
    diagnostics.extend(run::<T>(&evaluated).1);
    diagnostics
}

fn run<T: Arguments>(evaluated: &Evaluated) -> (Option<T>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut fields = Fields::new(evaluated, None, &mut diagnostics);
    let value = T::from_fields(&mut fields);
    let value = value.filter(|_| fields.are_known());
    fields.finish(&T::reference());
    (value, diagnostics)
}
