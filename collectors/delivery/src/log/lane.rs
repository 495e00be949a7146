//! Which frames may overtake each other.

/// Which series a frame may hold: those whose hash leaves `shard` when divided by `shards`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The remainder.
    pub shard: u16,
    /// The divisor; 0 for a frame without series, which may overtake and be overtaken.
    pub shards: u16,
}

impl Lane {
    /// The lane of what has no order.
    pub const UNORDERED: Self = Self { shard: 0, shards: 0 };

    /// Whether one series could be in frames of both lanes. The divisors may differ: then the
    /// remainders have to agree modulo their greatest common divisor.
    pub fn shares_series_with(self, other: Self) -> bool {
        if self.shards == 0 || other.shards == 0 {
            return false;
        }
        let divisor = gcd(self.shards, other.shards);
        self.shard % divisor == other.shard % divisor
    }
}

fn gcd(mut a: u16, mut b: u16) -> u16 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
