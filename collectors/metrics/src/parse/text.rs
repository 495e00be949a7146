//! Prometheus text 0.0.4 and 1.0.0, and OpenMetrics 0.0.1 and 1.0: one reader, two dialects.

use memchr::memchr;
use model::MetricKind;
use xxhash_rust::xxh3::xxh3_64;

use super::dialect::Dialect;
use super::number::{parse_millis, parse_seconds, parse_value};
use super::series::{Skip, end_of_metric_name, end_of_quoted, skip_space, walk_braces};
use super::{Event, Exemplar, ParseError, Place, Sample};

#[cfg(test)]
mod tests;

/// Reads a text page, line by line, copying nothing.
#[derive(Debug, Clone)]
pub struct TextParser<'a> {
    page: &'a str,
    at: usize,
    dialect: Dialect,
    sample: usize,
    expected: Option<(usize, u64)>,
    done: bool,
}

type Result<T> = std::result::Result<T, ParseError>;

impl<'a> TextParser<'a> {
    /// A reader of a page.
    pub fn new(page: &'a str, dialect: Dialect) -> Self {
        Self { page, at: 0, dialect, sample: 0, expected: None, done: false }
    }

    /// Tells the length in bytes and the xxh3 of the series that probably comes next. Where it
    /// does, it is not taken apart again: equal text has equal structure.
    #[inline]
    pub fn expect(&mut self, length: usize, hash: u64) {
        self.expected = Some((length, hash));
    }

