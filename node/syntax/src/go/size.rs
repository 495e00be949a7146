//! Sizes in bytes with units: `10MiB`, `1.5GB`, `512`.

/// What a size looks like.
pub const HINT: &str = "a size is a number of bytes, or a string such as \"512KiB\" or \"10MiB\"";

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a size: {reason}")]
pub struct Error {
    text: String,
    reason: &'static str,
}

/// All units are of base 2, `KB` as well as `KiB`: configurations mean the same by both.
const PREFIXES: [(char, u32); 7] =
    [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50), ('E', 60), ('k', 10)];

/// Parses a number of bytes, possibly with a unit and with a fraction.
///
/// # Errors
/// When the text is not a size, or is past 2^64 bytes.
pub fn parse(text: &str) -> Result<u64, Error> {
    let error = |reason| Error { text: text.to_owned(), reason };
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let shift = shift(unit.trim()).ok_or_else(|| error("the units are B, KiB, MiB, GiB, TiB"))?;
    if let Ok(whole) = number.parse::<u64>() {
        let bytes = u128::from(whole) << shift;
        return u64::try_from(bytes).map_err(|_| error("it is past 2^64 bytes"));
    }
    let fraction: f64 = number.parse().map_err(|_| error("it does not begin with a number"))?;
    let bytes = fraction * 2f64.powi(shift.cast_signed());
    // The first float that no longer fits.
    if bytes < 18_446_744_073_709_551_616.0 {
        Ok(bytes as u64)
    } else {
        Err(error("it is past 2^64 bytes"))
    }
}

/// By how many bits a unit shifts.
fn shift(unit: &str) -> Option<u32> {
    if matches!(unit, "" | "B") {
        return Some(0);
    }
    let mut chars = unit.chars();
    let first = chars.next()?;
    let (_, shift) = PREFIXES.iter().find(|(prefix, _)| *prefix == first)?;
    matches!(chars.as_str(), "" | "B" | "iB").then_some(*shift)
}

/// In the largest unit that divides it: `10MiB`, `1025B`, `0B`.
pub fn format(bytes: u64) -> String {
    let units = [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.iter().find(|&&(_, shift)| bytes != 0 && bytes.trailing_zeros() >= shift);
    match fitting {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}
