//! A reader that is obviously right: characters and tokens, no speed, no shared code.

use super::*;

/// What was read before the end or the first error; the error only as such.
pub(super) type Read = (Vec<Item>, bool);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Help(String, String),
    Type(String, MetricKind),
    Unit(String, String),
    Sample(String, u64, Option<i64>, Option<(String, u64, Option<i64>)>),
}

/// What the fast reader reads, in the same form.
pub(super) fn collect(page: &str, dialect: Dialect) -> Read {
    let mut parser = TextParser::new(page, dialect);
    let mut items = Vec::new();
    loop {
        items.push(match parser.next_event() {
            Ok(Some(Event::Help { name, help })) => Item::Help(name.into(), help.into()),
            Ok(Some(Event::Type { name, kind })) => Item::Type(name.into(), kind),
            Ok(Some(Event::Unit { name, unit })) => Item::Unit(name.into(), unit.into()),
            Ok(Some(Event::Histogram(_))) => unreachable!("text has no native histograms"),
            Ok(Some(Event::Sample(s))) => Item::Sample(
                s.series.into(),
                s.value.to_bits(),
                s.timestamp,
                s.exemplar.map(|e| (e.labels.into(), e.value.to_bits(), e.timestamp)),
            ),
            Ok(None) => return (items, true),
            Err(_) => return (items, false),
        });
    }
}

pub(super) fn read(page: &str, dialect: Dialect) -> Read {
    let mut items = Vec::new();
    let ok = match dialect {
        Dialect::Prometheus => prometheus(page, &mut items),
        Dialect::OpenMetrics => openmetrics(page, &mut items),
    };
    (items, ok.is_some())
}

/// Characters with a place.
struct Chars<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Chars<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += wanted.len_utf8())
    }

    fn eat_text(&mut self, wanted: &str) -> Option<()> {
        self.text[self.at..].starts_with(wanted).then(|| self.at += wanted.len())
    }

    fn eat_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&keep) {
            self.next();
        }
        &self.text[start..self.at]
    }

    fn blanks(&mut self) -> bool {
        !self.eat_while(|c| c == ' ' || c == '\t').is_empty()
    }

    fn name(&mut self, colons: bool) -> Option<&'a str> {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
        if !letter(self.peek()?) {
            return None;
        }
        Some(self.eat_while(|c| letter(c) || c.is_ascii_digit()))
    }

    /// The inside of a quoted text.
    fn quoted(&mut self, newlines: bool) -> Option<&'a str> {
        self.eat('"')?;
        let start = self.at;
        loop {
            let end = self.at;
            match self.next()? {
                '"' => return Some(&self.text[start..end]),
                '\n' if !newlines => return None,
                '\\' if self.next()? == '\n' && !newlines => return None,
                _ => {}
            }
        }
    }

    fn rest_of_line(&mut self) -> &'a str {
        self.eat_while(|c| c != '\n')
    }

    fn word(&mut self) -> &'a str {
        self.eat_while(|c| !matches!(c, ' ' | '\t' | '\n'))
    }
}

fn number(text: &str) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return Some(super::super::super::number::NAN.to_bits());
    }
    let infinite = text.to_ascii_lowercase().contains("inf");
    (value.is_finite() || infinite).then_some(value.to_bits())
}

fn seconds(text: &str) -> Option<i64> {
    let millis = (f64::from_bits(number(text)?) * 1000.0).round();
    (millis.abs() < 9.2e18).then_some(millis as i64)
}

/// The braces of a series or an exemplar; says whether a name stood in them.
fn braces(chars: &mut Chars<'_>, strict: bool, exemplar: bool) -> Option<usize> {
    let blanks = |chars: &mut Chars<'_>| {
        if !strict {
            chars.blanks();
        }
    };
    let mut names = 0;
    chars.eat('{')?;
    blanks(chars);
    loop {
        if chars.eat('}').is_some() {
            return Some(names);
        }
        let quoted = chars.peek() == Some('"');
        if quoted {
            chars.quoted(!strict)?;
        } else {
            chars.name(false)?;
        }
        blanks(chars);
        if chars.eat('=').is_some() {
            blanks(chars);
            chars.quoted(!strict)?;
            blanks(chars);
        } else if quoted && !exemplar && matches!(chars.peek()?, ',' | '}') {
            names += 1;
            if names > 1 {
                return None;
            }
        } else {
            return None;
        }
        if chars.eat(',').is_some() {
            blanks(chars);
        } else if strict && chars.peek()? != '}' {
            return None;
        }
    }
}

fn series<'a>(chars: &mut Chars<'a>, strict: bool) -> Option<&'a str> {
    let start = chars.at;
    let named = usize::from(chars.name(true).is_some());
    let end = chars.at;
    if !strict {
        chars.blanks();
    }
    if chars.peek() == Some('{') {
        let names = named + braces(chars, strict, false)?;
        (names == 1).then_some(&chars.text[start..chars.at])
    } else {
        chars.at = end;
        (named == 1).then_some(&chars.text[start..end])
    }
}

