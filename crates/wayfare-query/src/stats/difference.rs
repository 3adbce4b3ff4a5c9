//! Two samples side by side.

use statrs::function::erf::erfc;

use super::{Interval, float, wilson_95};

/// A part of a whole; the part is at most the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    /// How many have the property.
    pub part: u64,
    /// How many there are.
    pub whole: u64,
}

impl Proportion {
    /// The rate; nothing of nothing.
    pub fn rate(self) -> Option<f64> {
        (self.whole > 0).then(|| float(self.part) / float(self.whole))
    }
}

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The interval around it.
    pub interval: Interval,
}

/// The 95 % interval of the difference `left − right` of two independent numbers, from the intervals of each.
///
/// The square-and-add rule: R. G. Newcombe, "Interval estimation for the difference between independent proportions",
/// Statistics in Medicine 17 (1998), pages 873-890, method 10; for any number G. Y. Zou and A. Donner, "Construction of
/// confidence limits about effect measures", Statistics in Medicine 27 (2008), pages 1693-1702, equation 4.
pub fn difference_of_estimates(left: Estimate, right: Estimate) -> Estimate {
    let value = left.value - right.value;
    let below = (left.value - left.interval.low).hypot(right.interval.high - right.value);
    let above = (left.interval.high - left.value).hypot(right.value - right.interval.low);
    Estimate { value, interval: Interval { low: value - below, high: value + above } }
}

/// The difference `left − right` of two rates with its 95 % interval; nothing when one of them is a rate of nothing.
///
/// Newcombe's method 10 (see [`difference_of_estimates`]) over the intervals of [`wilson_95`].
///
/// ```
/// use wayfare_query::stats::{Proportion, newcombe_95};
/// let difference = newcombe_95(Proportion { part: 56, whole: 70 }, Proportion { part: 48, whole: 80 }).unwrap();
/// assert_eq!(format!("{:.4} to {:.4}", difference.interval.low, difference.interval.high), "0.0524 to 0.3339");
/// ```
pub fn newcombe_95(left: Proportion, right: Proportion) -> Option<Estimate> {
    let estimate = |sample: Proportion| {
        Some(Estimate { value: sample.rate()?, interval: wilson_95(sample.part, sample.whole)? })
    };
    let mut difference = difference_of_estimates(estimate(left)?, estimate(right)?);
    // A difference of rates lies between -1 and 1, and rounding must not move it out.
    difference.interval.low = difference.interval.low.max(-1.0);
    difference.interval.high = difference.interval.high.min(1.0);
    Some(difference)
}

/// The two-sided p-value for two rates being the same: the normal approximation with the pooled rate, without
/// continuity correction, which is Pearson's chi-squared test of the 2 × 2 table. Nothing when one is a rate of
/// nothing, 1 when both are 0 or both are 1.
///
/// J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions", 3rd edition (2003), section 3.1.
pub fn two_proportions_p(left: Proportion, right: Proportion) -> Option<f64> {
    let difference = left.rate()? - right.rate()?;
    let pooled = Proportion { part: left.part + right.part, whole: left.whole + right.whole }.rate()?;
    let variance = pooled * (1.0 - pooled) * (1.0 / float(left.whole) + 1.0 / float(right.whole));
    if variance <= 0.0 {
        return Some(1.0);
    }
    Some(erfc((difference / variance.sqrt()).abs() / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(part: u64, whole: u64) -> Proportion {
        Proportion { part, whole }
    }

    /// Newcombe (1998), pages 873-890, table II, method 10, its eight contrasts.
    #[test]
    fn newcombe_gives_the_published_worked_examples() {
        let published = [
            (of(56, 70), of(48, 80), 0.0524, 0.3339),
            (of(9, 10), of(3, 10), 0.1705, 0.8090),
            (of(6, 7), of(2, 7), 0.0582, 0.8062),
            (of(5, 56), of(0, 29), -0.0381, 0.1926),
            (of(0, 10), of(0, 20), -0.1611, 0.2775),
            (of(0, 10), of(0, 10), -0.2775, 0.2775),
            (of(10, 10), of(0, 20), 0.6791, 1.0),
            (of(10, 10), of(0, 10), 0.6075, 1.0),
        ];
        for (left, right, low, high) in published {
            let interval = newcombe_95(left, right).unwrap().interval;
            assert!((interval.low - low).abs() <= 0.000_05, "{left:?} {right:?} {interval:?}");
            assert!((interval.high - high).abs() <= 0.000_05, "{left:?} {right:?} {interval:?}");
        }
    }

    /// A. Agresti, "An Introduction to Categorical Data Analysis", 2nd edition (2007), sections 2.2 and 2.4: heart
    /// attacks in the Physicians' Health Study, 189 of 11,034 with placebo and 104 of 11,037 with aspirin; the
    /// chi-squared statistic is 25.01. Pennsylvania State University, STAT 415, lesson 9.4: 351 of 605 and 41 of 195
    /// for a tax on cigarettes, Z = 8.99.
    #[test]
    fn two_proportions_give_the_published_worked_examples() {
        for (left, right, z) in
            [(of(189, 11_034), of(104, 11_037), 25.01_f64.sqrt()), (of(351, 605), of(41, 195), 8.99)]
        {
            let expected = erfc(z / std::f64::consts::SQRT_2);
            let seen = two_proportions_p(left, right).unwrap();
            assert!((seen / expected - 1.0).abs() < 0.05, "{seen} {expected}");
        }
        // the 5 % point of the normal distribution, by hand: 40 of 100 and 54 of 100 have z = 1.98
        let p = two_proportions_p(of(40, 100), of(54, 100)).unwrap();
        assert!((p - 0.0473).abs() < 0.0005, "{p}");
    }

    #[test]
    fn nothing_has_no_difference_and_equals_do_not_differ() {
        assert_eq!(newcombe_95(of(0, 0), of(1, 2)), None);
        assert_eq!(two_proportions_p(of(0, 0), of(1, 2)), None);
        assert_eq!(two_proportions_p(of(3, 3), of(5, 5)), Some(1.0));
    }

    proptest! {
        #[test]
        fn the_difference_mirrors(a in 0..500_u64, b in 1..500_u64, c in 0..500_u64, d in 1..500_u64) {
            let (left, right) = (of(a, a + b), of(c, c + d));
            let (there, back) = (newcombe_95(left, right).unwrap(), newcombe_95(right, left).unwrap());
            prop_assert!((there.interval.low + back.interval.high).abs() < 1e-12);
            prop_assert!(there.interval.low <= there.value && there.value <= there.interval.high);
            prop_assert_eq!(two_proportions_p(left, right), two_proportions_p(right, left));
        }
    }
}
