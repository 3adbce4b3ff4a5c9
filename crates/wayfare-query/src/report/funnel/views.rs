//! What was added up, as rows.

use std::sync::Arc;

use arrow::array::{BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};

use super::list::Listed;
use super::tally::{CLASSES, Cell, Tally};
use crate::Result;
use crate::functions::PERCENTILES;
use crate::question::Question;
use crate::rows::{Rows, quotient};
use crate::spec::{Counting, FunnelSpec};
use crate::stats::percentile;

/// Bins of the times to convert: at most.
const BINS_MAX: usize = 60;

fn counts(values: impl Iterator<Item = usize>) -> Int64Array {
    values.map(|count| i64::try_from(count).ok()).collect()
}

/// The columns of times, those first that a table has room for.
pub(super) const TIME_COLUMNS: [(&str, &str); 10] = [
    ("average", "previous"),
    ("median", "previous"),
    ("median", "first"),
    ("p90", "first"),
    ("average", "first"),
    ("p90", "previous"),
    ("p95", "previous"),
    ("p99", "previous"),
    ("p95", "first"),
    ("p99", "first"),
];

/// The percentile that a column is named after.
pub(super) fn level_of(column: &str) -> &str {
    if column == "median" { "p50" } else { column }
}

/// One row a step, and a cell of the breakdown.
pub(super) fn steps(
    spec: &FunnelSpec,
    names: &[String],
    cells: &mut [(String, Cell)],
) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    let steps = names.len();
    let each = || cells.iter().flat_map(|cell| (0..steps).map(move |step| (cell, step)));
    if spec.breakdown.is_some() {
        rows.text("breakdown", each().map(|((name, _), _)| Some(name)));
    }
    rows.count("step", counts(each().map(|(_, step)| step + 1)));
    rows.text("name", each().map(|(_, step)| names.get(step)));
    let reached_at = |cell: &Cell, step: usize| cell.from_first.get(step).map_or(0, Vec::len);
    let reached = counts(each().map(|((_, cell), step)| reached_at(cell, step)));
    let first = counts(each().map(|((_, cell), _)| reached_at(cell, 0)));
    let previous = counts(each().map(|((_, cell), step)| reached_at(cell, step.saturating_sub(1))));
    let lost: Int64Array = reached
        .values()
        .iter()
        .zip(previous.values())
        .enumerate()
        .map(|(row, (reached, previous))| (row % steps.max(1) > 0).then_some(previous - reached))
        .collect();
    if spec.counting == Counting::Attempts {
        let attempts = each().map(|((_, cell), step)| cell.attempts.get(step).copied());
        rows.count("attempts", attempts.collect());
    }
    rows.count("reached", reached.clone());
    rows.rate("share_of_first", &reached, &first);
    rows.rate("share_of_previous", &reached, &previous);
    rows.count("drop_off", lost);
    let sorted = |of: fn(&Cell) -> &Vec<Vec<i64>>| -> Vec<Vec<i64>> {
        let lists = cells.iter().flat_map(|(_, cell)| {
            (0..steps).map(move |step| of(cell).get(step).cloned().unwrap_or_default())
        });
        lists
            .map(|mut times| {
                times.sort_unstable();
                times
            })
            .collect()
    };
    let (previous, first) = (sorted(|cell| &cell.from_previous), sorted(|cell| &cell.from_first));
    for (level, from) in TIME_COLUMNS {
        let times = if from == "first" { &first } else { &previous };
        let name = format!("{level}_from_{from}_ms");
        if let Some((_, percent)) =
            PERCENTILES.into_iter().find(|(percentile, _)| *percentile == level_of(level))
        {
            rows.number(&name, times.iter().map(|times| percentile(times, percent)));
        } else {
            let sums: Int64Array = times.iter().map(|times| Some(times.iter().sum::<i64>())).collect();
            rows.mean(&name, &sums, &counts(times.iter().map(Vec::len)));
        }
    }
    rows.finish()
}

/// One row a step and a reason why units dropped off before it; the reasons of a step add up to its drop-off.
pub(super) fn drop_offs(names: &[String], tally: &Tally<'_>) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    let each: Vec<(usize, &str)> =
        (1..names.len()).flat_map(|step| CLASSES.into_iter().map(move |class| (step, class))).collect();
    let count = |step: usize, class: &str| {
        tally
            .drop_offs
            .iter()
            .filter(|((at, of), _)| *at == step && *of == class)
            .map(|(_, count)| count)
            .sum::<i64>()
    };
    let each: Vec<_> = each.into_iter().filter(|(step, class)| count(*step, class) > 0).collect();
    rows.count("step", counts(each.iter().map(|(step, _)| step + 1)));
    rows.text("name", each.iter().map(|(step, _)| names.get(*step)));
    rows.text("class", each.iter().map(|(_, class)| Some(class)));
    let units: Int64Array = each.iter().map(|(step, class)| Some(count(*step, class))).collect();
    let of_step = |step: usize| CLASSES.into_iter().map(|class| count(step, class)).sum::<i64>();
    let all: Int64Array = each.iter().map(|(step, _)| Some(of_step(*step))).collect();
    rows.count("drop_off", units.clone());
    rows.rate("share_of_drop_off", &units, &all);
    rows.finish()
}

