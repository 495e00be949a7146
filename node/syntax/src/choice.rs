//! Words of which one must be chosen.

use crate::convert::Mismatch;
use crate::diagnostic::did_you_mean;
use crate::kind::Type;
use crate::value::Value;

/// The word of `words` that a value is; what `#[derive(Choice)]` calls.
///
/// # Errors
/// When the value is not a string, or not one of the words.
pub fn choose(value: &Value, words: &'static [&'static str]) -> Result<&'static str, Mismatch> {
    let expected = Type::Choice(words);
    let Value::String(text) = value else {
        return Err(Mismatch::expected(&expected, value.kind()));
    };
    words.iter().find(|word| ***word == **text).copied().ok_or_else(|| {
        let mismatch = Mismatch::new(format!("expected {expected}, got {value}"));
        match did_you_mean(text, words.iter().copied()) {
            Some(hint) => mismatch.hint(hint),
            None => mismatch,
        }
    })
}