fn prometheus(page: &str, items: &mut Vec<Item>) -> Option<()> {
    let mut chars = Chars { text: page, at: 0 };
    loop {
        chars.blanks();
        match chars.peek() {
            None => return Some(()),
            Some('\n') => {
                chars.next();
            }
            Some('#') => {
                let line = chars.rest_of_line();
                chars.next();
                prometheus_comment(line, items)?;
            }
            Some(_) => {
                let text = series(&mut chars, false)?;
                let gap = chars.blanks();
                if !gap && !text.ends_with('}') {
                    return None;
                }
                let value = number(chars.word())?;
                chars.blanks();
                let mut timestamp = None;
                if !matches!(chars.peek(), None | Some('\n')) {
                    timestamp = Some(chars.word().parse().ok()?);
                    chars.blanks();
                }
                if chars.peek().is_some() {
                    chars.eat('\n')?;
                }
                items.push(Item::Sample(text.into(), value, timestamp, None));
            }
        }
    }
}

fn prometheus_comment(line: &str, items: &mut Vec<Item>) -> Option<()> {
    let mut chars = Chars { text: line, at: 1 };
    if !chars.blanks() {
        return Some(());
    }
    let word = chars.eat_while(|c| c != ' ' && c != '\t');
    if !matches!(word, "HELP" | "TYPE") || chars.peek().is_none() {
        return Some(());
    }
    chars.blanks();
    let name = family(&mut chars)?;
    if !chars.peek().is_none_or(|c| c.is_ascii()) {
        return None;
    }
    chars.next();
    let text = chars.rest_of_line();
    if word == "HELP" {
        items.push(Item::Help(name.into(), text.into()));
        return Some(());
    }
    let kind = match text.trim_matches([' ', '\t']) {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "summary" => MetricKind::Summary,
        "untyped" => MetricKind::Unknown,
        _ => return None,
    };
    items.push(Item::Type(name.into(), kind));
    Some(())
}

fn family<'a>(chars: &mut Chars<'a>) -> Option<&'a str> {
    if chars.peek() == Some('"') { chars.quoted(false) } else { chars.name(true) }
}

fn openmetrics(page: &str, items: &mut Vec<Item>) -> Option<()> {
    let mut chars = Chars { text: page, at: 0 };
    loop {
        if chars.peek()? == '#' {
            let line = chars.rest_of_line();
            chars.next();
            if line == "# EOF" {
                return (chars.at == page.len()).then_some(());
            }
            openmetrics_comment(line, items)?;
            continue;
        }
        let text = series(&mut chars, true)?;
        chars.eat(' ')?;
        let value = number(chars.word())?;
        let mut timestamp = None;
        if chars.peek()? == ' ' && !chars.text[chars.at..].starts_with(" # {") {
            chars.next();
            timestamp = Some(seconds(chars.word())?);
        }
        let mut exemplar = None;
        if chars.eat_text(" # ").is_some() {
            let start = chars.at;
            braces(&mut chars, true, true)?;
            let labels = &page[start..chars.at];
            chars.eat(' ')?;
            let value = number(chars.word())?;
            let mut at = None;
            if chars.eat(' ').is_some() {
                at = Some(seconds(chars.word())?);
            }
            exemplar = Some((labels.to_owned(), value, at));
        }
        chars.eat('\n')?;
        items.push(Item::Sample(text.into(), value, timestamp, exemplar));
    }
}

fn openmetrics_comment(line: &str, items: &mut Vec<Item>) -> Option<()> {
    let mut chars = Chars { text: line, at: 1 };
    chars.eat(' ')?;
    let word = chars.eat_while(|c| c != ' ');
    chars.eat(' ')?;
    if !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return None;
    }
    let name = family(&mut chars)?;
    chars.eat(' ')?;
    let text = chars.rest_of_line();
    items.push(match (word, text) {
        ("HELP", _) => Item::Help(name.into(), text.into()),
        ("UNIT", "") => Item::Unit(name.into(), String::new()),
        ("UNIT", unit) if name.ends_with(&format!("_{unit}")) => {
            Item::Unit(name.into(), unit.into())
        }
        ("UNIT", _) => return None,
        (_, text) => Item::Type(
            name.into(),
            match text {
                "counter" => MetricKind::Counter,
                "gauge" => MetricKind::Gauge,
                "histogram" => MetricKind::Histogram,
                "gaugehistogram" => MetricKind::GaugeHistogram,
                "summary" => MetricKind::Summary,
                "info" => MetricKind::Info,
                "stateset" => MetricKind::StateSet,
                "unknown" => MetricKind::Unknown,
                _ => return None,
            },
        ),
    });
    Some(())
}
