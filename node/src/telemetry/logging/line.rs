//! One log line while it is being put together.

use std::fmt::Write as _;

use super::Value;

/// A line in logfmt or JSON.
pub(super) struct Line {
    json: bool,
    text: String,
}

impl Line {
    pub(super) fn new(json: bool) -> Self {
        let text = if json { "{".to_owned() } else { String::new() };
        Self { json, text }
    }

    pub(super) fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Bare(value) if self.json => {
                self.name(name);
                self.text.push_str(value);
            }
            Value::Bare(value) | Value::Text(value) => self.text(name, value),
        }
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        if self.json || needs_quotes(value) {
            self.quoted(value);
        } else {
            self.text.push_str(value);
        }
    }

    fn name(&mut self, name: &str) {
        // The first character of a JSON line is its brace.
        let first = self.text.len() == usize::from(self.json);
        match (first, self.json) {
            (true, true) => self.quoted(name),
            (true, false) => self.text.push_str(name),
            (false, true) => {
                self.text.push(',');
                self.quoted(name);
            }
            (false, false) => {
                self.text.push(' ');
                self.text.push_str(name);
            }
        }
        self.text.push(if self.json { ':' } else { '=' });
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c.is_control() => {
                    // Writing to a string cannot fail.
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.text.push_str(if self.json { "}\n" } else { "\n" });
        self.text.into_bytes()
    }
}

fn needs_quotes(value: &str) -> bool {
    value.is_empty() || value.chars().any(|c| c <= ' ' || matches!(c, '=' | '"' | '\\' | '\u{7f}'))
}
