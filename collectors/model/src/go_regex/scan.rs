//! From Go's syntax to Rust's, in one pass over the pattern.
//!
//! What is written out is deliberately plain: letters, digits, `_` and what is not ASCII as they
//! are, everything else that stands for itself as `\x{..}`. Nothing in it depends on how the
//! engine's dialect grows.

use super::Reason;
use super::class;

/// What went wrong, and the byte where.
pub(super) type Result<T> = std::result::Result<T, (Reason, usize)>;

/// A pattern in Rust's syntax.
pub(super) struct Scanned {
    pub(super) rust: String,
    pub(super) group_names: Vec<Option<String>>,
}

/// Reads Go's syntax.
pub(super) fn scan(pattern: &str) -> Result<Scanned> {
    let mut scanner = Scanner {
        pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        group_names: vec![None],
        open_groups: Vec::new(),
        last: Last::Nothing,
    };
    while scanner.at < pattern.len() {
        scanner.step()?;
    }
    match scanner.open_groups.first() {
        Some(&at) => Err((Reason::MissingParenthesis, at)),
        None => Ok(Scanned { rust: scanner.out, group_names: scanner.group_names }),
    }
}

/// What a repetition operator would apply to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Expression,
    Repetition,
}

pub(super) struct Scanner<'p> {
    pub(super) pattern: &'p str,
    pub(super) at: usize,
    pub(super) out: String,
    group_names: Vec<Option<String>>,
    /// Where each open group began.
    open_groups: Vec<usize>,
    last: Last,
}

