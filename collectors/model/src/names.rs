//! Which names metrics and labels may have.

#[cfg(test)]
mod tests;

/// A naming scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Letters, digits and underscores, not beginning with a digit; for metrics colons as well.
    #[default]
    Legacy,
    /// Any text but the empty one.
    Utf8,
}

/// Whether a label may have this name.
pub fn is_label_name(name: &str, scheme: Scheme) -> bool {
    match scheme {
        Scheme::Legacy => is_legacy(name, false),
        Scheme::Utf8 => !name.is_empty(),
    }
}

/// Whether a metric may have this name.
pub fn is_metric_name(name: &str, scheme: Scheme) -> bool {
    match scheme {
        Scheme::Legacy => is_legacy(name, true),
        Scheme::Utf8 => !name.is_empty(),
    }
}

fn is_legacy(name: &str, colons: bool) -> bool {
    let letter = |b: u8| b == b'_' || b.is_ascii_alphabetic() || (colons && b == b':');
    match name.as_bytes() {
        [] => false,
        [first, rest @ ..] => {
            letter(*first) && rest.iter().all(|b| letter(*b) || b.is_ascii_digit())
        }
    }
}
