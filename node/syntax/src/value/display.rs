//! Values as text: how one would write them in a configuration.

use std::fmt;

use super::Value;
use crate::ast::is_identifier;

/// As it would be written; secrets are `(secret)`, functions and capsules show their names.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => f.write_str(&quote(text)),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Array(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Object(object) => {
                f.write_str("{")?;
                for (at, (key, value)) in object.iter().enumerate() {
                    let gap = if at == 0 { "" } else { ", " };
                    let key = if is_identifier(key) { key.to_string() } else { quote(key) };
                    write!(f, "{gap}{key} = {value}")?;
                }
                f.write_str("}")
            }
            Self::Function(function) => write!(f, "function({:?})", function.name()),
            Self::Secret(_) => f.write_str("(secret)"),
            Self::Capsule(capsule) => match capsule.plain() {
                Some(plain) => write!(f, "{plain}"),
                None => write!(f, "capsule({:?})", capsule.name()),
            },
            Self::Unknown(kind) => write!(f, "({kind}, known only when running)"),
        }
    }
}

/// A string in double quotes, with the escapes of the language.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\u{b}' => quoted.push_str("\\v"),
            c if u32::from(c) < 0x80 && c.is_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
