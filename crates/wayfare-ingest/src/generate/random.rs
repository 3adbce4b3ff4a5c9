//! Random choices that are the same on every machine.
//!
//! The generator is `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014,
//! figure 17): eight bytes of state, one addition and three multiplications a number, and any number is a good
//! seed for a stream of its own. Everything here is integer arithmetic: a logarithm differs between maths
//! libraries in its last digit, and one digit is a different file.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Starts the stream of `seed` and `stream`: streams of one seed have nothing in common.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(GOLDEN)) ^ stream.wrapping_mul(GOLDEN)))
    }

    /// Starts another stream out of this one.
    pub(super) fn split(&mut self) -> Self {
        Self::new(self.next(), 0)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `bound`, each as likely as the others; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        high(self.next(), bound)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `permille` of a thousand cases.
    pub(super) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// A number below `bound`, small ones likelier: the first hundredth gets a tenth.
    pub(super) fn heavy_headed(&mut self, bound: u64) -> u64 {
        let share = self.next();
        high(high(share, share), bound)
    }

    /// A duration around `median_ms`, skewed as waiting times are: a quarter below 2/3, a long tail up to six times.
    pub(super) fn around(&mut self, median_ms: u64) -> u64 {
        let position = self.below(16 * 1024);
        let (cell, offset) = (position / 1024, position % 1024);
        let quantile = |cell: u64| QUANTILES.get(usize::try_from(cell).unwrap_or(0)).copied().unwrap_or(1000);
        let (low, high) = (quantile(cell), quantile(cell + 1));
        median_ms * (low * 1024 + (high - low) * offset) / (1000 * 1024)
    }

    #[expect(clippy::indexing_slicing, reason = "every list here is written out and not empty")]
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.below(items.len() as u64)).unwrap_or(0)]
    }

    /// The position of one of `weights`, as likely as it is heavy.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut point = self.below(weights.clone().sum());
        for (position, weight) in weights.enumerate() {
            if point < weight {
                return position;
            }
            point -= weight;
        }
        0
    }
}

/// 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Quantiles of a skewed duration at every sixteenth, in permille of its median.
const QUANTILES: [u64; 17] =
    [220, 400, 500, 585, 667, 745, 826, 910, 1000, 1099, 1211, 1342, 1499, 1708, 1995, 2512, 6000];

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The upper half of the product: `share` / 2^64 of `whole`.
fn high(share: u64, whole: u64) -> u64 {
    u64::try_from((u128::from(share) * u128::from(whole)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_the_published_ones() {
        let mut random = Random(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn choices_stay_in_bounds_and_follow_their_weights() {
        let mut random = Random::new(1, 2);
        assert_eq!(random.below(0), 0);
        let mut hits = [0; 3];
        for _ in 0..30_000 {
            assert!(random.below(7) < 7);
            assert!((5..=6).contains(&random.between(5, 6)));
            assert!(random.heavy_headed(100) < 100);
            assert!((220..=6000).contains(&random.around(1000)));
            hits[random.weighted([1, 0, 2].into_iter())] += 1;
        }
        assert!(hits[1] == 0 && (9_000..11_000).contains(&hits[0]), "{hits:?}");
    }

    #[test]
    fn durations_have_the_median_they_are_asked_for() {
        let mut random = Random::new(7, 7);
        let below = (0..20_000).filter(|_| random.around(5000) < 5000).count();
        assert!((9_700..10_300).contains(&below), "{below}");
    }
}
