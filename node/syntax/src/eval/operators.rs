//! What operators do.

use std::cmp::Ordering;

use crate::ast::{BinaryOp, UnaryOp};
use crate::kind::Type;
use crate::value::{Number, Secret, Value};

/// Strings that concatenation builds are bounded: a few doublings in a row would fill the memory.
const MAX_STRING: usize = 64 * 1024 * 1024;

pub(super) fn unary(operator: UnaryOp, value: &Value) -> Result<Value, String> {
    match (operator, value.plain()) {
        (UnaryOp::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (UnaryOp::Not, Value::Unknown(Type::Bool | Type::Any)) => Ok(Value::Unknown(Type::Bool)),
        (UnaryOp::Negate, Value::Number(number)) => Ok(Value::Number(negate(number))),
        (UnaryOp::Negate, Value::Unknown(Type::Number | Type::Any)) => {
            Ok(Value::Unknown(Type::Number))
        }
        (UnaryOp::Not, other) => Err(format!("! takes a bool, not a {}", kind(&other))),
        (UnaryOp::Negate, other) => Err(format!("- takes a number, not a {}", kind(&other))),
    }
}

fn negate(number: Number) -> Number {
    match number {
        Number::Int(value) => {
            value.checked_neg().map_or(Number::Float(-(value as f64)), Number::Int)
        }
        Number::Uint(value) => {
            i64::try_from(-i128::from(value)).map_or(Number::Float(-(value as f64)), Number::Int)
        }
        Number::Float(value) => Number::Float(-value),
    }
}

pub(super) fn binary(left: &Value, operator: BinaryOp, right: &Value) -> Result<Value, String> {
    if left.is_unknown() || right.is_unknown() {
        return unknown(left, operator, right).map(Value::Unknown);
    }
    match operator {
        BinaryOp::Equal => return Ok(Value::Bool(left == right)),
        BinaryOp::NotEqual => return Ok(Value::Bool(left != right)),
        _ => {}
    }
    let (left, right) = (left.plain(), right.plain());
    match (&left, operator, &right) {
        (Value::Bool(a), BinaryOp::And, Value::Bool(b)) => Ok(Value::Bool(*a && *b)),
        (Value::Bool(a), BinaryOp::Or, Value::Bool(b)) => Ok(Value::Bool(*a || *b)),
        (Value::Number(a), _, Value::Number(b)) => numbers(*a, operator, *b),
        (Value::String(a), _, Value::String(b)) => strings(a, operator, b),
        (Value::Secret(a), BinaryOp::Add, Value::Secret(b)) => secret(a.expose(), b.expose()),
        (Value::Secret(a), BinaryOp::Add, Value::String(b)) => secret(a.expose(), b),
        (Value::String(a), BinaryOp::Add, Value::Secret(b)) => secret(a, b.expose()),
        _ => Err(refusal(&left, operator, &right)),
    }
}

/// What is known of a result whose operands are not, unless no values of their types have one.
fn unknown(left: &Value, operator: BinaryOp, right: &Value) -> Result<Type, String> {
    use BinaryOp as Op;
    let (a, b) = (Sorts::of(left), Sorts::of(right));
    let both = |sort: fn(&Sorts) -> bool| sort(&a) && sort(&b);
    let (numbers, strings) = (both(|sorts| sorts.number), both(|sorts| sorts.string));
    // A sum of two texts is a secret where one of them is.
    let texts = both(|sorts| sorts.string || sorts.secret);
    let (fits, result) = match operator {
        Op::Equal | Op::NotEqual => (true, Type::Bool),
        Op::Or | Op::And => (both(|sorts| sorts.bool), Type::Bool),
        Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
            (numbers || strings, Type::Bool)
        }
        Op::Subtract | Op::Multiply | Op::Divide | Op::Modulo | Op::Power => {
            (numbers, Type::Number)
        }
        Op::Add if numbers && texts => (true, Type::Any),
        Op::Add if numbers => (true, Type::Number),
        Op::Add if !a.secret && !b.secret => (texts, Type::String),
        Op::Add if !a.string || !b.string => (texts, Type::Secret),
        Op::Add => (texts, Type::OptionalSecret),
    };
    if fits { Ok(result) } else { Err(refusal(left, operator, right)) }
}

/// Which sorts of values that operators know a value may be of, once it is known.
pub(super) struct Sorts {
    pub(super) number: bool,
    pub(super) string: bool,
    secret: bool,
    bool: bool,
}

impl Sorts {
    pub(super) fn of(value: &Value) -> Self {
        let kind = match value.plain() {
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::String,
            Value::Secret(_) => Type::Secret,
            Value::Bool(_) => Type::Bool,
            Value::Unknown(kind) => kind,
            // Any other that operators take as little.
            _ => Type::Function,
        };
        let any = kind == Type::Any;
        let either = matches!(kind, Type::Duration | Type::Bytes);
        Self {
            number: any || either || kind == Type::Number,
            string: any
                || either
                || matches!(kind, Type::String | Type::Choice(_) | Type::OptionalSecret),
            secret: any || matches!(kind, Type::Secret | Type::OptionalSecret),
            bool: any || kind == Type::Bool,
        }
    }
}

