//! Many tests at once.

/// The p-values of many tests, adjusted so that among those at most `q` the expected share of false finds is at most
/// `q`. In the order given.
///
/// Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful Approach to Multiple
/// Testing", Journal of the Royal Statistical Society B 57 (1995), pages 289-300: the smallest level at which the
/// step-up procedure of section 3.1 rejects. Cost: a sort.
///
/// ```
/// let q = wayfare_query::stats::benjamini_hochberg(&[0.04, 0.01, 0.03]);
/// assert_eq!(q, [0.04, 0.03, 0.04]);
/// ```
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (above, (index, value)) in order.into_iter().enumerate() {
        let rank = p.len() - above;
        // The factor is at least 1, also when rounded, so that no value is lowered.
        let factor = super::float(p.len() as u64) / super::float(rank as u64);
        least = least.min(value * factor);
        if let Some(place) = adjusted.get_mut(index) {
            *place = least;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The 15 p-values of section 3.2 of the paper (thrombolysis after myocardial infarction): at 0.05 the four smallest
    /// are rejected, where Bonferroni's and Hochberg's procedures reject three.
    #[test]
    fn benjamini_and_hochbergs_own_example() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let q = benjamini_hochberg(&p);
        assert_eq!(q.iter().filter(|q| **q <= 0.05).count(), 4);
        for (seen, expected) in q.iter().zip([0.0015, 0.003, 0.0095, 0.035_625, 0.0603]) {
            assert!((seen - expected).abs() < 1e-12, "{seen} {expected}");
        }
        assert!((q[14] - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(mut p in proptest::collection::vec(0.0..=1.0_f64, 0..40)) {
            p.sort_by(f64::total_cmp);
            let q = benjamini_hochberg(&p);
            prop_assert!(q.is_sorted());
            prop_assert!(p.iter().zip(&q).all(|(p, q)| q >= p && *q <= 1.0));
        }
    }
}
