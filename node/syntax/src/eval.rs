//! From an expression to its value.

mod operators;
#[cfg(test)]
mod tests;

use crate::ast::{BinaryOp, Expr, ExprKind, Field, Ident, UnaryOp};
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::kind::Type;
use crate::scope::Scope;
use crate::source::Span;
use crate::value::{Number, Value};

use operators::Sorts;

/// Evaluates an expression. Both sides of `&&` and `||` are always evaluated.
///
/// # Errors
/// Everything that fails by itself, in the order of the text: unknown names, operators on the wrong
/// types, indexes out of range, functions that refuse their arguments. What only follows from
/// another failure is not among them.
pub fn evaluate(expr: &Expr, scope: &Scope) -> Result<Value, Diagnostics> {
    let (value, problems) = evaluate_parts(expr, scope);
    problems.into_result(Some(value))
}

/// As [`evaluate`], with what can be evaluated all the same: what fails is not known, be it all of
/// the value or a part of it.
pub(crate) fn evaluate_parts(expr: &Expr, scope: &Scope) -> (Value, Diagnostics) {
    let mut evaluation = Evaluation { scope, problems: Diagnostics::default() };
    let value = evaluation.value(expr);
    (value, evaluation.problems)
}

struct Evaluation<'a> {
    scope: &'a Scope,
    /// What has failed so far; without a failure nothing is allocated for it.
    problems: Diagnostics,
}

impl Evaluation<'_> {
    /// A part that failed is of any type and not known, so that nothing more is said of what is made
    /// of it.
    fn value(&mut self, expr: &Expr) -> Value {
        // Every kind has a function of its own, so that a level of recursion needs little stack.
        match &expr.kind {
            ExprKind::Literal(value) => value.clone(),
            // Nothing more is wrong with it than what has been reported.
            ExprKind::Broken => Value::Unknown(Type::Any),
            ExprKind::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.value(element)).collect())
            }
            ExprKind::Object(fields) => self.object(fields),
            ExprKind::Paren(inner) => self.value(inner),
            ExprKind::Identifier(name) => self.identifier(name, expr),
            ExprKind::Access(value, field) => self.access(value, field, expr),
            ExprKind::Index(value, index) => self.index(value, index, expr),
            ExprKind::Call(function, arguments) => self.call(function, arguments, expr),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, expr),
            ExprKind::Binary(left, operator, place, right) => {
                self.binary(left, *operator, place, right)
            }
        }
    }

    fn object(&mut self, fields: &[Field]) -> Value {
        let entry = |field: &Field| (field.key.clone(), self.value(&field.value));
        Value::Object(fields.iter().map(entry).collect())
    }

    fn identifier(&mut self, name: &str, expr: &Expr) -> Value {
        let found = identifier(name, expr, self.scope);
        self.keep(found)
    }

    fn access(&mut self, value: &Expr, field: &Ident, expr: &Expr) -> Value {
        let of = self.value(value);
        let found = access(&of, field, value).and_then(|value| allowed(value, expr, self.scope));
        self.keep(found)
    }

    fn index(&mut self, value: &Expr, at: &Expr, expr: &Expr) -> Value {
        let (of, index) = (self.value(value), self.value(at));
        let found =
            self::index(&of, &index, value, at).and_then(|value| allowed(value, expr, self.scope));
        self.keep(found)
    }

    fn call(&mut self, function: &Expr, arguments: &[Expr], expr: &Expr) -> Value {
        let called = self.value(function);
        let values: Vec<Value> = arguments.iter().map(|one| self.value(one)).collect();
        self.keep(apply(&called, &values, function, arguments, expr))
    }

    fn unary(&mut self, operator: UnaryOp, operand: &Expr, expr: &Expr) -> Value {
        let value = self.value(operand);
        let result = operators::unary(operator, &value);
        self.keep(result.map_err(|message| Diagnostic::error(message, &expr.span)))
    }

    fn binary(&mut self, left: &Expr, operator: BinaryOp, place: &Span, right: &Expr) -> Value {
        let (left, right) = (self.value(left), self.value(right));
        let result = operators::binary(&left, operator, &right);
        self.keep(result.map_err(|message| Diagnostic::error(message, place)))
    }

    fn keep(&mut self, result: Result<Value, Diagnostic>) -> Value {
        result.unwrap_or_else(|problem| {
            self.problems.push(problem);
            Value::Unknown(Type::Any)
        })
    }
}

