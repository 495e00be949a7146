//! Taking arguments out of a call.

use crate::convert::{FromValue, Mistake, Step};
use crate::value::{CallError, Function, Stability, Value};

/// A function that stays.
pub(super) fn function(
    name: &'static str,
    call: impl Fn(&[Value]) -> Result<Value, CallError> + Send + Sync + 'static,
) -> Value {
    Value::Function(Function::new(name, Stability::GenerallyAvailable, call))
}

/// The one argument of a call.
pub(super) fn one<A: FromValue>(values: &[Value]) -> Result<A, CallError> {
    count(values, 1, 1)?;
    argument(values, 0)
}

/// The two arguments of a call.
pub(super) fn two<A: FromValue, B: FromValue>(values: &[Value]) -> Result<(A, B), CallError> {
    count(values, 2, 2)?;
    Ok((argument(values, 0)?, argument(values, 1)?))
}

/// Checks how many arguments a call has.
pub(super) fn count(values: &[Value], min: usize, max: usize) -> Result<(), CallError> {
    if (min..=max).contains(&values.len()) {
        return Ok(());
    }
    let wanted = if min == max { min.to_string() } else { format!("{min} to {max}") };
    Err(CallError::new(format!("takes {wanted} arguments, not {}", values.len())))
}

/// An argument, converted; there must be that many.
pub(super) fn argument<T: FromValue>(values: &[Value], at: usize) -> Result<T, CallError> {
    T::from_value(&values[at]).map_err(|mismatch| match mismatch.first() {
        None => CallError::argument(at, "the value is known only when running"),
        Some(Mistake { path, message, hint, .. }) => {
            let place: String = path
                .iter()
                .map(|step| match step {
                    Step::Index(at) => format!("element {at}: "),
                    Step::Key(key) => format!("field {key:?}: "),
                })
                .collect();
            CallError {
                argument: Some(at),
                message: format!("{place}{message}"),
                hint: hint.map(str::to_owned),
            }
        }
    })
}
