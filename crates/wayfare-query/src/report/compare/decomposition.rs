//! Where a change of the success rate comes from: other runs (mix), or the same runs going otherwise (rate).

use std::collections::BTreeMap;

use arrow::array::Int64Array;

use super::super::{Answer, empty};
use super::add_difference;
use crate::question::Question;
use crate::rows::{Rows, collect, integers, texts};
use crate::stats::{Proportion, Share, kitagawa, newcombe_95, two_proportions_p};
use crate::{Result, words};

/// Succeeded and decided runs of both sides.
type Cell = [Proportion; 2];

const NOTHING: Proportion = Proportion { part: 0, whole: 0 };

/// One row a value of the dimensions; `mix` and `rate` add up to the whole change.
pub(super) async fn rows(question: &Question<'_>, sides: [&Question<'_>; 2]) -> Result<Answer> {
    let names = question.dimension_names();
    let mut cells: BTreeMap<Vec<Option<String>>, Cell> = BTreeMap::new();
    for (index, side) in sides.into_iter().enumerate() {
        let view = format!("runs_{index}");
        side.register(&view, side.split(side.runs(&[])?)?)?;
        let query = format!(
            "SELECT {names} count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE state <> 'open') AS decided FROM {view} {grouped}",
            names = side.names_then_comma(),
            grouped = side.grouped_by(&[]),
        );
        let found = collect(side.sql(&query).await?).await?;
        let keys = names.iter().map(|name| texts(&found, name)).collect::<Result<Vec<_>>>()?;
        let (succeeded, decided) = (integers(&found, "succeeded")?, integers(&found, "decided")?);
        for row in 0..found.num_rows() {
            let key = keys.iter().map(|values| values.get(row).cloned().flatten()).collect();
            let count = |counts: &Int64Array| u64::try_from(counts.value(row)).unwrap_or_default();
            let cell = cells.entry(key).or_insert([NOTHING; 2]);
            if let Some(place) = cell.get_mut(index) {
                *place = Proportion { part: count(&succeeded), whole: count(&decided) };
            }
        }
    }
    let whole = cells.values().fold([NOTHING; 2], |sum, cell| {
        let add = |sum: Proportion, more: Proportion| Proportion {
            part: sum.part + more.part,
            whole: sum.whole + more.whole,
        };
        let ([a, b], [more_a, more_b]) = (sum, *cell);
        [add(a, more_a), add(b, more_b)]
    });
    answer(question, &names, &cells, whole).await
}

async fn answer(
    question: &Question<'_>,
    names: &[&str],
    cells: &BTreeMap<Vec<Option<String>>, Cell>,
    whole: Cell,
) -> Result<Answer> {
    let [all_a, all_b] = whole;
    let overall = all_a.rate().unwrap_or_default();
    let parts: Vec<(f64, f64)> = cells
        .values()
        .map(|[a, b]| {
            let weight =
                |part: Proportion, of: Proportion| Proportion { part: part.whole, whole: of.whole }.rate();
            let weight = [weight(*a, all_a).unwrap_or_default(), weight(*b, all_b).unwrap_or_default()];
            kitagawa(Share { weight, rate: [a.rate(), b.rate()] }, overall)
        })
        .collect();
    let mut rows = Rows::default();
    for (index, name) in names.iter().enumerate() {
        rows.text(name, cells.keys().map(|key| key.get(index).and_then(Option::as_deref)));
    }
    let counts = |count: &dyn Fn(&Cell) -> u64| -> Int64Array {
        cells.values().map(|cell| i64::try_from(count(cell)).ok()).collect()
    };
    let total = |whole: u64| Int64Array::from(vec![i64::try_from(whole).unwrap_or(i64::MAX); cells.len()]);
    let (runs_a, runs_b) = (counts(&|[a, _]| a.whole), counts(&|[_, b]| b.whole));
    rows.rate("share_of_a_runs", &runs_a, &total(all_a.whole));
    rows.rate("share_of_b_runs", &runs_b, &total(all_b.whole));
    rows.rate("a_success_rate_of_started", &counts(&|[a, _]| a.part), &runs_a);
    rows.rate("b_success_rate_of_started", &counts(&|[_, b]| b.part), &runs_b);
    let differences: Vec<_> = cells.values().map(|[a, b]| newcombe_95(*b, *a)).collect();
    add_difference(&mut rows, "difference_in_rate", &differences);
    rows.number("p_value", cells.values().map(|[a, b]| two_proportions_p(*b, *a)));
    rows.number("mix_effect", parts.iter().map(|(mix, _)| Some(*mix)));
    rows.number("rate_effect", parts.iter().map(|(_, rate)| Some(*rate)));
    let mut answer =
        Answer::new("Comparison: where the change of the success rate comes from", rows.finish()?);
    if let (Some(before), Some(after)) = (all_a.rate(), all_b.rate()) {
        let (mix, rate) = parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        answer.notes.push(format!(
            "success rate of started: baseline (a) {:.1} % of {} runs, compared (b) {:.1} % of {}: {} points, {} by mix and {} by rate",
            before * 100.0,
            words::count(all_a.whole),
            after * 100.0,
            words::count(all_b.whole),
            points(after - before),
            points(mix),
            points(rate),
        ));
    } else {
        answer.notes.extend(empty::explain(question, 0).await?);
    }
    Ok(answer.limited(question.scope.limit))
}

/// A difference of shares in percentage points. What is too small to be seen has no sign of its own.
fn points(difference: f64) -> String {
    let written = format!("{:+.1}", difference * 100.0);
    if written == "-0.0" { "+0.0".to_owned() } else { written }
}
