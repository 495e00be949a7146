//! Types of values, for the reference and for checking without running.

use std::fmt;

/// What an argument takes, or an export gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything.
    Any,
    /// A number, or a string that reads as one.
    Number,
    /// A string, or a number.
    String,
    /// `true` or `false`
    Bool,
    /// A string such as `"1m30s"`.
    Duration,
    /// A number of bytes, or a string such as `"10MiB"`.
    Bytes,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of values of one type.
    Array(Box<Type>),
    /// An object whose values are of one type.
    Map(Box<Type>),
    /// A secret, or a string.
    Secret,
    /// A string that may be a secret.
    OptionalSecret,
    /// A Rust value of that name.
    Capsule(&'static str),
    /// A function.
    Function,
}

impl Type {
    /// A list of `element`.
    pub fn array(element: Self) -> Self {
        Self::Array(Box::new(element))
    }

    /// An object of `value`s.
    pub fn map(value: Self) -> Self {
        Self::Map(Box::new(value))
    }

    /// A list of targets, as discovery exports and scrapes take.
    pub fn targets() -> Self {
        Self::array(Self::map(Self::String))
    }

    /// Whether what belongs here, or some part of it, may be secret.
    pub fn may_be_secret(&self) -> bool {
        match self {
            Self::Secret | Self::OptionalSecret => true,
            Self::Array(part) | Self::Map(part) => part.may_be_secret(),
            _ => false,
        }
    }

    /// Whether a value of type `given` may be accepted where this is asked for; `false` only if
    /// no value of that type ever is.
    pub fn accepts(&self, given: &Self) -> bool {
        match (self, given) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Array(mine), Self::Array(theirs)) | (Self::Map(mine), Self::Map(theirs)) => {
                mine.accepts(theirs)
            }
            (Self::Capsule(mine), Self::Capsule(theirs)) => mine == theirs,
            (Self::String, _) => given.is_text() || *given == Self::Number,
            (Self::Number | Self::Bytes, _) => given.is_text() || *given == Self::Number,
            (Self::Duration | Self::Choice(_), _) => given.is_text(),
            (Self::Secret | Self::OptionalSecret, _) => {
                given.is_text() || matches!(given, Self::Secret | Self::Number)
            }
            _ => self == given,
        }
    }

    fn is_text(&self) -> bool {
        matches!(
            self,
            Self::String | Self::Duration | Self::Bytes | Self::Choice(_) | Self::OptionalSecret
        )
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Bool => f.write_str("bool"),
            Self::Duration => f.write_str("duration"),
            Self::Bytes => f.write_str("bytes"),
            Self::Choice(words) => {
                f.write_str("one of ")?;
                for (at, word) in words.iter().enumerate() {
                    write!(f, "{}{word:?}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Array(element) => write!(f, "list({element})"),
            Self::Map(value) => write!(f, "map({value})"),
            Self::Secret => f.write_str("secret"),
            Self::OptionalSecret => f.write_str("string or secret"),
            Self::Capsule(name) => f.write_str(name),
            Self::Function => f.write_str("function"),
        }
    }
}