impl<'p> Scanner<'p> {
    pub(super) fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    /// Consumes `token` if it comes next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    pub(super) fn take_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn step(&mut self) -> Result<()> {
        let start = self.at;
        let next = self.take_char().expect("called before the end only");
        match next {
            '(' => return self.open_group(start),
            ')' => {
                self.open_groups.pop().ok_or((Reason::UnexpectedParenthesis, start))?;
                self.out.push(')');
            }
            '|' => {
                self.out.push('|');
                self.last = Last::Nothing;
                return Ok(());
            }
            '*' | '+' | '?' => {
                self.out.push(next);
                return self.end_repetition(next, start);
            }
            '{' => match parse_counts(self.rest()) {
                Some(counts) => return self.counted_repetition(counts, start),
                None => push_literal(&mut self.out, '{'),
            },
            '[' => class::bracketed(self, start)?,
            '\\' => return self.escape(start),
            '.' | '^' | '$' => self.out.push(next),
            literal => push_literal(&mut self.out, literal),
        }
        self.last = Last::Expression;
        Ok(())
    }

    fn open_group(&mut self, start: usize) -> Result<()> {
        self.last = Last::Nothing;
        if !self.take("?") {
            self.group_names.push(None);
            self.out.push('(');
        } else if self.take("P<") || self.take("<") {
            // Names are kept here; the engine's rules for them are not Go's.
            let name = self.group_name(start)?;
            if self.group_names.iter().flatten().any(|known| *known == name) {
                return Err((Reason::DuplicateGroupName(name), start));
            }
            self.group_names.push(Some(name));
            self.out.push('(');
        } else {
            return self.flags(start);
        }
        self.open_groups.push(start);
        Ok(())
    }

    fn group_name(&mut self, start: usize) -> Result<String> {
        let rest = self.rest();
        // `(?<=` and `(?<!` are look-behind, not a name.
        if rest.starts_with(['=', '!']) {
            return Err((Reason::InvalidGroup, start));
        }
        let end = rest.find('>').ok_or((Reason::InvalidGroupName, start))?;
        let name = &rest[..end];
        if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            return Err((Reason::InvalidGroupName, start));
        }
        self.at += end + 1;
        Ok(name.to_owned())
    }

    /// `(?i-s:` or `(?i)`: Go knows `i`, `m`, `s` and `U`, allows repeats and an empty list.
    fn flags(&mut self, start: usize) -> Result<()> {
        let (mut on, mut off) = (String::new(), String::new());
        let mut negative = false;
        let mut needs_flag = false;
        loop {
            match self.take_char() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    needs_flag = false;
                    let (to, from) =
                        if negative { (&mut off, &mut on) } else { (&mut on, &mut off) };
                    from.retain(|known| known != flag);
                    if !to.contains(flag) {
                        to.push(flag);
                    }
                }
                Some('-') if !negative => {
                    negative = true;
                    needs_flag = true;
                }
                Some(end @ (':' | ')')) if !needs_flag => {
                    self.end_flags(&on, &off, end, start);
                    return Ok(());
                }
                _ => return Err((Reason::InvalidGroup, start)),
            }
        }
    }

    fn end_flags(&mut self, on: &str, off: &str, end: char, start: usize) {
        let empty = on.is_empty() && off.is_empty();
        if end == ':' || !empty {
            let minus = if off.is_empty() { "" } else { "-" };
            self.out.extend(["(?", on, minus, off]);
            self.out.push(end);
        }
        if end == ':' {
            self.open_groups.push(start);
        }
    }

    fn counted_repetition(&mut self, counts: Counts, start: usize) -> Result<()> {
        let Counts { min, max, len } = counts;
        self.at += len;
        let too_large = |count| count > super::MAX_REPEAT;
        if too_large(min) || max.is_some_and(|max| too_large(max) || min > max) {
            return Err((Reason::RepetitionTooLarge, start));
        }
        let max = max.map_or(String::new(), |max| max.to_string());
        self.out.push_str(&format!("{{{min},{max}}}"));
        self.end_repetition('{', start)
    }

    fn end_repetition(&mut self, operator: char, start: usize) -> Result<()> {
        match self.last {
            Last::Nothing => return Err((Reason::NothingToRepeat(operator), start)),
            Last::Repetition => return Err((Reason::StackedRepetition, start)),
            Last::Expression => {}
        }
        if self.take("?") {
            self.out.push('?');
        }
        self.last = Last::Repetition;
        Ok(())
    }

    /// A backslash outside a class, already consumed.
    fn escape(&mut self, start: usize) -> Result<()> {
        if self.take("Q") {
            let rest = self.rest();
            let quoted = rest.split("\\E").next().unwrap_or(rest);
            self.at = (self.at + quoted.len() + 2).min(self.pattern.len());
            for literal in quoted.chars() {
                push_literal(&mut self.out, literal);
                self.last = Last::Expression;
            }
            return Ok(());
        }
        // Go's word boundary is ASCII's.
        let assertion = [("A", r"\A"), ("z", r"\z"), ("b", r"(?-u:\b)"), ("B", r"(?-u:\B)")];
        if let Some((_, rust)) = assertion.into_iter().find(|(go, _)| self.take(go)) {
            self.out.push_str(rust);
        } else if !class::unicode(self, start)? && !class::perl(self) {
            let literal = self.escaped_char(start)?;
            push_literal(&mut self.out, literal);
        }
        self.last = Last::Expression;
        Ok(())
    }

    /// The character that an escape stands for, inside a class or outside; the backslash is consumed.
    pub(super) fn escaped_char(&mut self, start: usize) -> Result<char> {
        let next = self.take_char().ok_or((Reason::TrailingBackslash, start))?;
        let invalid = |scanner: &Self| {
            (Reason::InvalidEscape(scanner.pattern[start..scanner.at].to_owned()), start)
        };
        let code = match next {
            '0'..='7' => match self.octal(next) {
                Some(code) => code,
                None => return Err(invalid(self)),
            },
            'x' => match self.hexadecimal() {
                Some(code) => code,
                None => return Err(invalid(self)),
            },
            'a' => 0x07,
            'f' => 0x0C,
            'n' => 0x0A,
            'r' => 0x0D,
            't' => 0x09,
            'v' => 0x0B,
            mark if mark.is_ascii() && !mark.is_ascii_alphanumeric() => return Ok(mark),
            _ => return Err(invalid(self)),
        };
        char::from_u32(code).ok_or_else(|| invalid(self))
    }

    /// Up to three octal digits; one alone, other than 0, would be a back-reference.
    fn octal(&mut self, first: char) -> Option<u32> {
        let digit = |c: char| c.to_digit(8);
        let mut code = digit(first)?;
        if first != '0' && self.rest().chars().next().and_then(digit).is_none() {
            return None;
        }
        for _ in 0..2 {
            let Some(next) = self.rest().chars().next().and_then(digit) else { break };
            code = code * 8 + next;
            self.at += 1;
        }
        Some(code)
    }

    /// `41` or `{1F600}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = if self.take("{") {
            let digits = self.rest().split_once('}')?.0;
            self.at += digits.len() + 1;
            digits
        } else {
            let digits = self.rest().get(..2)?;
            self.at += 2;
            digits
        };
        // `from_str_radix` would take a sign.
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        all_digits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}

/// Writes a character that stands for itself.
pub(super) fn push_literal(out: &mut String, literal: char) {
    if literal == '_' || literal.is_ascii_alphanumeric() || !literal.is_ascii() {
        out.push(literal);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(literal)));
    }
}

/// `n}`, `n,}` or `n,m}` behind the brace; anything else makes the brace stand for itself.
struct Counts {
    min: u32,
    max: Option<u32>,
    /// Bytes up to and including the closing brace.
    len: usize,
}

fn parse_counts(text: &str) -> Option<Counts> {
    let inside = text.split_once('}')?.0;
    let (min, max) = match inside.split_once(',') {
        None => (inside, Some(inside)),
        Some((min, "")) => (min, None),
        Some((min, max)) => (min, Some(max)),
    };
    let max = match max {
        Some(max) => Some(parse_count(max)?),
        None => None,
    };
    Some(Counts { min: parse_count(min)?, max, len: inside.len() + 1 })
}

/// A number without leading zeros; one that is too long to hold is too large anyway.
fn parse_count(digits: &str) -> Option<u32> {
    let well_formed = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    well_formed.then(|| digits.parse().unwrap_or(u32::MAX))
}
