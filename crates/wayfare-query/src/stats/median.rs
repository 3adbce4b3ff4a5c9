//! How sure a median is.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// Half of what a 95 % interval leaves out.
const TAIL: f64 = 0.025;

/// The ranks, counted from 0, of the two values that hold the median with a probability of at least 95 %, among `n`
/// sorted independent values of any distribution; nothing for fewer than 6 values, which cannot say.
///
/// W. J. Conover, "Practical Nonparametric Statistics", 3rd edition (1999), section 3.2: exact, by the binomial
/// distribution with probability one half.
///
/// ```
/// assert_eq!(wayfare_query::stats::median_ranks_95(10), Some((1, 8)));
/// ```
pub fn median_ranks_95(n: usize) -> Option<(usize, usize)> {
    let values = u64::try_from(n).ok()?;
    let binomial = Binomial::new(0.5, values).ok()?;
    // The normal distribution is off by a rank or two: half of n, less 1.96 standard deviations of sqrt(n) / 2.
    let mut below = (values / 2).saturating_sub(values.isqrt() * 49 / 50);
    while below > 0 && binomial.cdf(below - 1) >= TAIL {
        below -= 1;
    }
    while binomial.cdf(below) < TAIL {
        below += 1;
    }
    let low = usize::try_from(below).ok()?.checked_sub(1)?;
    Some((low, n.checked_sub(low + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M. J. Campbell and M. J. Gardner, "Calculating confidence intervals for some non-parametric analyses", British
    /// Medical Journal 296 (1988), pages 1454-1456: exact ranks (from 1) for small samples, and 40th and 61st of 100.
    #[test]
    fn the_ranks_are_the_published_ones() {
        let published = [
            (6, 1, 6),
            (9, 2, 8),
            (10, 2, 9),
            (12, 3, 10),
            (15, 4, 12),
            (20, 6, 15),
            (30, 10, 21),
            (100, 40, 61),
        ];
        for (n, low, high) in published {
            assert_eq!(median_ranks_95(n), Some((low - 1, high - 1)), "{n}");
        }
    }

    #[test]
    fn the_ranks_are_the_quantiles_of_the_binomial_distribution() {
        for n in (1..400).chain([1_000, 12_345, 999_999]) {
            let below = Binomial::new(0.5, n).unwrap().inverse_cdf(TAIL);
            let low = median_ranks_95(usize::try_from(n).unwrap()).map(|(low, _)| low as u64);
            assert_eq!(low, below.checked_sub(1), "{n}");
        }
    }

    #[test]
    fn few_values_do_not_say() {
        for n in 0..6 {
            assert_eq!(median_ranks_95(n), None, "{n}");
        }
    }

    #[test]
    fn many_values_are_no_trouble() {
        let (low, high) = median_ranks_95(5_000_000).unwrap();
        assert_eq!(low + high, 4_999_999);
        // half of n, less 1.96 standard deviations of sqrt(n) / 2
        assert!(low.abs_diff(2_497_808) < 5, "{low}");
    }
}