/// Refuses a function that is not as stable as the configuration asks for.
fn allowed(value: Value, expr: &Expr, scope: &Scope) -> Result<Value, Diagnostic> {
    if let Value::Function(function) = &value
        && !function.stability().allowed_at(scope.stability())
    {
        let (name, level) = (function.name(), function.stability());
        return Err(Diagnostic::error(format!("{name} is {level}"), &expr.span)
            .hint(format!("start with --stability.level={level}")));
    }
    Ok(value)
}

fn identifier(name: &str, expr: &Expr, scope: &Scope) -> Result<Value, Diagnostic> {
    let found = scope.lookup(name).cloned().ok_or_else(|| {
        Diagnostic::error(format!("{name:?} does not exist"), &expr.span)
            .maybe_hint(did_you_mean(name, scope.names()))
    });
    found.and_then(|value| allowed(value, expr, scope))
}

fn access(of: &Value, field: &Ident, expr: &Expr) -> Result<Value, Diagnostic> {
    match of.plain() {
        Value::Object(object) => object.get(&field.name).cloned().ok_or_else(|| {
            let message = format!("{} has no field {:?}", shorten(expr), field.name);
            let known = object.iter().map(|(key, _)| &**key);
            let all = object.iter().map(|(key, _)| &**key).take(20).collect::<Vec<_>>();
            let all = (!all.is_empty()).then(|| format!("it has {}", all.join(", ")));
            Diagnostic::error(message, &field.span)
                .maybe_hint(all)
                .maybe_hint(did_you_mean(&field.name, known))
        }),
        Value::Unknown(Type::Map(value)) => Ok(Value::Unknown(*value)),
        Value::Unknown(Type::Any) => Ok(Value::Unknown(Type::Any)),
        other => {
            let kind = operators::kind(&other);
            Err(Diagnostic::error(format!("a {kind} has no fields"), &field.span))
        }
    }
}

fn index(of: &Value, at: &Value, of_expr: &Expr, at_expr: &Expr) -> Result<Value, Diagnostic> {
    match (of.plain(), at.plain()) {
        (Value::Object(object), Value::String(key)) => {
            Ok(object.get(&key).cloned().unwrap_or(Value::Null))
        }
        (Value::Array(values), Value::Number(at)) => element(&values, at, at_expr),
        (of, at) => {
            let sorts = Sorts::of(&at);
            let object = |inner| (inner, sorts.string, "an object is indexed by a string");
            let list = |inner| (inner, sorts.number, "a list is indexed by a number");
            let (inner, fits, rule) = match of {
                Value::Unknown(Type::Any) => return Ok(Value::Unknown(Type::Any)),
                Value::Object(_) => object(Type::Any),
                Value::Unknown(Type::Map(inner)) => object(*inner),
                Value::Array(_) => list(Type::Any),
                Value::Unknown(Type::Array(inner)) => list(*inner),
                other => {
                    let message = format!("a {} cannot be indexed", operators::kind(&other));
                    return Err(Diagnostic::error(message, &of_expr.span));
                }
            };
            if fits {
                return Ok(Value::Unknown(inner));
            }
            let message = format!("{rule}, not by a {}", operators::kind(&at));
            Err(Diagnostic::error(message, &at_expr.span))
        }
    }
}

fn element(values: &[Value], at: Number, expr: &Expr) -> Result<Value, Diagnostic> {
    let Some(whole) = at.as_i128() else {
        return Err(Diagnostic::error(format!("{at} is not a whole number"), &expr.span));
    };
    let found = usize::try_from(whole).ok().and_then(|at| values.get(at));
    found.cloned().ok_or_else(|| {
        let message = format!("there is no element {at} in a list of {}", values.len());
        Diagnostic::error(message, &expr.span)
    })
}

fn apply(
    called: &Value,
    values: &[Value],
    function: &Expr,
    arguments: &[Expr],
    expr: &Expr,
) -> Result<Value, Diagnostic> {
    let called = match called {
        Value::Function(called) => called,
        Value::Unknown(Type::Any | Type::Function) => return Ok(Value::Unknown(Type::Any)),
        other => {
            let message = format!("a {} is not a function", operators::kind(other));
            return Err(Diagnostic::error(message, &function.span));
        }
    };
    called.call(values).map_err(|error| {
        let place = error.argument.and_then(|at| arguments.get(at)).unwrap_or(expr);
        let message = format!("{}: {}", called.name(), error.message);
        Diagnostic::error(message, &place.span).maybe_hint(error.hint)
    })
}

/// An expression for a message: its text if that is short.
fn shorten(expr: &Expr) -> String {
    /// Longer expressions are not repeated in a message that shows their line anyway.
    const MAX: usize = 60;
    let text = expr.span.text();
    if text.len() <= MAX && !text.contains('\n') { text.to_owned() } else { "this".to_owned() }
}
