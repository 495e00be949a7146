//! Why a value does not fit.

use super::Step;
use crate::kind::Type;

/// Why a value does not fit. It has the shape of the value, as far as that is wrong or unknown, so
/// it takes no more memory than a few times the value itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// It is not known before running.
    Unknown,
    /// It is wrong.
    Wrong {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// Whether the value must not be shown.
        secret: bool,
    },
    /// These parts of it do not fit, in the order of their steps, each step once; all others do.
    Parts(Vec<(Step, Mismatch)>),
}

/// Something that is wrong with a value, or with a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake<'a> {
    /// Where in the value, from the outside in.
    pub path: Vec<&'a Step>,
    /// What is wrong.
    pub message: &'a str,
    /// What to do.
    pub hint: Option<&'a str>,
    /// Whether the value must not be shown.
    pub secret: bool,
}

impl Mismatch {
    /// Something is wrong with the value as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Wrong { message: message.into(), hint: None, secret: false }
    }

    /// `expected duration, got number`
    pub fn expected(expected: &Type, got: &str) -> Self {
        let message = format!("expected {expected}, got {got}");
        Self::Wrong { message, hint: None, secret: expected.may_be_secret() }
    }

    /// Says what to do about what is wrong as a whole.
    pub fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Wrong { message, secret, .. } => {
                Self::Wrong { message, hint: Some(text.into()), secret }
            }
            other => other,
        }
    }

    /// Everything that is wrong. Nothing if all is only not known yet.
    pub fn mistakes(&self) -> Box<dyn Iterator<Item = Mistake<'_>> + '_> {
        match self {
            Self::Unknown => Box::new(std::iter::empty()),
            Self::Wrong { message, hint, secret } => {
                let (hint, secret) = (hint.as_deref(), *secret);
                Box::new(std::iter::once(Mistake { path: Vec::new(), message, hint, secret }))
            }
            Self::Parts(parts) => Box::new(parts.iter().flat_map(|(step, part)| {
                part.mistakes().map(move |mut mistake| {
                    mistake.path.insert(0, step);
                    mistake
                })
            })),
        }
    }

    /// What is wrong where only one thing can be told.
    pub fn first(&self) -> Option<Mistake<'_>> {
        self.mistakes().next()
    }

    /// Why the part at the end of a path does not fit; none if it does.
    pub(crate) fn at(&self, path: &[Step]) -> Option<&Self> {
        match (self, path) {
            (Self::Parts(parts), [step, rest @ ..]) => {
                let found = parts.binary_search_by(|(part, _)| part.cmp(step)).ok()?;
                parts[found].1.at(rest)
            }
            _ => Some(self),
        }
    }
}
