//! Numbers on a page.

#[cfg(test)]
mod tests;

/// What an ordinary NaN of a page becomes: never the staleness marker.
pub(crate) const NAN: f64 = f64::from_bits(0x7FF8_0000_0000_0001);

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Whole numbers up to here are floats without loss.
const EXACT: u64 = 1 << 53;

/// Reads a value: decimal notation, `NaN`, `Inf` and `Infinity` in any case.
#[inline]
pub(crate) fn parse_value(text: &[u8]) -> Option<f64> {
    plain(text).or_else(|| general(text))
}

/// Digits with at most one point, few enough that whole number and power of ten are both exact;
/// then so is the one rounding of their quotient.
#[inline]
fn plain(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // 18 digits do not overflow; longer ones take the general way.
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut whole = 0_u64;
    let mut fraction = None;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole * 10 + u64::from(byte - b'0'),
            b'.' if fraction.is_none() && digits.len() > 1 => {
                fraction = Some(digits.len() - index - 1);
            }
            _ => return None,
        }
    }
    if whole > EXACT {
        return None;
    }
    let value = whole as f64;
    let value = match fraction {
        None | Some(0) => value,
        Some(places) => value / POWERS[places],
    };
    Some(if negative { -value } else { value })
}

fn general(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return Some(NAN);
    }
    let spelled = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (value.is_finite() || spelled).then_some(value)
}

/// Reads whole milliseconds, as Prometheus text writes timestamps.
pub(crate) fn parse_millis(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads seconds, as OpenMetrics writes timestamps, to the nearest millisecond.
pub(crate) fn parse_seconds(text: &[u8]) -> Option<i64> {
    let millis = (parse_value(text)? * 1000.0).round();
    // Casting saturates, so the bound is checked before.
    (millis.is_finite() && millis.abs() < 9.2e18).then_some(millis as i64)
}

/// Writes a bound or quantile as OpenMetrics does: always recognisable as a float.
pub(crate) fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let magnitude = value.abs();
    // Go's %g: an exponent of at least two digits below 1e-4 and from 1e21 on.
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = format!("{value}");
    if text.contains('.') { text } else { text + ".0" }
}
