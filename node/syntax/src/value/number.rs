//! Numbers: whole where they can be, else floating.

use std::cmp::Ordering;
use std::fmt;

/// A number. Whole numbers keep their sign's type; arithmetic promotes to the widest of its
/// operands.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A whole number that may be past the range of [`Number::Int`].
    Uint(u64),
    /// Any number.
    Float(f64),
}

impl Number {
    /// As a float; whole numbers past 2^53 are rounded.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Uint(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// As a whole number of any size, if it is one.
    pub fn as_i128(self) -> Option<i128> {
        /// All whole numbers below this are exact in an `i128`.
        const BOUND: f64 = 1e38;
        match self {
            Self::Int(value) => Some(value.into()),
            Self::Uint(value) => Some(value.into()),
            Self::Float(value) => {
                (value.fract() == 0.0 && value.abs() < BOUND).then_some(value as i128)
            }
        }
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.as_f64() == 0.0
    }

    /// Parses as Go's `ParseInt(text, 0)`, then as a `uint64`, then as a float.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let magnitude = parse_digits(digits);
        match (magnitude, text.starts_with('-')) {
            (Some(value), true) if i128::from(value) <= -i128::from(i64::MIN) => {
                i64::try_from(-i128::from(value)).ok().map(Self::Int)
            }
            (Some(value), false) => Some(i64::try_from(value).map_or(Self::Uint(value), Self::Int)),
            _ => parse_float(text).map(Self::Float),
        }
    }
}

/// Digits with Go's base prefixes: `0x`, `0o`, `0b`, and `0` for octal.
fn parse_digits(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

fn parse_float(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value: f64 = plain.then(|| text.parse().ok()).flatten()?;
    value.is_finite().then_some(value)
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Float(_), _) | (_, Self::Float(_)) => self.as_f64().partial_cmp(&other.as_f64()),
            _ => self.as_i128().partial_cmp(&other.as_i128()),
        }
    }
}

/// As Go's `strconv` writes it: whole numbers in decimal, floats without an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&format_float(*value)),
        }
    }
}

/// A float in the fewest digits that give it back, without an exponent, as Go writes it.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}
