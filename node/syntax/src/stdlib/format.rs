//! `string.format`: Go's `Sprintf` for the values of the language.

mod float;

use super::arguments::argument;
use crate::value::{CallError, Number, Value, quote};

/// The widest field and the most digits: a typing mistake must not fill the memory.
const MAX_WIDTH: usize = 1000;

/// Formats the arguments after the first by the first. What Go writes into the result when a
/// verb does not fit its argument (`%!d(string=a)`) is an error here.
pub(super) fn format(values: &[Value]) -> Result<Value, CallError> {
    let format: String = argument(values, 0)?;
    let mut writer = Writer { text: String::new(), values, next: 1, reordered: false };
    let mut rest = format.as_str();
    while let Some(found) = rest.find('%') {
        writer.text.push_str(&rest[..found]);
        rest = writer.directive(&rest[found + 1..])?;
    }
    writer.text.push_str(rest);
    if writer.next < values.len() && !writer.reordered {
        let message = format!("the format does not use argument {}", writer.next);
        return Err(CallError::argument(writer.next, message));
    }
    Ok(Value::string(writer.text))
}

/// What stands between `%` and the verb.
#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Writer<'a> {
    text: String,
    values: &'a [Value],
    next: usize,
    reordered: bool,
}

impl Writer<'_> {
    /// Writes one directive, and gives what stands behind it.
    fn directive<'t>(&mut self, mut rest: &'t str) -> Result<&'t str, CallError> {
        let mut spec = Spec::default();
        while let Some(flag) = rest.chars().next() {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                '0' => spec.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        rest = self.index(rest)?;
        (spec.width, rest) = self.number(rest, &mut spec.minus)?;
        if let Some(after) = rest.strip_prefix('.') {
            let after = self.index(after)?;
            let mut negative = false;
            let (precision, after) = self.number(after, &mut negative)?;
            spec.precision = if negative { None } else { Some(precision.unwrap_or(0)) };
            rest = after;
        }
        rest = self.index(rest)?;
        let Some(verb) = rest.chars().next() else {
            return Err(CallError::argument(0, "the format ends within a directive"));
        };
        if verb == '%' {
            self.text.push('%');
        } else {
            self.verb(verb, &spec)?;
        }
        Ok(&rest[verb.len_utf8()..])
    }

    /// `[n]`: the argument to go on with, from 1.
    fn index<'t>(&mut self, rest: &'t str) -> Result<&'t str, CallError> {
        let Some(inside) = rest.strip_prefix('[') else { return Ok(rest) };
        let closed = inside.split_once(']');
        let parsed = closed.and_then(|(number, after)| Some((number.parse().ok()?, after)));
        match parsed {
            Some((number, after)) if (1..self.values.len()).contains(&number) => {
                self.next = number;
                self.reordered = true;
                Ok(after)
            }
            _ => Err(CallError::argument(0, "an index in the format names no argument")),
        }
    }

    /// Digits, or `*` for an argument.
    fn number<'t>(
        &mut self,
        rest: &'t str,
        negative: &mut bool,
    ) -> Result<(Option<usize>, &'t str), CallError> {
        let (number, rest) = if let Some(rest) = rest.strip_prefix('*') {
            let at = self.next;
            self.take('*')?;
            let number: i64 = argument(self.values, at)?;
            *negative |= number < 0;
            (usize::try_from(number.unsigned_abs()).ok(), rest)
        } else {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                return Ok((None, rest));
            }
            (rest[..end].parse().ok(), &rest[end..])
        };
        match number {
            Some(number) if number <= MAX_WIDTH => Ok((Some(number), rest)),
            _ => {
                let message = format!("a width or precision is at most {MAX_WIDTH}");
                Err(CallError::argument(0, message))
            }
        }
    }

    fn take(&mut self, verb: char) -> Result<(usize, Value), CallError> {
        let at = self.next;
        let Some(value) = self.values.get(at) else {
            return Err(CallError::argument(0, format!("there is no argument for %{verb}")));
        };
        self.next += 1;
        Ok((at, value.plain()))
    }

    fn verb(&mut self, verb: char, spec: &Spec) -> Result<(), CallError> {
        if !"vTtbcdoOqxXUeEfFgGs".contains(verb) {
            return Err(CallError::argument(0, format!("%{verb} is no directive")));
        }
        let (at, value) = self.take(verb)?;
        let written = match (verb, &value) {
            (_, Value::Secret(_)) => None,
            ('T', value) => Some(spec.pad(value.kind(), false)),
            ('t', Value::Bool(value)) => Some(spec.pad(&value.to_string(), false)),
            ('s' | 'v', Value::String(text)) if !(verb == 'v' && spec.sharp) => {
                Some(spec.pad(spec.cut(text), false))
            }
            ('q', Value::String(text)) | ('v', Value::String(text)) => {
                Some(spec.pad(&quote(spec.cut(text)), false))
            }
            ('x' | 'X', Value::String(text)) => {
                let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                let digits = if verb == 'X' { digits.to_uppercase() } else { digits };
                Some(spec.pad(&digits, false))
            }
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Number(number)) => {
                Some(spec.float(number.as_f64(), verb))
            }
            ('v', Value::Number(Number::Float(value))) => Some(spec.float(*value, 'g')),
            ('v' | 's', Value::Number(number)) => spec.whole(*number, 'd'),
            (_, Value::Number(number)) => spec.whole(*number, verb),
            ('v' | 's', value) => plain(value).map(|text| spec.pad(&text, false)),
            _ => None,
        };
        match written {
            Some(written) => self.text.push_str(&written),
            None => {
                let kind = value.kind();
                let message = format!("%{verb} does not take a {kind}");
                return Err(CallError::argument(at, message));
            }
        }
        Ok(())
    }
}