/// One row an interval.
pub(super) fn trend(question: &Question<'_>, spec: &FunnelSpec, tally: &Tally<'_>) -> Result<RecordBatch> {
    let window_ms = tally.automaton.definition().window_ms;
    let mut rows = Rows::default();
    rows.text(
        spec.trend.as_ref().map_or("interval", |trend| trend.interval.as_str()),
        tally.trend.keys().map(Some),
    );
    let entered: Int64Array = tally.trend.values().map(|(entered, _, _)| Some(*entered)).collect();
    let converted: Int64Array = tally.trend.values().map(|(_, converted, _)| Some(*converted)).collect();
    rows.count("entered", entered.clone());
    rows.count("converted", converted.clone());
    rows.rate("conversion_rate", &converted, &entered);
    let is_over = |latest_ms: i64| {
        window_ms.is_some_and(|window_ms| latest_ms.saturating_add(window_ms) < question.as_of_ms())
    };
    let immature: BooleanArray =
        tally.trend.values().map(|(_, _, latest_ms)| Some(!is_over(*latest_ms))).collect();
    rows.add("immature", Arc::new(immature));
    rows.finish()
}

/// One row a bin; the mean and the percentiles of all times are the same on each.
pub(super) fn conversion(spec: &FunnelSpec, tally: &mut Tally<'_>) -> Result<RecordBatch> {
    let times = &mut tally.conversions;
    times.sort_unstable();
    let asked = spec.time_to_convert.as_ref().and_then(|convert| convert.bins);
    let bins = bins(times, asked);
    let mut rows = Rows::default();
    let starts: Int64Array = bins.iter().map(|(start, _)| Some(*start)).collect();
    rows.count("from_ms", starts);
    rows.count("conversions", counts(bins.iter().map(|(_, count)| *count)));
    let (sum, count) = (times.iter().sum::<i64>(), i64::try_from(times.len()).unwrap_or(i64::MAX));
    rows.number("average_ms", bins.iter().map(|_| quotient(sum, count)));
    for (level, percent) in PERCENTILES {
        let name = if level == "p50" { "median" } else { level };
        rows.number(&format!("{name}_ms"), bins.iter().map(|_| percentile(times, percent)));
    }
    rows.finish()
}

/// Starts and counts of bins: of a width of whole seconds, each closed below and open above.
fn bins(times: &[i64], asked: Option<usize>) -> Vec<(i64, usize)> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
    let root = (1..=BINS_MAX).find(|root| root.pow(3) >= times.len()).unwrap_or(BINS_MAX);
    let count = asked.unwrap_or(root).clamp(1, BINS_MAX);
    let span = last - first;
    let bins = i64::try_from(count).unwrap_or(i64::MAX / 1_000);
    let seconds = span.div_euclid(1_000 * bins) + i64::from(span.rem_euclid(1_000 * bins) > 0);
    let width = if seconds == 0 { 60_000 } else { seconds * 1_000 };
    (0..=bins)
        .map(|bin| {
            let start = first + bin * width;
            let inside = times.iter().filter(|time| (start..start + width).contains(time)).count();
            (start, inside)
        })
        .collect()
}

/// One row a unit or an attempt.
pub(super) fn list(spec: &FunnelSpec, listed: &[Listed]) -> Result<RecordBatch> {
    let instants = |at: fn(&Listed) -> Option<i64>| -> TimestampMicrosecondArray {
        let micros = listed.iter().map(|row| at(row).map(|at_ms| at_ms.saturating_mul(1_000)));
        micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC")
    };
    let mut rows = Rows::default();
    rows.text(spec.unit.column(), listed.iter().map(|row| Some(&row.id)));
    rows.text("tenant_id", listed.iter().map(|row| row.tenant.as_ref()));
    rows.count(
        "level",
        listed.iter().map(|row| row.level.and_then(|level| i64::try_from(level).ok())).collect(),
    );
    rows.add("entered_at", Arc::new(instants(|row| row.entry_ms)));
    rows.add("reached_at", Arc::new(instants(|row| row.last_ms)));
    rows.text("drop_off", listed.iter().map(|row| row.class));
    rows.add("excluded", Arc::new(listed.iter().map(|row| Some(row.excluded)).collect::<BooleanArray>()));
    rows.finish()
}
