//! Functions of the standard library.

use std::fmt;
use std::sync::Arc;

use super::{Signature, Value};

/// How far a part of the language has come; a configuration uses a part only when the level it
/// runs at allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// May change or vanish.
    Experimental,
    /// Will stay, details may change.
    PublicPreview,
    /// Stays.
    #[default]
    GenerallyAvailable,
}

impl Stability {
    /// As the flag `--stability.level` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::PublicPreview => "public-preview",
            Self::GenerallyAvailable => "generally-available",
        }
    }

    /// From what the flag `--stability.level` takes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Experimental, Self::PublicPreview, Self::GenerallyAvailable]
            .into_iter()
            .find(|level| level.as_str() == text)
    }

    /// Whether something of this stability may be used at `level`.
    pub fn allowed_at(self, level: Self) -> bool {
        self >= level
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a function does: from its arguments to a value.
pub(crate) type Call = dyn Fn(&[Value]) -> Result<Value, CallError> + Send + Sync;

/// A function.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    name: &'static str,
    stability: Stability,
    signature: Signature,
    call: Box<Call>,
}

impl Function {
    /// A function under its full name.
    pub fn new(
        name: &'static str,
        stability: Stability,
        signature: Signature,
        call: impl Fn(&[Value]) -> Result<Value, CallError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { name, stability, signature, call: Box::new(call) }))
    }

    /// Its full name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// How far it has come.
    pub fn stability(&self) -> Stability {
        self.0.stability
    }

    /// Calls it. What comes of arguments that are not known, or of parts of them, is not known either,
    /// but for its type.
    ///
    /// # Errors
    /// When there are too few or too many arguments, or one has a type or value it cannot use.
    pub fn call(&self, arguments: &[Value]) -> Result<Value, CallError> {
        self.0.signature.check_count(arguments.len())?;
        if arguments.iter().any(Value::is_unknown) {
            return self.0.signature.check(arguments).map(Value::Unknown);
        }
        (self.0.call)(arguments)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function({:?})", self.name())
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// Which argument is at fault, from 0; none when the call as a whole is.
    pub argument: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl CallError {
    /// The call as a whole is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into(), hint: None }
    }

    /// One argument (from 0) is wrong.
    pub fn argument(argument: usize, message: impl Into<String>) -> Self {
        Self { argument: Some(argument), ..Self::new(message) }
    }

    /// Says what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
