//! Character classes: `[…]`, `\d`, `\pL`.

use super::Reason;
use super::scan::{Result, Scanner, push_literal};

/// Go's Perl classes: ASCII, and `\s` without the vertical tab. Spelled out rather than
/// `(?-u:\d)`, because under `(?i)` Go folds them as it folds any class.
const PERL: [(&str, &str); 6] = [
    ("d", "[0-9]"),
    ("D", "[^0-9]"),
    ("s", r"[\t\n\x0C\r\x20]"),
    ("S", r"[^\t\n\x0C\r\x20]"),
    ("w", "[0-9A-Za-z_]"),
    ("W", "[^0-9A-Za-z_]"),
];

/// The names that `[:name:]` and `[:^name:]` may have.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A class in brackets, the first of which is consumed.
pub(super) fn bracketed(scanner: &mut Scanner<'_>, start: usize) -> Result<()> {
    scanner.out.push('[');
    if scanner.take("^") {
        scanner.out.push('^');
    }
    // A closing bracket in the first place stands for itself.
    let mut first = true;
    while first || !scanner.rest().starts_with(']') {
        first = false;
        item(scanner, start)?;
    }
    scanner.at += 1;
    scanner.out.push(']');
    Ok(())
}

/// A named class, an escape, a character or a range.
fn item(scanner: &mut Scanner<'_>, start: usize) -> Result<()> {
    if posix(scanner)? {
        return Ok(());
    }
    let at = scanner.at;
    if scanner.take("\\") {
        if unicode(scanner, at)? || perl(scanner) {
            return Ok(());
        }
        scanner.at = at;
    }
    let low = single(scanner, start)?;
    push_literal(&mut scanner.out, low);
    // `[a-]` is `a` or a hyphen.
    let rest = scanner.rest();
    if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
        scanner.at += 1;
        let high = single(scanner, start)?;
        if high < low {
            return Err((Reason::InvalidRange, at));
        }
        scanner.out.push('-');
        push_literal(&mut scanner.out, high);
    }
    Ok(())
}

fn single(scanner: &mut Scanner<'_>, start: usize) -> Result<char> {
    let at = scanner.at;
    match scanner.take_char() {
        None => Err((Reason::MissingBracket, start)),
        Some('\\') => scanner.escaped_char(at),
        Some(literal) => Ok(literal),
    }
}

/// `[:alpha:]`, as part of a class.
fn posix(scanner: &mut Scanner<'_>) -> Result<bool> {
    let Some((name, _)) = scanner.rest().strip_prefix("[:").and_then(|rest| rest.split_once(":]"))
    else {
        return Ok(false);
    };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err((Reason::InvalidRange, scanner.at));
    }
    scanner.out.extend(["[:", name, ":]"]);
    scanner.at += name.len() + 4;
    Ok(true)
}

/// `pL`, `p{Greek}`, `p{^Greek}`, `PL` and so on, the backslash consumed.
pub(super) fn unicode(scanner: &mut Scanner<'_>, start: usize) -> Result<bool> {
    let mut negative = match scanner.rest().as_bytes().first() {
        Some(b'p') => false,
        Some(b'P') => true,
        _ => return Ok(false),
    };
    let unknown = (Reason::InvalidRange, start);
    scanner.at += 1;
    let mut name = match scanner.take_char() {
        Some('{') => {
            let Some((name, _)) = scanner.rest().split_once('}') else { return Err(unknown) };
            scanner.at += name.len() + 1;
            name.to_owned()
        }
        Some(letter) => letter.to_string(),
        None => return Err(unknown),
    };
    if let Some(rest) = name.strip_prefix('^') {
        negative = !negative;
        name = rest.to_owned();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(unknown);
    }
    scanner.out.extend([if negative { r"\P{" } else { r"\p{" }, &name, "}"]);
    Ok(true)
}

/// `d`, `D`, `s`, `S`, `w`, `W`, the backslash consumed.
pub(super) fn perl(scanner: &mut Scanner<'_>) -> bool {
    match PERL.into_iter().find(|(go, _)| scanner.take(go)) {
        Some((_, rust)) => {
            scanner.out.push_str(rust);
            true
        }
        None => false,
    }
}
