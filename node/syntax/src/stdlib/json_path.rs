//! `json_path`: picks values out of a JSON document.
//!
//! Of the common grammar: `$`, `.name`, `["name"]`, `[n]` (negative from the end), `[a:b:c]`,
//! `.*` and `[*]`, `..` before any of these, several selectors in one bracket, and filters
//! `[?(…)]` of paths from `@`, literals, comparisons, `&&`, `||`, `!` and parentheses. What else
//! there is (scripts, functions) is refused.

mod filter;
mod parse;

use super::arguments::two;
use super::json;
use crate::value::{CallError, Number, Value};

use filter::Filter;

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    /// To what the selectors pick.
    Child(Vec<Selector>),
    /// To the value itself and everything inside it, then to what the selectors pick.
    Descendant(Vec<Selector>),
}

#[derive(Debug, PartialEq)]
enum Selector {
    Name(String),
    Index(i64),
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    All,
    Filter(Filter),
}

/// The list of all values in a document that a path picks, in the order of the document.
pub(super) fn json_path(values: &[Value]) -> Result<Value, CallError> {
    let (document, path): (String, String) = two(values)?;
    let steps = parse::path(&path)
        .map_err(|error| CallError::argument(1, format!("{path:?} is not a path: {error}")))?;
    let document = json::parse(&document)?;
    walk(&document, &steps).map(Value::array)
}

/// How many values may be looked at on the way: `..` upon `..` multiplies them.
const MAX_VALUES: usize = 1_000_000;

fn walk(document: &Value, steps: &[Step]) -> Result<Vec<Value>, CallError> {
    let mut current = vec![document.clone()];
    for step in steps {
        let mut next = Vec::new();
        for value in current {
            match step {
                Step::Child(selectors) => select(&value, selectors, &mut next),
                Step::Descendant(selectors) => descend(&value, selectors, &mut next),
            }
            if next.len() > MAX_VALUES {
                let message = format!("the path picks more than {MAX_VALUES} values");
                return Err(CallError::argument(1, message));
            }
        }
        current = next;
    }
    Ok(current)
}

fn descend(value: &Value, selectors: &[Selector], picked: &mut Vec<Value>) {
    if picked.len() > MAX_VALUES {
        return;
    }
    select(value, selectors, picked);
    match value {
        Value::Array(values) => values.iter().for_each(|one| descend(one, selectors, picked)),
        Value::Object(object) => {
            object.iter().for_each(|(_, one)| descend(one, selectors, picked));
        }
        _ => {}
    }
}

fn select(value: &Value, selectors: &[Selector], picked: &mut Vec<Value>) {
    for selector in selectors {
        match (selector, value) {
            (Selector::Name(name), Value::Object(object)) => {
                picked.extend(object.get(name).cloned());
            }
            (Selector::Index(at), Value::Array(values)) => {
                let at = from_end(*at, values.len());
                picked.extend(usize::try_from(at).ok().and_then(|at| values.get(at)).cloned());
            }
            (Selector::Slice { start, end, step }, Value::Array(values)) => {
                slice(values, *start, *end, *step, picked);
            }
            (Selector::All, Value::Array(values)) => picked.extend(values.iter().cloned()),
            (Selector::All, Value::Object(object)) => {
                picked.extend(object.iter().map(|(_, value)| value.clone()));
            }
            (Selector::Filter(filter), Value::Array(values)) => {
                picked.extend(values.iter().filter(|value| filter.holds(value)).cloned());
            }
            (Selector::Filter(filter), Value::Object(object)) => {
                let values = object.iter().map(|(_, value)| value);
                picked.extend(values.filter(|value| filter.holds(value)).cloned());
            }
            _ => {}
        }
    }
}

fn from_end(at: i64, length: usize) -> i64 {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if at < 0 { at.saturating_add(length) } else { at }
}

fn slice(
    values: &[Value],
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
    picked: &mut Vec<Value>,
) {
    let length = i64::try_from(values.len()).unwrap_or(i64::MAX);
    let bound = |at: Option<i64>, otherwise: i64, low: i64, high: i64| {
        at.map_or(otherwise, |at| from_end(at, values.len()).clamp(low, high))
    };
    let (mut at, end) = if step > 0 {
        (bound(start, 0, 0, length), bound(end, length, 0, length))
    } else {
        (bound(start, length - 1, -1, length - 1), bound(end, -1, -1, length - 1))
    };
    while (step > 0 && at < end) || (step < 0 && at > end) {
        picked.extend(usize::try_from(at).ok().and_then(|at| values.get(at)).cloned());
        at = at.saturating_add(step);
    }
}

/// A number of the document as the values of the language have it.
fn number(text: &str) -> Option<Value> {
    serde_json::from_str::<serde_json::Number>(text).ok()?;
    Number::parse(text).map(Value::Number)
}
