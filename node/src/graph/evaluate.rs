//! What the expressions of a node mean, given what others export.

use std::sync::Arc;

use syntax::ast::Expr;
use syntax::{Diagnostics, Entry, Evaluated, Scope, Type, Value, Variables};

use super::plan::{Export, MODULE_PATH, Node};

/// The scope of a node's expressions: the standard library and what its names are bound to. A name
/// that means nothing could be anything: that it means nothing has been said, and what else is
/// wrong where it stands can still be found.
///
/// # Errors
///
/// The index of a node that has nothing to give yet.
pub(super) fn scope(
    library: &Scope,
    node: &Node,
    exports: impl Fn(usize) -> Option<Value>,
) -> Result<Scope, usize> {
    let mut variables = Variables::new();
    variables.set([MODULE_PATH], Value::string(&node.module_path));
    for name in &node.missing {
        variables.set(name.iter().map(|part| &**part), Value::Unknown(Type::Any));
    }
    for binding in &node.bindings {
        let value = exports(binding.node).ok_or(binding.node)?;
        variables.set(binding.path.iter().map(|part| &**part), value);
    }
    Ok(library.child(variables))
}

/// What is given to an instance of a custom component: an object of its attributes.
pub(super) fn given(evaluated: &Evaluated) -> Value {
    Value::object(evaluated.entries.iter().filter_map(|entry| match entry {
        Entry::Attribute(attribute) => {
            Some((Arc::clone(&attribute.name.name), attribute.value.clone()))
        }
        Entry::Block(_) => None,
    }))
}

/// What `argument.NAME` means inside: an object with the value that was given, or the default.
///
/// # Errors
///
/// When the default cannot be evaluated.
pub(super) fn argument(
    given: &Value,
    name: &str,
    default: Option<&Expr>,
    scope: &Scope,
) -> Result<Value, Diagnostics> {
    let given = match given {
        Value::Object(object) => object.get(name).cloned(),
        _ => None,
    };
    let value = match (given, default) {
        (Some(value), _) => value,
        (None, Some(default)) => syntax::evaluate(default, scope)?,
        (None, None) => Value::Null,
    };
    Ok(Value::object([("value", value)]))
}

/// What a custom component exports: an object, and every mistake in it. An export that fails is not
/// known.
pub(super) fn outputs(exports: &[Export], scope: &Scope) -> (Value, Diagnostics) {
    let mut problems = Diagnostics::default();
    let entries = exports.iter().map(|export| {
        let value = syntax::evaluate(&export.value, scope).unwrap_or_else(|found| {
            problems.extend(found);
            Value::Unknown(Type::Any)
        });
        (Arc::clone(&export.name), value)
    });
    let value = Value::object(entries);
    (value, problems)
}
