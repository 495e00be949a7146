//! `$1`, `${1}` and `${name}`, by the rules of Go's `Regexp.Expand`.

use std::sync::LazyLock;

use crate::go_regex::Anchored;

use super::matcher::Groups;

/// A text with groups of a match to put into it.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    /// The whole of what was matched.
    Whole,
    Group(usize),
}

/// Whether a template might contain a variable.
pub(super) fn has_variable(template: &str) -> bool {
    template.contains('$')
}

impl Template {
    /// Reads a template for a pattern with these groups. A variable that names no group stands for
    /// nothing, a `$` that begins no variable for itself.
    pub(super) fn new(template: &str, group_names: &[Option<String>]) -> Self {
        let mut text = String::new();
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                text.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = variable(after) else {
                text.push('$');
                rest = after;
                continue;
            };
            rest = after;
            if let Some(group) = group(name, group_names) {
                push_text(&mut parts, &mut text);
                parts.push(if group == 0 { Part::Whole } else { Part::Group(group) });
            }
        }
        text.push_str(rest);
        push_text(&mut parts, &mut text);
        Self { parts }
    }

    /// Whether the template needs more than the text that was matched.
    pub(super) fn needs_groups(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Group(_)))
    }

    /// Puts the template into `out`, filled in.
    pub(super) fn expand(&self, matched: &str, groups: &Groups, out: &mut String) {
        out.clear();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Whole => out.push_str(matched),
                Part::Group(group) => out.push_str(groups.get(*group, matched)),
            }
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &mut String) {
    if !text.is_empty() {
        parts.push(Part::Text(std::mem::take(text).into()));
    }
}

/// The name behind a `$`, as long as it can be, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (text, braced) = match text.strip_prefix('{') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let end = text.find(|c| !is_name_char(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    match braced {
        true => Some((name, rest.strip_prefix('}')?)),
        false => Some((name, rest)),
    }
}

/// Go asks for `unicode.IsLetter` or `unicode.IsDigit`.
fn is_name_char(c: char) -> bool {
    static NOT_ASCII: LazyLock<Anchored> =
        LazyLock::new(|| Anchored::new(r"[\pL\p{Nd}]").expect("a constant pattern"));
    match c {
        '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => true,
        _ if c.is_ascii() => false,
        _ => NOT_ASCII.is_match(c.encode_utf8(&mut [0; 4])),
    }
}

/// The group that a name stands for; a number with a leading zero is a name like any other.
fn group(name: &str, group_names: &[Option<String>]) -> Option<usize> {
    let is_number =
        name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number {
        return name.parse().ok().filter(|group| *group < group_names.len());
    }
    group_names.iter().position(|known| known.as_deref() == Some(name))
}
