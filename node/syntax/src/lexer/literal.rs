//! Numbers and strings as they are written.

/// What is wrong inside a string.
pub(super) struct Escape {
    /// Where, from the first byte after the quote.
    pub(super) at: usize,
    /// How many bytes.
    pub(super) length: usize,
    pub(super) message: String,
}

/// How many bytes of a text that starts with a number belong to it.
pub(super) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// How many bytes of a text that starts with `"` belong to the string, and whether it is closed
/// on its line.
pub(super) fn string_length(text: &str) -> (usize, bool) {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return (at, false),
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (at + 1, true),
            _ => {}
        }
    }
    (text.len(), false)
}

/// Resolves Go's escapes.
pub(super) fn unescape(text: &str) -> Result<String, Escape> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        bytes.extend_from_slice(&text.as_bytes()[at..at + found]);
        at += found;
        at += escape(text, at, &mut bytes)?;
    }
    bytes.extend_from_slice(&text.as_bytes()[at..]);
    String::from_utf8(bytes).map_err(|_| Escape {
        at: 0,
        length: text.len(),
        message: "the bytes of this string are not UTF-8".to_owned(),
    })
}

/// Resolves the escape at `at`, and says how long it is.
fn escape(text: &str, at: usize, bytes: &mut Vec<u8>) -> Result<usize, Escape> {
    let rest = &text[at + 1..];
    let kind = rest.chars().next().unwrap_or('"');
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        't' => 9,
        'n' => 10,
        'v' => 11,
        'f' => 12,
        'r' => 13,
        '\\' => b'\\',
        '"' => b'"',
        '0'..='7' => return byte(rest, 8, at, 0, 3, bytes),
        'x' => return byte(rest, 16, at, 1, 2, bytes),
        'u' => return unicode(rest, at, 4, bytes),
        'U' => return unicode(rest, at, 8, bytes),
        other => {
            let message = format!("\\{other} is no escape");
            return Err(Escape { at, length: 1 + other.len_utf8(), message });
        }
    };
    bytes.push(simple);
    Ok(2)
}

/// `\NNN` and `\xNN`
fn byte(
    rest: &str,
    base: u32,
    at: usize,
    skip: usize,
    digits: usize,
    bytes: &mut Vec<u8>,
) -> Result<usize, Escape> {
    let length = 1 + skip + digits;
    let value = code(rest, skip, digits, base).and_then(|code| u8::try_from(code).ok());
    let message = || format!("this escape needs {digits} digits of base {base}, at most 255");
    bytes.push(value.ok_or_else(|| Escape { at, length: 2, message: message() })?);
    Ok(length)
}

/// `\uNNNN` and `\UNNNNNNNN`
fn unicode(rest: &str, at: usize, digits: usize, bytes: &mut Vec<u8>) -> Result<usize, Escape> {
    let character = code(rest, 1, digits, 16).and_then(char::from_u32);
    let message = || format!("this escape needs {digits} hexadecimal digits of a character");
    let character = character.ok_or_else(|| Escape { at, length: 2, message: message() })?;
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(2 + digits)
}

fn code(rest: &str, skip: usize, digits: usize, base: u32) -> Option<u32> {
    let digits = rest.get(skip..skip + digits)?;
    let valid = digits.chars().all(|c| c.is_digit(base));
    valid.then(|| u32::from_str_radix(digits, base).ok()).flatten()
}
