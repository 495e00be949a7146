//! Mistakes of texts that must not be shown.

use syntax::Diagnostic;

/// The mistake of a parser without the word that it stumbled over, if the text is secret: that may
/// be the secret itself. The place is still told.
pub(super) fn veiled(problem: Diagnostic) -> Diagnostic {
    let Some(span) = problem.span.as_ref().filter(|span| span.source().is_secret()) else {
        return problem;
    };
    let word = span.text();
    // Brackets and the like are none.
    if !word.contains(char::is_alphanumeric) {
        return problem;
    }
    let mut message = problem.message.replace(&format!("{word:?}"), "what is not shown");
    if word.starts_with(['"', '`']) {
        message = message.replace(word, "what is not shown");
    }
    Diagnostic { message, ..problem }
}
