//! In which order runs come to steps.

use std::collections::HashMap;

use crate::question::Question;
use crate::rows::{collect, integers, texts, words};
use crate::{Error, Result};

/// Steps of one run that are put in order; what comes after is not looked at.
const STEPS_MAX: usize = 200;

/// How many runs come to one step before another: by first step, second step.
#[derive(Debug, Default)]
pub(super) struct Order(HashMap<String, HashMap<String, i64>>);

impl Order {
    fn before(&self, first: &str, second: &str) -> i64 {
        self.0.get(first).and_then(|after| after.get(second)).copied().unwrap_or_default()
    }

    /// Whether more runs come to `first` before `second` than the other way; nothing where it is even.
    fn comes_first(&self, first: &str, second: &str) -> Option<bool> {
        let (there, back) = (self.before(first, second), self.before(second, first));
        (there != back).then_some(there > back)
    }

    /// Whether most runs come to a step before some other step here and after it there.
    pub(super) fn moved(&self, step: &str, there: &Self) -> bool {
        let turned = |other: &String| {
            let both = self.comes_first(step, other).zip(there.comes_first(step, other));
            both.is_some_and(|(here, there)| here != there)
        };
        self.0.keys().any(turned)
    }

    fn add(&mut self, steps: &[String], runs: i64) {
        let mut distinct: Vec<&String> = Vec::new();
        for step in steps {
            if distinct.len() < STEPS_MAX && !distinct.contains(&step) {
                distinct.push(step);
            }
        }
        for (index, first) in distinct.iter().enumerate() {
            // A step that is never before another one is known all the same.
            let after = self.0.entry((*first).clone()).or_default();
            for second in distinct.iter().skip(index + 1) {
                *after.entry((*second).clone()).or_default() += runs;
            }
        }
    }
}

/// Counts the order of first attempts, by journey, once a distinct sequence of steps.
pub(super) async fn orders(question: &Question<'_>, view: &str) -> Result<HashMap<Option<String>, Order>> {
    let query = format!(
        "SELECT journey_id, step_sequence(path) AS steps, count(*) AS runs FROM {view}
         GROUP BY journey_id, step_sequence(path)"
    );
    let found = collect(question.sql(&query).await?).await?;
    let runs = integers(&found, "runs")?;
    let mut orders: HashMap<Option<String>, Order> = HashMap::new();
    for (row, (journey, text)) in
        texts(&found, "journey_id")?.into_iter().zip(words(&found, "steps")?).enumerate()
    {
        let steps: Vec<String> = serde_json::from_str(&text)
            .map_err(|cause| Error::internal("no list of steps").because(cause))?;
        orders.entry(journey).or_default().add(&steps, runs.value(row));
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ways: &[(&[&str], i64)]) -> Order {
        let mut order = Order::default();
        for (steps, runs) in ways {
            order.add(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>(), *runs);
        }
        order
    }

    #[test]
    fn a_step_is_moved_when_most_runs_meet_it_on_the_other_side_of_some_step() {
        let a = order(&[(&["form", "captcha", "code"], 9), (&["captcha", "form", "code"], 1)]);
        let b = order(&[(&["form", "code", "captcha"], 5)]);
        assert!(a.moved("captcha", &b) && a.moved("code", &b));
        assert!(!a.moved("form", &b) && !a.moved("captcha", &a));
        // a retry after another step is no other order
        let retried = order(&[(&["form", "captcha", "form", "code"], 5)]);
        assert!(!a.moved("form", &retried));
    }
}
