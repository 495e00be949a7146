//! What functions take and give.

use super::{CallError, Value};
use crate::kind::Type;

/// Refuses an argument, of all those of a call, that can never be right, whatever is not known of it.
pub type Check = fn(&[Value], usize) -> Result<(), CallError>;

/// What a function takes and gives: as much of a call as can be said before its values are known.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    takes: &'static [Check],
    may_take: &'static [Check],
    rest: Option<Check>,
    gives: fn() -> Type,
}

impl Signature {
    /// These arguments, and a value of that type.
    pub const fn new(takes: &'static [Check], gives: fn() -> Type) -> Self {
        Self { takes, may_take: &[], rest: None, gives }
    }

    /// And these may follow.
    pub const fn maybe(self, may_take: &'static [Check]) -> Self {
        Self { may_take, ..self }
    }

    /// And any number of these may follow.
    pub const fn rest(self, rest: Check) -> Self {
        Self { rest: Some(rest), ..self }
    }

    /// Checks how many arguments a call has.
    pub(super) fn check_count(&self, count: usize) -> Result<(), CallError> {
        let min = self.takes.len();
        let max = min + self.may_take.len();
        if count >= min && (count <= max || self.rest.is_some()) {
            return Ok(());
        }
        let wanted = match self.rest {
            Some(_) => format!("at least {min}"),
            None if min == max => min.to_string(),
            None => format!("{min} to {max}"),
        };
        Err(CallError::new(format!("takes {wanted} arguments, not {count}")))
    }

    /// The type of what comes of a call whose arguments are not all known.
    pub(super) fn check(&self, arguments: &[Value]) -> Result<Type, CallError> {
        let checks = self.takes.iter().chain(self.may_take).copied();
        let mut checks = checks.chain(std::iter::repeat_with(|| self.rest).map_while(|rest| rest));
        for at in 0..arguments.len() {
            checks.next().map_or(Ok(()), |check| check(arguments, at))?;
        }
        Ok((self.gives)())
    }
}
