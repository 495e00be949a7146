//! Log lines about a condition that lasts: one a minute.

/// How often the same complaint is repeated, in milliseconds.
const EVERY_MS: i64 = 60_000;

/// Lets one line through a minute and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last_ms: Option<i64>,
    suppressed: u64,
}

impl Throttle {
    /// Whether to write a line now; if so, how many were kept back since the last one.
    pub(crate) fn allows(&mut self, now_ms: i64) -> Option<u64> {
        if self.last_ms.is_some_and(|last| (0..EVERY_MS).contains(&(now_ms - last))) {
            self.suppressed += 1;
            return None;
        }
        self.last_ms = Some(now_ms);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_were_kept_back() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.allows(0), Some(0));
        assert_eq!(throttle.allows(1), None);
        assert_eq!(throttle.allows(59_999), None);
        assert_eq!(throttle.allows(60_000), Some(2));
    }
}
