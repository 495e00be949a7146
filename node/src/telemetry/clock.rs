//! Instants as people and JSON write them.

use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(test)]
mod tests;

/// Milliseconds since the Unix epoch; 0 for a clock that stands before it.
pub fn unix_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The last instant of the year 9999.
const LAST: i64 = 253_402_300_799_999;

/// Whether an instant of which another node tells, in milliseconds since the Unix epoch, is one that can be
/// written and counted with.
pub fn is_plausible(unix_millis: i64) -> bool {
    (0..=LAST).contains(&unix_millis)
}

/// An instant in milliseconds since the Unix epoch as RFC 3339 in UTC:
/// `2026-11-22T16:15:40.123Z`.
pub fn rfc3339(unix_millis: i64) -> String {
    let (year, month, day) = civil(unix_millis.div_euclid(86_400_000));
    let of_day = unix_millis.rem_euclid(86_400_000);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The date that lies so many days after 1970-01-01 in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year; four centuries have
/// always 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