impl Spec {
    /// The first characters of a text, as many as the precision says.
    fn cut<'t>(&self, text: &'t str) -> &'t str {
        let end = self.precision.and_then(|precision| text.char_indices().nth(precision));
        end.map_or(text, |(end, _)| &text[..end])
    }

    /// Fills up to the width; numbers with zeros behind their sign where that is asked for.
    fn pad(&self, text: &str, number: bool) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            return format!("{text}{}", " ".repeat(missing));
        }
        if !(number && self.zero) {
            return format!("{}{text}", " ".repeat(missing));
        }
        let sign = text.len() - text.trim_start_matches(['+', '-', ' ']).len();
        format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    fn whole(&self, number: Number, verb: char) -> Option<String> {
        let whole = number.as_i128()?;
        let magnitude = whole.unsigned_abs();
        let digits = match verb {
            'd' => magnitude.to_string(),
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'c' | 'q' | 'U' => return self.character(whole, verb),
            _ => return None,
        };
        let prefix = match (verb, self.sharp) {
            ('O', _) => "0o",
            ('x', true) => "0x",
            ('X', true) => "0X",
            ('o', true) => "0",
            ('b', true) => "0b",
            _ => "",
        };
        let missing = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let sign = self.sign(whole < 0);
        let text = format!("{sign}{prefix}{}{digits}", "0".repeat(missing));
        Some(self.pad(&text, self.precision.is_none()))
    }

    fn character(&self, code: i128, verb: char) -> Option<String> {
        let character = u32::try_from(code).ok().and_then(char::from_u32)?;
        let text = match verb {
            'c' => character.to_string(),
            'U' => format!("U+{code:04X}"),
            _ => format!("'{}'", character.escape_default()),
        };
        Some(self.pad(&text, false))
    }

    fn float(&self, value: f64, verb: char) -> String {
        let magnitude = float::format(value.abs(), verb, self.precision);
        let negative = value.is_sign_negative() && !value.is_nan();
        let sign = if value == f64::INFINITY { "+" } else { self.sign(negative) };
        self.pad(&format!("{sign}{magnitude}"), value.is_finite())
    }
}

/// How Go shows a value that is not a string or number; none for what has no text.
fn plain(value: &Value) -> Option<String> {
    Some(match value.plain() {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => text.to_string(),
        Value::Number(Number::Float(value)) => Spec::default().float(value, 'g'),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => {
            let parts: Option<Vec<String>> = values.iter().map(plain).collect();
            format!("[{}]", parts?.join(" "))
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let pair = |(key, value)| Some(format!("{key}:{}", plain(value)?));
            let parts: Option<Vec<String>> = entries.into_iter().map(pair).collect();
            format!("map[{}]", parts?.join(" "))
        }
        Value::Function(_) | Value::Secret(_) | Value::Capsule(_) | Value::Unknown(_) => {
            return None;
        }
    })
}
