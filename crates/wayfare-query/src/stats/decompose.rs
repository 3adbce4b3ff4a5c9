//! A change of a rate, split into what changed.

/// What one group has in two samples: its share of all, and its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The group's share in the first and in the second sample.
    pub weight: [f64; 2],
    /// The group's rate in the first and in the second sample; nothing where the group is not there.
    pub rate: [Option<f64>; 2],
}

/// What a group adds to the change of the whole rate from the first sample to the second: by its share (`mix`) and by
/// its rate. Summed over the groups the two are the whole change.
///
/// E. M. Kitagawa, "Components of a Difference Between Two Rates", Journal of the American Statistical Association 50
/// (1955), pages 1168-1194, two components: each change is weighed with the mean of the other factor. The mix counts
/// rates relative to the first sample's `overall` rate, which moves nothing in the sum. A group that one sample lacks
/// has the rate of the other: it changes the mix only.
pub fn kitagawa(group: Share, overall: f64) -> (f64, f64) {
    let [before, after] = group.weight;
    let (first, second) = match group.rate {
        [Some(first), Some(second)] => (first, second),
        [Some(only), None] | [None, Some(only)] => (only, only),
        [None, None] => return (0.0, 0.0),
    };
    let mix = (after - before) * (f64::midpoint(first, second) - overall);
    let rate = (second - first) * f64::midpoint(before, after);
    (mix, rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Half of the change of a group that grows and gets better is the rate's, at the mean of the shares.
    #[test]
    fn two_groups_by_hand() {
        // 0.5 × 0.8 + 0.5 × 0.4 = 0.60 becomes 0.25 × 0.8 + 0.75 × 0.6 = 0.65
        let stays = kitagawa(Share { weight: [0.5, 0.25], rate: [Some(0.8), Some(0.8)] }, 0.6);
        let grows = kitagawa(Share { weight: [0.5, 0.75], rate: [Some(0.4), Some(0.6)] }, 0.6);
        let near = |seen: f64, expected: f64| assert!((seen - expected).abs() < 1e-12, "{seen} {expected}");
        near(stays.0 + grows.0, -0.25 * 0.2 + 0.25 * -0.1);
        near(stays.1 + grows.1, 0.2 * 0.625);
        near(stays.0 + grows.0 + stays.1 + grows.1, 0.05);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(groups in proptest::collection::vec((0..50_u32, 0..50_u32, 0..50_u32, 0..50_u32), 1..6)) {
            let groups: Vec<[u32; 4]> = groups.iter().map(|&(a, b, c, d)| [a, a + b, c, c + d]).collect();
            let sum = |index: usize| groups.iter().map(|group| f64::from(group[index])).sum::<f64>();
            prop_assume!(sum(1) > 0.0 && sum(3) > 0.0);
            let overall = sum(0) / sum(1);
            let rate = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
            let total: f64 = groups.iter().map(|group| {
                let weight = [f64::from(group[1]) / sum(1), f64::from(group[3]) / sum(3)];
                let (mix, rate) = kitagawa(Share { weight, rate: [rate(group[0], group[1]), rate(group[2], group[3])] }, overall);
                mix + rate
            }).sum();
            prop_assert!((total - (sum(2) / sum(3) - overall)).abs() < 1e-9);
        }
    }
}
