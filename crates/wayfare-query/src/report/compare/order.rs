//! In which order runs come to steps.

use std::collections::HashMap;

use crate::question::Question;
use crate::rows::{collect, integers, texts, words};
use crate::{Error, Result};

/// Steps of one run that are put in order; what comes after is not looked at.
const STEPS_MAX: usize = 200;

/// How many runs of a journey come to one step before another: by journey, first step, second step.
#[derive(Debug, Default)]
pub(super) struct Order(HashMap<Option<String>, HashMap<String, HashMap<String, i64>>>);

impl Order {
    fn before(&self, journey: &Option<String>, first: &str, second: &str) -> i64 {
        let found = self.0.get(journey).and_then(|pairs| pairs.get(first)?.get(second));
        found.copied().unwrap_or_default()
    }

    /// Whether more runs come to `first` before `second` than the other way; nothing where it is even.
    fn comes_first(&self, journey: &Option<String>, first: &str, second: &str) -> Option<bool> {
        let (there, back) = (self.before(journey, first, second), self.before(journey, second, first));
        (there != back).then_some(there > back)
    }

    fn steps(&self, journey: &Option<String>) -> impl Iterator<Item = &str> {
        self.0.get(journey).into_iter().flat_map(|pairs| pairs.keys().map(String::as_str))
    }
}

/// Whether most runs come to a step before some other step on one side and after it on the other.
pub(super) fn moved(journey: &Option<String>, step: &str, a: &Order, b: &Order) -> bool {
    let turned = |other: &str| {
        let (a, b) = (a.comes_first(journey, step, other), b.comes_first(journey, step, other));
        a.zip(b).is_some_and(|(a, b)| a != b)
    };
    a.steps(journey).chain(b.steps(journey)).any(|other| other != step && turned(other))
}

/// Counts the order of first attempts, once a distinct sequence of steps.
pub(super) async fn precedence(question: &Question<'_>, view: &str) -> Result<Order> {
    let query = format!(
        "SELECT journey_id, step_sequence(path) AS steps, count(*) AS runs FROM {view}
         GROUP BY journey_id, step_sequence(path)"
    );
    let found = collect(question.sql(&query).await?).await?;
    let runs = integers(&found, "runs")?;
    let mut order = Order::default();
    for (row, (journey, text)) in
        texts(&found, "journey_id")?.into_iter().zip(words(&found, "steps")?).enumerate()
    {
        let steps: Vec<String> = serde_json::from_str(&text)
            .map_err(|cause| Error::internal("no list of steps").because(cause))?;
        let mut distinct: Vec<&String> = Vec::new();
        for step in &steps {
            if distinct.len() < STEPS_MAX && !distinct.contains(&step) {
                distinct.push(step);
            }
        }
        let pairs = order.0.entry(journey).or_default();
        for (index, first) in distinct.iter().enumerate() {
            // A step that is never before another one is known all the same.
            let after = pairs.entry((*first).clone()).or_default();
            for second in distinct.iter().skip(index + 1) {
                *after.entry((*second).clone()).or_default() += runs.value(row);
            }
        }
    }
    Ok(order)
}