    /// The next thing that the page says; `None` at its end.
    ///
    /// # Errors
    ///
    /// Where the page is malformed. Nothing can be read after that.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>> {
        let bytes = self.page.as_bytes();
        loop {
            if self.dialect == Dialect::Prometheus {
                self.at = skip_space(bytes, self.at, true);
            }
            match bytes.get(self.at) {
                None => return self.end_of_page(),
                Some(b'\n') if self.dialect == Dialect::Prometheus => self.at += 1,
                Some(b'#') => {
                    if let Some(event) = self.comment()? {
                        return Ok(Some(event));
                    }
                    if self.done {
                        return Ok(None);
                    }
                }
                Some(_) => return self.sample().map(|sample| Some(Event::Sample(sample))),
            }
        }
    }

    /// Where the last sample begins that was given out.
    pub fn place_of_sample(&self) -> Place {
        ParseError::in_text(self.page.as_bytes(), self.sample, "").place
    }

    fn end_of_page(&self) -> Result<Option<Event<'a>>> {
        match self.dialect {
            Dialect::Prometheus => Ok(None),
            Dialect::OpenMetrics if self.done => Ok(None),
            Dialect::OpenMetrics => self.fail(self.page.len(), "the page does not end with # EOF"),
        }
    }

    #[cold]
    fn fail<T>(&self, at: usize, reason: impl Into<String>) -> Result<T> {
        Err(ParseError::in_text(self.page.as_bytes(), at, reason))
    }

    #[inline]
    fn sample(&mut self) -> Result<Sample<'a>> {
        let bytes = self.page.as_bytes();
        let start = self.at;
        self.sample = start;
        let (end, expected) = match self.expected_end() {
            Some(end) => (end, true),
            None => (self.series_end()?, false),
        };
        let strict = self.dialect == Dialect::OpenMetrics;
        let value_start = self.gap(end, "expected a space and a value after the series")?;
        let value_end = end_of_token(bytes, value_start);
        let Some(value) = parse_value(&bytes[value_start..value_end]) else {
            return self.fail(value_start, "expected a number as the value");
        };
        let mut sample = Sample {
            series: &self.page[start..end],
            value,
            timestamp: None,
            start_timestamp: 0,
            exemplar: None,
            expected,
        };
        self.at = skip_space(bytes, value_end, !strict);
        if bytes.get(self.at) == Some(&b'\n') {
            self.at += 1;
        } else {
            self.after_value(&mut sample)?;
        }
        Ok(sample)
    }

    /// The end of the expected series, if that is what stands here.
    #[inline]
    fn expected_end(&mut self) -> Option<usize> {
        let (length, hash) = self.expected.take()?;
        let bytes = self.page.as_bytes();
        let end = self.at.checked_add(length)?;
        let series = bytes.get(self.at..end)?;
        if xxh3_64(series) != hash {
            return None;
        }
        match series.last()? {
            b'}' => Some(end),
            // A bare name might go on, or have its braces after a gap.
            _ if !matches!(bytes.get(end), Some(b' ' | b'\t')) => None,
            _ if bytes.get(skip_space(bytes, end, true)) == Some(&b'{') => None,
            _ => Some(end),
        }
    }

    fn series_end(&self) -> Result<usize> {
        let bytes = self.page.as_bytes();
        let name_end = end_of_metric_name(bytes, self.at);
        let brace = skip_space(bytes, name_end, self.dialect == Dialect::Prometheus);
        if bytes.get(brace) == Some(&b'{') {
            let named = name_end > self.at;
            return walk_braces(bytes, brace, self.dialect, named, false, &mut Skip)
                .or_else(|error| self.fail(error.at, error.reason));
        }
        if name_end == self.at {
            return self.fail(self.at, "expected a metric name");
        }
        Ok(name_end)
    }

    /// Skips what has to stand between two parts of a line: one space, or any for the lenient.
    #[inline]
    fn gap(&self, at: usize, reason: &'static str) -> Result<usize> {
        let bytes = self.page.as_bytes();
        match (self.dialect, bytes.get(at)) {
            (Dialect::OpenMetrics, Some(b' ')) => Ok(at + 1),
            (Dialect::Prometheus, Some(b' ' | b'\t')) => Ok(skip_space(bytes, at + 1, true)),
            // Behind a brace the lenient dialect needs no gap.
            (Dialect::Prometheus, Some(_)) if bytes[at - 1] == b'}' => Ok(at),
            _ => self.fail(at, reason),
        }
    }

    fn after_value(&mut self, sample: &mut Sample<'a>) -> Result<()> {
        match self.dialect {
            Dialect::Prometheus => self.millis_and_end(sample),
            Dialect::OpenMetrics => self.seconds_exemplar_and_end(sample),
        }
    }

    fn millis_and_end(&mut self, sample: &mut Sample<'a>) -> Result<()> {
        let bytes = self.page.as_bytes();
        if self.at < bytes.len() {
            let end = end_of_token(bytes, self.at);
            sample.timestamp = parse_millis(&bytes[self.at..end]);
            if sample.timestamp.is_none() {
                return self.fail(self.at, "expected a timestamp in milliseconds");
            }
            self.at = skip_space(bytes, end, true);
        }
        match bytes.get(self.at) {
            None => Ok(()),
            Some(b'\n') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => self.fail(self.at, "expected the end of the line"),
        }
    }

    fn seconds_exemplar_and_end(&mut self, sample: &mut Sample<'a>) -> Result<()> {
        if self.after(" ").is_some() && self.after(" # {").is_none() {
            sample.timestamp = Some(self.seconds()?);
        }
        if self.after(" # {").is_some() {
            sample.exemplar = Some(self.exemplar()?);
        }
        match self.page.as_bytes().get(self.at) {
            Some(b'\n') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => self.fail(self.at, "expected the end of the line"),
            None => self.fail(self.at, "the page does not end with # EOF"),
        }
    }

    /// The place behind a text that stands here.
    fn after(&self, text: &str) -> Option<usize> {
        self.page.as_bytes()[self.at..].starts_with(text.as_bytes()).then(|| self.at + text.len())
    }

    fn seconds(&mut self) -> Result<i64> {
        let bytes = self.page.as_bytes();
        let start = self.at + 1;
        let end = end_of_token(bytes, start);
        let Some(millis) = parse_seconds(&bytes[start..end]) else {
            return self.fail(start, "expected a timestamp in seconds");
        };
        self.at = end;
        Ok(millis)
    }

    fn exemplar(&mut self) -> Result<Exemplar<'a>> {
        let bytes = self.page.as_bytes();
        let brace = self.at + 3;
        let end = walk_braces(bytes, brace, self.dialect, true, true, &mut Skip)
            .or_else(|error| self.fail(error.at, error.reason))?;
        let value_start = self.gap(end, "expected a space and a value after the exemplar")?;
        let value_end = end_of_token(bytes, value_start);
        let Some(value) = parse_value(&bytes[value_start..value_end]) else {
            return self.fail(value_start, "expected a number as the value of the exemplar");
        };
        self.at = value_end;
        let timestamp = match bytes.get(self.at) {
            Some(b' ') => Some(self.seconds()?),
            _ => None,
        };
        Ok(Exemplar { labels: &self.page[brace..end], value, timestamp })
    }

    /// Reads a line that begins with `#`; `None` when it says nothing.
    fn comment(&mut self) -> Result<Option<Event<'a>>> {
        let strict = self.dialect == Dialect::OpenMetrics;
        let bytes = self.page.as_bytes();
        let line_start = self.at;
        let newline = memchr(b'\n', &bytes[line_start..]).map(|length| line_start + length);
        let line_end = newline.unwrap_or(bytes.len());
        let keyword = match bytes.get(line_start + 1) {
            Some(b' ') if strict => line_start + 2,
            Some(b' ' | b'\t') if !strict => skip_space(bytes, line_start + 1, true),
            _ if strict => return self.fail(line_start + 1, "expected a space after #"),
            _ => line_end,
        };
        let rest = &self.page[keyword..line_end.max(keyword)];
        self.at = newline.map_or(line_end, |at| at + 1);
        let space = |c: char| c == ' ' || (c == '\t' && !strict);
        let (word, text) = match rest.find(space) {
            Some(length) => (&rest[..length], Some(keyword + length + 1)),
            None => (rest, None),
        };
        match (word, text) {
            ("EOF", None) if strict => self.end_of_exposition().map(|()| None),
            ("HELP" | "TYPE", Some(text)) => self.metadata(word, text, line_end).map(Some),
            ("UNIT", Some(text)) if strict => self.metadata(word, text, line_end).map(Some),
            _ if strict => self.fail(keyword, "expected HELP, TYPE, UNIT or EOF"),
            _ => Ok(None),
        }
    }

    fn end_of_exposition(&mut self) -> Result<()> {
        if self.at < self.page.len() {
            return self.fail(self.at, "unexpected text after # EOF");
        }
        self.done = true;
        Ok(())
    }

    fn metadata(&self, word: &str, start: usize, line_end: usize) -> Result<Event<'a>> {
        let strict = self.dialect == Dialect::OpenMetrics;
        let line = &self.page.as_bytes()[..line_end];
        let start = skip_space(line, start, !strict);
        let (name, name_end) = self.family_name(line, start)?;
        let text_start = match line.get(name_end) {
            Some(b' ') => name_end + 1,
            // As Prometheus: what stands behind the name is the gap.
            Some(byte) if byte.is_ascii() && !strict => name_end + 1,
            Some(_) => return self.fail(name_end, "expected a space after the family"),
            None if strict => return self.fail(name_end, "expected a space after the family"),
            None => line_end,
        };
        let text = &self.page[text_start..line_end];
        match word {
            "HELP" => Ok(Event::Help { name, help: text }),
            "UNIT" if is_suffix(name, text) => Ok(Event::Unit { name, unit: text }),
            "UNIT" => self.fail(text_start, "the unit is not the last part of the family's name"),
            _ => match self.kind(text) {
                Some(kind) => Ok(Event::Type { name, kind }),
                None => self.fail(text_start, format!("{text:?} is no type of a metric family")),
            },
        }
    }

    fn family_name(&self, line: &[u8], start: usize) -> Result<(&'a str, usize)> {
        if line.get(start) == Some(&b'"') {
            let end = end_of_quoted(line, start, false)
                .or_else(|error| self.fail(error.at, error.reason))?;
            return Ok((&self.page[start + 1..end - 1], end));
        }
        let end = end_of_metric_name(line, start);
        if end == start {
            return self.fail(start, "expected the name of a metric family");
        }
        Ok((&self.page[start..end], end))
    }

    fn kind(&self, text: &str) -> Option<MetricKind> {
        let strict = self.dialect == Dialect::OpenMetrics;
        let text = if strict { text } else { text.trim_matches([' ', '\t']) };
        Some(match text {
            "counter" => MetricKind::Counter,
            "gauge" => MetricKind::Gauge,
            "histogram" => MetricKind::Histogram,
            "summary" => MetricKind::Summary,
            "untyped" if !strict => MetricKind::Unknown,
            "unknown" if strict => MetricKind::Unknown,
            "gaugehistogram" if strict => MetricKind::GaugeHistogram,
            "info" if strict => MetricKind::Info,
            "stateset" if strict => MetricKind::StateSet,
            _ => return None,
        })
    }
}

/// Whether a unit is empty or the last part of a name, behind an underscore.
pub(super) fn is_suffix(name: &str, unit: &str) -> bool {
    unit.is_empty() || name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}

#[inline]
fn end_of_token(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at)
        && !matches!(byte, b' ' | b'\t' | b'\n')
    {
        at += 1;
    }
    at
}
