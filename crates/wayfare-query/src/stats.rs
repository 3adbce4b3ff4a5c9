//! Statistics of the reports. Each formula names its source.
//!
//! Distributions come from `statrs`; what stands here is what it does not have: intervals of rates, of differences
//! and of medians, the adjustment for many tests, and the split of a change.

mod adjust;
mod decompose;
mod difference;
mod median;

pub use adjust::benjamini_hochberg;
pub use decompose::{Share, kitagawa};
pub use difference::{Estimate, Proportion, difference_of_estimates, newcombe_95, two_proportions_p};
pub use median::median_ranks_95;

/// The 97.5 % point of the standard normal distribution: two-sided 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound; of a rate at least 0.
    pub low: f64,
    /// The upper bound; of a rate at most 1.
    pub high: f64,
}

/// The 95 % score interval of a rate of `part` in `whole`; nothing for a rate of nothing.
///
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the American
/// Statistical Association 22 (1927), pages 209-212, without continuity correction.
///
/// ```
/// let interval = wayfare_query::stats::wilson_95(81, 263).unwrap();
/// assert_eq!(format!("{:.4} to {:.4}", interval.low, interval.high), "0.2553 to 0.3662");
/// assert_eq!(wayfare_query::stats::wilson_95(0, 0), None);
/// ```
pub fn wilson_95(part: u64, whole: u64) -> Option<Interval> {
    if whole == 0 {
        return None;
    }
    let part = part.min(whole);
    let (hits, misses, n) = (float(part), float(whole - part), float(whole));
    let z2 = Z_95 * Z_95;
    let centre = hits + z2 / 2.0;
    let reach = Z_95 * (hits * misses / n + z2 / 4.0).sqrt();
    // At the ends one bound is exact, and rounding must not move it.
    let low = if part == 0 { 0.0 } else { (centre - reach) / (n + z2) };
    let high = if part == whole { 1.0 } else { (centre + reach) / (n + z2) };
    Some(Interval { low: low.max(0.0), high: high.min(1.0) })
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A percentile of sorted values: the value at position `percent` / 100 × (n − 1), counted from 0, interpolated linearly
/// between its neighbours; nothing for no values. Computed from integers and divided once.
///
/// Definition 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50
/// (1996), pages 361-365. At 50 it is the median, for an even number of values the mean of the two middle ones.
///
/// ```
/// use wayfare_query::stats::percentile;
/// assert_eq!(percentile(&[1, 2, 3, 10], 50), Some(2.5));
/// assert_eq!(percentile(&[1, 2, 3, 10], 90), Some(7.9));
/// assert_eq!(percentile(&[], 50), None);
/// ```
pub fn percentile(sorted: &[i64], percent: u8) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let hundredths = last.checked_mul(usize::from(percent.min(100)))?;
    let (below, share) = (hundredths / 100, hundredths % 100);
    let (low, high) = (*sorted.get(below)?, *sorted.get((below + 1).min(last))?);
    let scaled = i128::from(low) * 100 + (i128::from(high) - i128::from(low)) * i128::try_from(share).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "hundredths of milliseconds are far below 2^52")]
    Some(scaled as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(left: f64, right: f64, within: f64) {
        assert!((left - right).abs() <= within, "{left} is not near {right}");
    }

    /// R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven
    /// methods", Statistics in Medicine 17 (1998), pages 857-872, table I, method 3 (score).
    #[test]
    fn wilson_gives_the_published_worked_examples() {
        let published = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (part, whole, low, high) in published {
            let interval = wilson_95(part, whole).unwrap();
            near(interval.low, low, 0.000_05);
            near(interval.high, high, 0.000_05);
        }
    }

    /// Microsoft Excel's documentation of `PERCENTILE.INC` (1.9) and `QUARTILE.INC` (3.5), and of numpy's `percentile` (3.5),
    /// which follow definition 7.
    #[test]
    fn percentiles_give_the_published_worked_examples() {
        for (sorted, percent, expected) in [
            ([1, 2, 3, 4].as_slice(), 30, 1.9),
            (&[1, 2, 4, 7, 8, 9, 10, 12], 25, 3.5),
            (&[1, 2, 3, 4, 7, 10], 50, 3.5),
        ] {
            assert_eq!(percentile(sorted, percent), Some(expected), "{sorted:?} {percent}");
        }
    }

    #[test]
    fn a_rate_of_nothing_has_no_interval() {
        assert_eq!(wilson_95(0, 0), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate_and_mirrors(part in 0..1_000_000_u64, more in 1..1_000_000_u64) {
            let whole = part + more;
            let interval = wilson_95(part, whole).unwrap();
            let rate = float(part) / float(whole);
            prop_assert!(0.0 <= interval.low && interval.low <= rate);
            prop_assert!(rate <= interval.high && interval.high <= 1.0);
            let mirrored = wilson_95(more, whole).unwrap();
            near(interval.low, 1.0 - mirrored.high, 1e-12);
            // The bounds are where the score statistic is z: (p - rate)^2 = z^2 p (1 - p) / n.
            for bound in [interval.low, interval.high] {
                let spread = Z_95 * Z_95 * bound * (1.0 - bound) / float(whole);
                near((bound - rate).powi(2), spread, 1e-12);
            }
        }
    }
}
