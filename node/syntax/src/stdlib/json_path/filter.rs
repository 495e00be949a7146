//! The filters of a path: `[?(@.a == "x" && @.b > 1)]`.

use std::cmp::Ordering;

use super::{Step, walk};
use crate::value::Value;

/// A condition on one value.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    /// The path picks something.
    Exists(Vec<Step>),
    Compare(Operand, Comparison, Operand),
    Not(Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

#[derive(Debug, PartialEq)]
pub(super) enum Operand {
    Literal(Value),
    Path(Vec<Step>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Filter {
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Exists(path) => walk(value, path).is_ok_and(|picked| !picked.is_empty()),
            Self::Compare(left, comparison, right) => {
                compare(left.of(value), *comparison, right.of(value))
            }
            Self::Not(inner) => !inner.holds(value),
            Self::And(left, right) => left.holds(value) && right.holds(value),
            Self::Or(left, right) => left.holds(value) || right.holds(value),
        }
    }
}

impl Operand {
    /// The literal, or the first value the path picks.
    fn of(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Literal(literal) => Some(literal.clone()),
            Self::Path(path) => walk(value, path).ok()?.into_iter().next(),
        }
    }
}

fn compare(left: Option<Value>, comparison: Comparison, right: Option<Value>) -> bool {
    let order = match (&left, &right) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.partial_cmp(b),
        (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterEqual => order.is_some_and(Ordering::is_ge),
    }
}
