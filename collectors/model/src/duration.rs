//! Durations as Prometheus writes them: `1d12h`, `15s`, `500ms`.
//!
//! This is the grammar of scrape intervals in labels (`__scrape_interval__`). The configuration
//! language has another one, Go's, with fractions and without days.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The units from largest to smallest, in milliseconds; a year has 365 days.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest duration, in milliseconds: what Go holds in nanoseconds, about 292 years.
const MAX_MILLIS: u64 = i64::MAX as u64 / 1_000_000;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing.
    #[error("the duration is empty")]
    Empty,
    /// It is not a row of numbers with units, largest unit first, each at most once.
    #[error("{0:?} is no duration; write for example 1d12h, 15s or 500ms, larger units first")]
    Malformed(String),
    /// A unit that does not exist.
    #[error("{0:?} is no unit of time; there are y, w, d, h, m, s and ms")]
    UnknownUnit(String),
    /// More than about 292 years.
    #[error("{0:?} is longer than 292 years")]
    OutOfRange(String),
}

/// Reads a duration. `0` needs no unit.
///
/// # Errors
///
/// Says what is wrong with the text.
pub fn parse(text: &str) -> Result<Duration, Error> {
    match text {
        "" => return Err(Error::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let malformed = || Error::Malformed(text.to_owned());
    let out_of_range = || Error::OutOfRange(text.to_owned());
    let mut millis: u64 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| !c.is_ascii_digit());
        rest = after;
        if number.is_empty() || unit.is_empty() {
            return Err(malformed());
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(Error::UnknownUnit(unit.to_owned()));
        }
        // The iterator goes on behind the last unit, so that each comes once and in order.
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let number: u64 = number.parse().map_err(|_| out_of_range())?;
        millis = number
            .checked_mul(*factor)
            .and_then(|part| millis.checked_add(part))
            .filter(|sum| *sum <= MAX_MILLIS)
            .ok_or_else(out_of_range)?;
    }
    Ok(Duration::from_millis(millis))
}

/// Writes a duration, to the millisecond: years and weeks only where nothing is left over, since
/// `90d` reads better than `12w6d`.
pub fn format(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor) in UNITS {
        let whole_only = matches!(unit, "y" | "w");
        let count = millis / factor;
        if count > 0 && !(whole_only && millis % factor != 0) {
            text.push_str(&format!("{count}{unit}"));
            millis %= factor;
        }
    }
    text
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}
