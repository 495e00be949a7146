//! Upper and lower case as Go has them: one character becomes one character. The functions of the
//! configuration have the same in `node/syntax/src/go/case.rs`.

/// Go's `strings.ToLower`.
pub(super) fn lower(text: &str, out: &mut String) {
    out.clear();
    out.extend(text.chars().map(|c| match c {
        // Alone in having a full mapping of two characters; the simple one is plain `i`.
        'İ' => 'i',
        _ => only(c, c.to_lowercase()),
    }));
}

/// Go's `strings.ToUpper`.
pub(super) fn upper(text: &str, out: &mut String) {
    out.clear();
    out.extend(text.chars().map(|c| match c {
        // Greek with iota subscript: the full mapping writes the iota behind, the simple one is
        // the capital with the iota still below.
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => {
            char::from_u32(u32::from(c) + 8).unwrap_or(c)
        }
        '\u{1FB3}' => '\u{1FBC}',
        '\u{1FC3}' => '\u{1FCC}',
        '\u{1FF3}' => '\u{1FFC}',
        _ => only(c, c.to_uppercase()),
    }));
}

/// The mapping if it is a single character. Where the full mapping is longer (`ß` to `SS`), there
/// is no simple one and the character stays.
fn only(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c }
}
