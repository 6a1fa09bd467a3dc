//! Numbers from a seed: the same seed, the same schedule of faults. No secret comes from here.

/// A sequence of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Another sequence, for the `n`-th of something that runs beside this one.
    pub fn split(&self, n: u64) -> Self {
        Random(Random(self.0 ^ n.wrapping_mul(0xD1B5_4A32_D192_ED03)).next())
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is.
    pub fn below(&mut self, end: u64) -> u64 {
        // The remainder favours small numbers by less than one in 2^40 here.
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these; none if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        usize::try_from(at).ok().and_then(|at| from.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_numbers_and_another_seed_others() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!(numbers(7).iter().all(|number| *number < 1_000));
        assert_ne!(Random::new(7).split(1).next(), Random::new(7).split(2).next());
    }

    #[test]
    fn every_one_is_picked_in_time_and_nothing_of_nothing() {
        let mut random = Random::new(1);
        let picked: std::collections::BTreeSet<u32> =
            (0..100).filter_map(|_| random.pick(&[1, 2, 3]).copied()).collect();
        assert_eq!(picked.len(), 3);
        assert_eq!((random.pick::<u32>(&[]), random.below(0)), (None, 0));
    }
}
