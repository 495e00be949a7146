//! The text of a path.

use super::filter::{Comparison, Filter, Operand};
use super::{Selector, Step, number};
use crate::value::Value;

/// How deep filters may nest.
const MAX_NESTING: usize = 32;

/// Parses a whole path. As in other implementations the leading `$` may be left out.
pub(super) fn path(text: &str) -> Result<Vec<Step>, String> {
    let mut parser = Parser { text, at: 0, nesting: 0 };
    let bare = !parser.eat("$") && !parser.eat("@");
    let mut steps = Vec::new();
    if bare && !parser.rest().starts_with(['.', '[']) {
        steps.push(Step::Child(vec![parser.name_or_all()?]));
    }
    parser.steps(&mut steps)?;
    if !parser.rest().is_empty() {
        return Err(parser.unexpected());
    }
    Ok(steps)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        self.spaces();
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn unexpected(&self) -> String {
        match self.rest().chars().next() {
            Some(found) => format!("{found:?} at character {} is not supported", self.at + 1),
            None => "it ends too early".to_owned(),
        }
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            if self.eat("..") {
                let selectors =
                    if self.eat("[") { self.bracket()? } else { vec![self.name_or_all()?] };
                steps.push(Step::Descendant(selectors));
            } else if self.eat(".") {
                steps.push(Step::Child(vec![self.name_or_all()?]));
            } else if self.eat("[") {
                steps.push(Step::Child(self.bracket()?));
            } else {
                return Ok(());
            }
        }
    }

    fn name_or_all(&mut self) -> Result<Selector, String> {
        if self.eat("*") {
            return Ok(Selector::All);
        }
        let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-') || !c.is_ascii();
        let end = self.rest().find(|c| !name(c)).unwrap_or(self.rest().len());
        if end == 0 {
            return Err(self.unexpected());
        }
        let found = &self.rest()[..end];
        self.at += end;
        Ok(Selector::Name(found.to_owned()))
    }

    /// What stands in brackets; the opening one has been taken.
    fn bracket(&mut self) -> Result<Vec<Selector>, String> {
        let mut selectors = Vec::new();
        loop {
            self.spaces();
            selectors.push(self.selector()?);
            self.spaces();
            if self.eat("]") {
                return Ok(selectors);
            }
            self.expect(",")?;
        }
    }

    fn selector(&mut self) -> Result<Selector, String> {
        if self.eat("*") {
            return Ok(Selector::All);
        }
        if self.eat("?") {
            return self.filter().map(Selector::Filter);
        }
        if self.rest().starts_with(['\'', '"']) {
            return self.string().map(Selector::Name);
        }
        let start = self.integer()?;
        self.spaces();
        if !self.eat(":") {
            return start.map(Selector::Index).ok_or_else(|| self.unexpected());
        }
        self.spaces();
        let end = self.integer()?;
        self.spaces();
        let step = if self.eat(":") { self.integer()? } else { None };
        match step.unwrap_or(1) {
            0 => Err("the step of a slice is zero".to_owned()),
            step => Ok(Selector::Slice { start, end, step }),
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if count == 0 {
            return Ok(None);
        }
        let end = rest.len() - digits.len() + count;
        self.at += end;
        let parsed = rest[..end].parse();
        parsed.map(Some).map_err(|_| format!("{} is too large a number", &rest[..end]))
    }

    fn string(&mut self) -> Result<String, String> {
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if Some(c) == quote {
                self.at += at + c.len_utf8();
                return Ok(text);
            }
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                })),
                c => text.push(c),
            }
        }
        Err("a string in it is never closed".to_owned())
    }

    fn filter(&mut self) -> Result<Filter, String> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err("its filters nest too deep".to_owned());
        }
        let mut left = self.conjunction()?;
        self.spaces();
        while self.eat("||") {
            left = Filter::Or(Box::new(left), Box::new(self.conjunction()?));
            self.spaces();
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Filter, String> {
        let mut left = self.condition()?;
        self.spaces();
        while self.eat("&&") {
            left = Filter::And(Box::new(left), Box::new(self.condition()?));
            self.spaces();
        }
        Ok(left)
    }

    fn condition(&mut self) -> Result<Filter, String> {
        self.spaces();
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            self.nesting += 1;
            if self.nesting > MAX_NESTING {
                return Err("its filters nest too deep".to_owned());
            }
            let inner = self.condition()?;
            self.nesting -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.eat("(") {
            let inner = self.filter()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.spaces();
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (mark, comparison) in comparisons {
            if self.eat(mark) {
                self.spaces();
                return Ok(Filter::Compare(left, comparison, self.operand()?));
            }
        }
        match left {
            Operand::Path(path) => Ok(Filter::Exists(path)),
            Operand::Literal(_) => Err(self.unexpected()),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        if self.eat("@") {
            let mut steps = Vec::new();
            self.steps(&mut steps)?;
            return Ok(Operand::Path(steps));
        }
        if self.rest().starts_with(['\'', '"']) {
            return self.string().map(|text| Operand::Literal(Value::string(text)));
        }
        let words =
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
        for (word, value) in words {
            if self.eat(word) {
                return Ok(Operand::Literal(value));
            }
        }
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        let end = self.rest().find(|c| !digits(c)).unwrap_or(self.rest().len());
        let value = number(&self.rest()[..end]).ok_or_else(|| self.unexpected())?;
        self.at += end;
        Ok(Operand::Literal(value))
    }
}