/// What a message calls a value: its type where it is not known yet.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Unknown(kind) => kind.to_string(),
        known => known.kind().to_owned(),
    }
}

fn refusal(left: &Value, operator: BinaryOp, right: &Value) -> String {
    let takes = match operator {
        BinaryOp::Or | BinaryOp::And => "two bools",
        BinaryOp::Add => "two numbers, or two strings (or secrets)",
        BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
            "two numbers, or two strings"
        }
        _ => "two numbers",
    };
    format!("{} takes {takes}, not {} and {}", operator.symbol(), kind(left), kind(right))
}

fn concatenated(left: &str, right: &str) -> Result<String, String> {
    if left.len() + right.len() > MAX_STRING {
        return Err(format!("the string would be longer than {MAX_STRING} bytes"));
    }
    Ok(format!("{left}{right}"))
}

fn secret(left: &str, right: &str) -> Result<Value, String> {
    concatenated(left, right).map(|text| Value::Secret(Secret::new(text)))
}

fn strings(left: &str, operator: BinaryOp, right: &str) -> Result<Value, String> {
    match operator {
        BinaryOp::Add => concatenated(left, right).map(Value::string),
        _ => ordered(Some(left.cmp(right)), operator)
            .ok_or_else(|| refusal(&Value::string(left), operator, &Value::string(right))),
    }
}

fn ordered(order: Option<Ordering>, operator: BinaryOp) -> Option<Value> {
    let holds = |wanted: fn(Ordering) -> bool| Some(Value::Bool(order.is_some_and(wanted)));
    match operator {
        BinaryOp::Less => holds(Ordering::is_lt),
        BinaryOp::LessEqual => holds(Ordering::is_le),
        BinaryOp::Greater => holds(Ordering::is_gt),
        BinaryOp::GreaterEqual => holds(Ordering::is_ge),
        _ => None,
    }
}

fn numbers(left: Number, operator: BinaryOp, right: Number) -> Result<Value, String> {
    if let Some(answer) = ordered(left.partial_cmp(&right), operator) {
        return Ok(answer);
    }
    let zero = right.is_zero();
    if zero && matches!(operator, BinaryOp::Divide | BinaryOp::Modulo) {
        return Err("division by zero".to_owned());
    }
    let root = operator == BinaryOp::Power && right < Number::Int(0);
    let answer = match (left, right) {
        // A whole number to a negative power is no whole number.
        _ if root => floats(left.as_f64(), operator, right.as_f64()).map(Number::Float),
        (Number::Float(_), _) | (_, Number::Float(_)) => {
            floats(left.as_f64(), operator, right.as_f64()).map(Number::Float)
        }
        (Number::Uint(_), _) | (_, Number::Uint(_)) => {
            wide(left, operator, right).map(Number::Uint)
        }
        (Number::Int(a), Number::Int(b)) => ints(a, operator, b).map(Number::Int),
    };
    answer
        .map(Value::Number)
        .ok_or_else(|| refusal(&Value::Number(left), operator, &Value::Number(right)))
}

fn floats(left: f64, operator: BinaryOp, right: f64) -> Option<f64> {
    match operator {
        BinaryOp::Add => Some(left + right),
        BinaryOp::Subtract => Some(left - right),
        BinaryOp::Multiply => Some(left * right),
        BinaryOp::Divide => Some(left / right),
        BinaryOp::Modulo => Some(left % right),
        BinaryOp::Power => Some(left.powf(right)),
        _ => None,
    }
}

/// Whole numbers wrap around, as they do in Go.
fn ints(left: i64, operator: BinaryOp, right: i64) -> Option<i64> {
    match operator {
        BinaryOp::Add => Some(left.wrapping_add(right)),
        BinaryOp::Subtract => Some(left.wrapping_sub(right)),
        BinaryOp::Multiply => Some(left.wrapping_mul(right)),
        BinaryOp::Divide => Some(left.wrapping_div(right)),
        BinaryOp::Modulo => Some(left.wrapping_rem(right)),
        BinaryOp::Power => Some(power(left.cast_unsigned(), right.unsigned_abs()).cast_signed()),
        _ => None,
    }
}

/// Arithmetic of which one operand is past the range of signed numbers; wraps around.
fn wide(left: Number, operator: BinaryOp, right: Number) -> Option<u64> {
    let bits = |number: Number| number.as_i128().unwrap_or_default() as u64;
    let (left, right) = (bits(left), bits(right));
    match operator {
        BinaryOp::Add => Some(left.wrapping_add(right)),
        BinaryOp::Subtract => Some(left.wrapping_sub(right)),
        BinaryOp::Multiply => Some(left.wrapping_mul(right)),
        BinaryOp::Divide => left.checked_div(right),
        BinaryOp::Modulo => left.checked_rem(right),
        BinaryOp::Power => Some(power(left, right)),
        _ => None,
    }
}

/// `base` to a whole power, wrapping around; in two's complement the bits are the same for
/// signed numbers.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1u64;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}
