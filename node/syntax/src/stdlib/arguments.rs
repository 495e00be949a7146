//! Taking arguments out of a call. How many there are has been checked by its signature.

use crate::convert::{FromValue, Mismatch, Mistake, Step};
use crate::value::{CallError, Function, Signature, Stability, Value};

/// A function that stays.
pub(super) fn function(
    name: &'static str,
    signature: Signature,
    call: impl Fn(&[Value]) -> Result<Value, CallError> + Send + Sync + 'static,
) -> Value {
    Value::Function(Function::new(name, Stability::GenerallyAvailable, signature, call))
}

/// For signatures: an argument that is converted to a `T`.
pub(super) fn takes<T: FromValue>(values: &[Value], at: usize) -> Result<(), CallError> {
    let mismatch = T::from_value(&values[at]).err();
    mismatch.and_then(|mismatch| refused(at, &mismatch)).map_or(Ok(()), Err)
}

/// The one argument of a call.
pub(super) fn one<A: FromValue>(values: &[Value]) -> Result<A, CallError> {
    argument(values, 0)
}

/// The two arguments of a call.
pub(super) fn two<A: FromValue, B: FromValue>(values: &[Value]) -> Result<(A, B), CallError> {
    Ok((argument(values, 0)?, argument(values, 1)?))
}

/// An argument, converted; there must be that many.
pub(super) fn argument<T: FromValue>(values: &[Value], at: usize) -> Result<T, CallError> {
    T::from_value(&values[at]).map_err(|mismatch| {
        let unknown = || CallError::argument(at, "the value is known only when running");
        refused(at, &mismatch).unwrap_or_else(unknown)
    })
}

/// What is wrong with an argument, unless it is only not known.
fn refused(at: usize, mismatch: &Mismatch) -> Option<CallError> {
    let Mistake { path, message, hint, .. } = mismatch.first()?;
    let place: String = path
        .iter()
        .map(|step| match step {
            Step::Index(at) => format!("element {at}: "),
            Step::Key(key) => format!("field {key:?}: "),
        })
        .collect();
    let message = format!("{place}{message}");
    Some(CallError { argument: Some(at), message, hint: hint.map(str::to_owned) })
}
