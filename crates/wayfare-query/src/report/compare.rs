//! `compare`: two sets of runs side by side: rates, medians and steps; with dimensions, where a change comes from.

mod decomposition;
mod order;
mod side;

use std::collections::BTreeSet;

use arrow::array::{Float64Array, Int64Array, RecordBatch};

use crate::question::Question;
use crate::rows::Rows;
use crate::spec::CompareSpec;
use crate::stats::{
    Estimate, Proportion, benjamini_hochberg, difference_of_estimates, newcombe_95, two_proportions_p,
};
use crate::words::counted;
use crate::{Error, Result};

use self::side::Side;
use super::{Answer, empty};

pub(super) async fn rows(question: &Question<'_>, spec: &CompareSpec) -> Result<Answer> {
    if spec.a == spec.b {
        return Err(Error::invalid("the two sides of a comparison are the same")
            .hint("for example `--a version=2 --b version=3`, or `--a from=2026-03-01,to=2026-03-08 --b from=2026-03-08`"));
    }
    let [a, b] = [side::scope(&spec.scope, &spec.a)?, side::scope(&spec.scope, &spec.b)?];
    let (a, b) = (question.with_scope(a)?, question.with_scope(b)?);
    for side in [&a, &b] {
        empty::check_names(side).await?;
    }
    if !question.dimensions.is_empty() {
        return decomposition::rows(question, [&a, &b]).await;
    }
    let [a, b] = [Side::read(&a, "a").await?, Side::read(&b, "b").await?];
    let lines = lines(&a, &b);
    let mut answer = Answer::new("Comparison: b, compared, against a, the baseline", table(&lines)?);
    answer.notes.push(format!(
        "baseline (a): {}; compared (b): {}; differences are b − a",
        counted(a.started(), "run"),
        counted(b.started(), "run")
    ));
    if a.started() == 0 || b.started() == 0 {
        answer.notes.extend(empty::explain(question, 0).await?);
    }
    answer
        .notes
        .push("intervals are of 95 %; q is the p-value adjusted for all rates of this answer".to_owned());
    Ok(answer.limited(question.scope.limit))
}

/// One row: a rate, a median, or both.
#[derive(Debug, Default)]
struct Line {
    metric: &'static str,
    journey: Option<String>,
    step: Option<String>,
    change: Option<&'static str>,
    rates: Option<[Proportion; 2]>,
    medians: [Option<f64>; 2],
    /// With intervals, where both sides have enough values for one.
    median_difference: Option<Estimate>,
}

fn lines(a: &Side, b: &Side) -> Vec<Line> {
    let rate = |metric, part: &str, whole: &[&str]| Line {
        metric,
        rates: Some([a.proportion(part, whole), b.proportion(part, whole)]),
        ..Line::default()
    };
    let ended = ["succeeded", "failed"];
    let decided = ["succeeded", "failed", "abandoned"];
    let mut lines = vec![
        rate("completion_rate", "succeeded", &ended),
        rate("success_rate_of_started", "succeeded", &decided),
        rate("rejected_share", "rejected", &ended),
        rate("error_share", "error", &ended),
        rate("abandoned_share", "abandoned", &decided),
        Line { metric: "duration", ..Line::default() }.with_times(&a.times, &b.times),
    ];
    let steps: BTreeSet<_> = a.steps.keys().chain(b.steps.keys()).collect();
    let reached = |key| {
        [a, b].iter().filter_map(|side| side.steps.get(key)).map(|step| step.completion.whole).sum::<u64>()
    };
    let mut steps: Vec<_> = steps.into_iter().collect();
    steps.sort_by_key(|key| std::cmp::Reverse(reached(*key)));
    for key in steps {
        let (before, after) = (a.steps.get(key), b.steps.get(key));
        let change = match (before, after) {
            (Some(_), None) => Some("removed"),
            (None, Some(_)) => Some("added"),
            _ => a
                .orders
                .get(&key.0)
                .zip(b.orders.get(&key.0))
                .is_some_and(|(before, after)| before.moved(&key.1, after))
                .then_some("moved"),
        };
        let line = Line {
            metric: "step_completion",
            journey: key.0.clone(),
            step: Some(key.1.clone()),
            change,
            rates: Some(
                [before, after]
                    .map(|step| step.map_or(Proportion { part: 0, whole: 0 }, |step| step.completion)),
            ),
            ..Line::default()
        };
        let nothing = side::Times::default();
        let times = |step: Option<&'_ side::Step>| step.map_or(nothing, |step| step.times);
        lines.push(line.with_times(&times(before), &times(after)));
    }
    lines
}

