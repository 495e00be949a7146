//! Which frames may overtake each other.

/// Which series a frame may hold: those whose hash leaves `shard` when divided by `shards`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The remainder.
    pub shard: u16,
    /// The divisor; 0 for a frame without series, which may overtake and be overtaken.
    pub shards: u16,
    /// What its samples have to do with those that another node may have written, too.
    pub overlap: Overlap,
}

/// Where another node may have written the same samples. A backend that speaks 1.0 may refuse such a
/// frame many times until only its doubles are left, and what has nothing to do with it is not to wait
/// for so long: on the other side of a broken network somebody may be about to write what is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Neither in this frame nor, of the series in it, in one before that may be unfinished.
    Nowhere,
    /// Not in this frame, but in one before that may be unfinished, of the same series. So it is behind
    /// what a log has from before it was opened. Nothing of its lane passes it.
    Before,
    /// In this frame.
    Here,
}

impl Lane {
    /// The lane of what has no order.
    pub const UNORDERED: Self = Self { shard: 0, shards: 0, overlap: Overlap::Nowhere };

    /// Whether a frame has to wait for an earlier one.
    pub fn waits_for(self, earlier: Self) -> bool {
        let passes = self.overlap == Overlap::Nowhere && earlier.overlap == Overlap::Here;
        !passes && self.shares_series_with(earlier)
    }

    /// Whether one series could be in frames of both lanes. The divisors may differ: then the
    /// remainders have to agree modulo their greatest common divisor.
    fn shares_series_with(self, other: Self) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two lanes share a series exactly when some hash falls into both.
        #[test]
        fn lanes_share_a_series_when_a_hash_falls_into_both(
            (n, i) in (1u16..12).prop_flat_map(|n| (Just(n), 0..n)),
            (m, j) in (1u16..12).prop_flat_map(|m| (Just(m), 0..m)),
        ) {
            let exists = (0..u32::from(n) * u32::from(m)).any(|hash| {
                hash % u32::from(n) == u32::from(i) && hash % u32::from(m) == u32::from(j)
            });
            let lane = |shard, shards| Lane { shard, shards, overlap: Overlap::Nowhere };
            let (a, b) = (lane(i, n), lane(j, m));
            prop_assert_eq!(a.shares_series_with(b), exists);
            prop_assert_eq!(b.shares_series_with(a), exists);
        }
    }

    #[test]
    fn only_what_has_nothing_to_do_with_an_overlap_passes_it() {
        let lane = |overlap| Lane { shard: 0, shards: 1, overlap };
        for (earlier, later, waits) in [
            (Overlap::Here, Overlap::Nowhere, false),
            (Overlap::Here, Overlap::Before, true),
            (Overlap::Here, Overlap::Here, true),
            (Overlap::Nowhere, Overlap::Here, true),
            (Overlap::Before, Overlap::Here, true),
            (Overlap::Before, Overlap::Nowhere, true),
            (Overlap::Nowhere, Overlap::Nowhere, true),
        ] {
            assert_eq!(lane(later).waits_for(lane(earlier)), waits, "{later:?} after {earlier:?}");
        }
    }
}
