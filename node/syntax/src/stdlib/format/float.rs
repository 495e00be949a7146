//! Floats as Go's `%e`, `%f` and `%g` write them.

/// A number that is not negative, without its sign.
pub(super) fn format(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return "Inf".to_owned();
    }
    let text = match verb {
        'f' | 'F' => format!("{value:.*}", precision.unwrap_or(6)),
        'e' | 'E' => exponential(value, precision.unwrap_or(6)),
        _ => shortest(value, precision),
    };
    if verb.is_uppercase() { text.to_uppercase() } else { text }
}

/// `1.500000e+06`: the exponent has a sign and two digits or more.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = split(&text);
    with_exponent(mantissa, exponent)
}

fn split(text: &str) -> (&str, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: the fewest digits, or as many as the precision says without trailing zeros; with an
/// exponent only where the number is very small or large.
fn shortest(value: f64, precision: Option<usize>) -> String {
    let significant = precision.map(|precision| precision.max(1));
    let text = match significant {
        Some(significant) => format!("{value:.*e}", significant - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = split(&text);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let from = match significant {
        None => 6,
        Some(significant) => {
            let significant = i32::try_from(significant).unwrap_or(i32::MAX);
            if significant > count && count > exponent { count } else { significant }
        }
    };
    if exponent < -4 || exponent >= from {
        let mantissa = match digits.split_at(1) {
            (first, "") => first.to_owned(),
            (first, rest) => format!("{first}.{rest}"),
        };
        return with_exponent(&mantissa, exponent);
    }
    let decimals = usize::try_from((count - 1 - exponent).max(0)).unwrap_or(0);
    format!("{value:.decimals$}")
}