impl Line {
    fn with_times(mut self, a: &side::Times, b: &side::Times) -> Self {
        self.medians = [a.median, b.median];
        if let (Some(a), Some(b)) = (a.estimate(), b.estimate()) {
            self.median_difference = Some(difference_of_estimates(b, a));
        }
        self
    }

    fn difference(&self) -> Option<Estimate> {
        let [a, b] = self.rates?;
        newcombe_95(b, a)
    }

    fn p(&self) -> Option<f64> {
        let [a, b] = self.rates?;
        two_proportions_p(b, a)
    }
}

fn table(lines: &[Line]) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    rows.text("metric", lines.iter().map(|line| Some(line.metric)));
    rows.text("journey_id", lines.iter().map(|line| line.journey.as_deref()));
    rows.text("step_id", lines.iter().map(|line| line.step.as_deref()));
    rows.text("change", lines.iter().map(|line| line.change));
    for (index, name) in ["a_rate", "b_rate"].into_iter().enumerate() {
        let of = |count: fn(&Proportion) -> u64| -> Int64Array {
            let side = |line: &Line| line.rates.as_ref()?.get(index).map(count);
            lines.iter().map(|line| i64::try_from(side(line)?).ok()).collect()
        };
        rows.rate(name, &of(|rate| rate.part), &of(|rate| rate.whole));
    }
    let differences: Vec<Option<Estimate>> = lines.iter().map(Line::difference).collect();
    add_difference(&mut rows, "difference_in_rate", &differences);
    let p: Vec<Option<f64>> = lines.iter().map(Line::p).collect();
    let mut adjusted = benjamini_hochberg(&p.iter().flatten().copied().collect::<Vec<_>>()).into_iter();

    rows.number("q_value", p.iter().map(|p| p.and_then(|_| adjusted.next())));
    rows.number("p_value", p.iter().copied());
    for (index, name) in ["a_median_ms", "b_median_ms"].into_iter().enumerate() {
        rows.number(name, lines.iter().map(|line| line.medians.get(index).copied().flatten()));
    }
    let between = |line: &Line| {
        let [a, b] = line.medians;
        Some(b? - a?)
    };
    rows.number("difference_in_median_ms", lines.iter().map(between));
    let bounds: Vec<Option<Estimate>> = lines.iter().map(|line| line.median_difference).collect();
    rows.number(
        "difference_in_median_from_ms",
        bounds.iter().map(|bounds| Some(bounds.as_ref()?.interval.low)),
    );
    rows.number(
        "difference_in_median_to_ms",
        bounds.iter().map(|bounds| Some(bounds.as_ref()?.interval.high)),
    );
    rows.finish()
}

/// Adds a difference of rates and the bounds of its interval, which people see, too: without them it says nothing.
fn add_difference(rows: &mut Rows, name: &str, values: &[Option<Estimate>]) {
    let of = |part: fn(&Estimate) -> f64| -> Float64Array {
        values.iter().map(|value| value.as_ref().map(part)).collect()
    };
    for (ending, values) in [
        ("", of(|value| value.value)),
        ("_from", of(|value| value.interval.low)),
        ("_to", of(|value| value.interval.high)),
    ] {
        rows.add(&format!("{name}{ending}"), std::sync::Arc::new(values));
    }
}
