//! Adds up what units did in a funnel: cells, intervals, times, lists. One unit after the other, in plain Rust.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike as _, Days, Weekday};
use chrono_tz::Tz;

use super::list::{Listed, Listing};
use crate::functions::interval_label;
use crate::funnel::{Attempt, Funnel, FunnelEvent, Outcome, greatest_level};
use crate::spec::{BreakdownSpec, Counting, FunnelSpec, ListSpec, TrendSpec, parse_tz};
use crate::{Error, Result};

/// One unit and its events in order.
#[derive(Debug)]
pub(in crate::report) struct UnitEvents<'a> {
    pub(in crate::report) tenant: Option<&'a str>,
    pub(in crate::report) id: &'a str,
    pub(in crate::report) events: &'a [FunnelEvent],
    /// For each event the number of its cell; empty where there is no breakdown.
    pub(in crate::report) cells: &'a [u32],
    /// How the unit ended, where it is a run.
    pub(in crate::report) end: Option<End<'a>>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct End<'a> {
    /// Its state; of a failed run `error` or `rejected`.
    pub(in crate::report) state: &'a str,
    /// When it last completed a step.
    pub(in crate::report) completed_ms: Option<i64>,
}

/// Why units drop off before a step, in the order in which they are shown.
pub(super) const CLASSES: [&str; 7] =
    ["error", "rejected", "abandoned", "open", "succeeded_without", "another_branch", "went_no_further"];

/// Stands for all [`CLASSES`] at once.
pub(super) const ANY: &str = "any";

fn is_of(class: &str, wanted: &str) -> bool {
    wanted == ANY || class == wanted
}

/// Which event gives a unit its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribution {
    FirstTouch,
    LastTouch,
    AllEvents,
    Step(usize),
}

/// The units of one cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// Units with a level, those without an attempt included.
    pub(super) units: i64,
    /// For each step, of the units that reached it, the milliseconds from the first step.
    pub(super) from_first: Vec<Vec<i64>>,
    /// For each step the milliseconds from the step matched before.
    pub(super) from_previous: Vec<Vec<i64>>,
    /// For each step the attempts that got that far.
    pub(super) attempts: Vec<i64>,
}

impl Cell {
    fn reserve(&mut self, steps: usize) {
        self.from_first.resize(steps, Vec::new());
        self.from_previous.resize(steps, Vec::new());
        self.attempts.resize(steps, 0);
    }

    fn add(&mut self, steps: usize, outcome: &Outcome) {
        self.reserve(steps);
        self.units += 1;
        let entry = outcome.matches.first().map(|first| first.at_ms);
        for step in 0..steps {
            let times = self.from_first.get_mut(step);
            if let (Some(times), Some(at_ms), Some(entry)) = (times, outcome.at_ms(step), entry) {
                times.push(at_ms.saturating_sub(entry));
            }
            if let (Some(times), Some(since)) =
                (self.from_previous.get_mut(step), outcome.since_previous_ms(step))
            {
                times.push(since);
            }
        }
    }

    /// Adds the units of another cell.
    fn join(&mut self, other: Self) {
        self.units += other.units;
        let lists =
            [(&mut self.from_first, other.from_first), (&mut self.from_previous, other.from_previous)];
        for (mine, others) in lists {
            mine.resize(mine.len().max(others.len()), Vec::new());
            mine.iter_mut().zip(others).for_each(|(mine, others)| mine.extend(others));
        }
        self.attempts.resize(self.attempts.len().max(other.attempts.len()), 0);
        self.attempts.iter_mut().zip(other.attempts).for_each(|(mine, others)| *mine += others);
    }
}

/// What is added up.
pub(super) struct Tally<'a> {
    pub(super) automaton: Funnel,
    spec: &'a FunnelSpec,
    attribution: Option<Attribution>,
    trend_zone: Tz,
    week_start: Weekday,
    /// Names of cells by their number.
    cell_names: Vec<String>,
    numbers: HashMap<String, u32>,
    pub(super) cells: BTreeMap<String, Cell>,
    /// By start of interval: entered and converted.
    pub(super) trend: BTreeMap<String, (i64, i64, i64)>,
    /// Milliseconds from one step to another.
    pub(super) conversions: Vec<i64>,
    pub(super) listing: Listing,
    /// By the step (0-based) that was not reached, and the class: units.
    pub(super) drop_offs: BTreeMap<(usize, &'static str), i64>,
    /// Units seen.
    pub(super) units: i64,
    /// Units that an exclusion takes out.
    pub(super) dropped: i64,
    buffer: Vec<FunnelEvent>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(automaton: Funnel, spec: &'a FunnelSpec, zone: Tz) -> Result<Self> {
        let steps = automaton.definition().steps;
        let attribution =
            spec.breakdown.as_ref().map(|breakdown| attribution(breakdown, steps)).transpose()?;
        let trend = spec.trend.as_ref();
        let named = trend.and_then(|trend| trend.timezone.as_deref());
        let week_start = trend.and_then(|trend| trend.week_start.as_deref()).unwrap_or("monday");
        Ok(Self {
            automaton,
            spec,
            attribution,
            trend_zone: named.map_or(Ok(zone), parse_tz)?,
            week_start: weekday(week_start)?,
            cell_names: Vec::new(),
            numbers: HashMap::new(),
            cells: BTreeMap::new(),
            trend: BTreeMap::new(),
            conversions: Vec::new(),
            listing: Listing::of(spec)?,
            drop_offs: BTreeMap::new(),
            units: 0,
            dropped: 0,
            buffer: Vec::new(),
        })
    }

    /// The number of a cell.
    pub(super) fn cell(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.cell_names.len()).unwrap_or(u32::MAX);
        self.cell_names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Takes a unit in.
    pub(super) fn take(&mut self, unit: &UnitEvents<'_>) -> Result<()> {
        self.units += 1;
        if let Some(trend) = &self.spec.trend {
            self.add_to_trend(trend, unit);
        } else if let Some(list) = &self.spec.list {
            self.add_to_list(list, unit)?;
        } else if let Some(attribution) = self.attribution {
            self.add_to_cells(attribution, unit);
        } else {
            let steps = self.automaton.definition().steps;
            let outcome = self.automaton.run(unit.events).clone();
            if let Some(convert) = &self.spec.time_to_convert {
                let to = outcome.at_ms(convert.to_step.unwrap_or(steps - 1));
                let times = to.zip(outcome.at_ms(convert.from_step));
                self.conversions.extend(times.map(|(to, from)| to.saturating_sub(from)));
            }
            if let Some(class) = drop_off(steps, unit, &outcome) {
                *self.drop_offs.entry((outcome.level, class)).or_default() += 1;
            }
            self.add(0, String::new(), &outcome);
            if self.spec.counting == Counting::Attempts {
                let attempts = self.automaton.attempts(unit.events);
                let cell = self.cells.entry(String::new()).or_default();
                cell.reserve(steps);
                for attempt in attempts.iter().filter(|attempt| !attempt.excluded) {
                    cell.attempts.iter_mut().take(attempt.level).for_each(|count| *count += 1);
                }
            }
        }
        Ok(())
    }

    /// Adds a unit to a cell, if it has at least this level.
    fn add(&mut self, level: usize, cell: String, outcome: &Outcome) {
        if outcome.dropped {
            self.dropped += 1;
        } else if outcome.level >= level {
            let steps = self.automaton.definition().steps;
            self.cells.entry(cell).or_default().add(steps, outcome);
        }
    }

    fn name(&self, cell: u32) -> String {
        self.cell_names.get(cell as usize).cloned().unwrap_or_default()
    }

    /// The cells of the events that match one of `steps`, in order of events.
    fn touched<'u>(unit: &'u UnitEvents<'_>, steps: u64) -> impl DoubleEndedIterator<Item = u32> + use<'u> {
        let pairs = unit.events.iter().zip(unit.cells);
        pairs.filter(move |(event, _)| event.steps & steps != 0).map(|(_, cell)| *cell)
    }

    fn add_to_cells(&mut self, attribution: Attribution, unit: &UnitEvents<'_>) {
        let steps = self.automaton.definition().steps;
        match attribution {
            Attribution::FirstTouch | Attribution::LastTouch => {
                let is_set = |cell: &u32| self.name(*cell).chars().any(|letter| letter != '|');
                let mut touched = Self::touched(unit, u64::MAX);
                let cell = match attribution {
                    Attribution::FirstTouch => touched.find(is_set),
                    _ => touched.rfind(is_set),
                };
                let nothing =
                    "|".repeat(self.spec.breakdown.as_ref().map_or(0, |one| one.props.len().max(1) - 1));
                let cell = cell.map_or(nothing, |cell| self.name(cell));
                let outcome = self.automaton.run(unit.events).clone();
                self.add(1, cell, &outcome);
            }
            Attribution::AllEvents | Attribution::Step(_) => {
                let (wanted, level) = match attribution {
                    Attribution::Step(step) => (1 << step, step + 1),
                    _ => (u64::MAX, 1),
                };
                let mut cells: Vec<u32> = Self::touched(unit, wanted).collect();
                cells.sort_unstable();
                cells.dedup();
                let mut buffer = std::mem::take(&mut self.buffer);
                for cell in cells {
                    buffer.clear();
                    let events = unit.events.iter().zip(unit.cells);
                    buffer.extend(events.filter_map(|(event, of)| match attribution {
                        Attribution::Step(_) if *of != cell => {
                            Some(FunnelEvent { steps: event.steps & !wanted, ..*event })
                        }
                        Attribution::AllEvents if *of != cell => None,
                        _ => Some(*event),
                    }));
                    let outcome = self.automaton.run(&buffer).clone();
                    if level == 1 || outcome.dropped || outcome.at_ms(level.min(steps) - 1).is_some() {
                        self.add(level, self.name(cell), &outcome);
                    }
                }
                self.buffer = buffer;
            }
        }
    }

    fn add_to_trend(&mut self, trend: &TrendSpec, unit: &UnitEvents<'_>) {
        let effect = self.automaton.definition().exclusion_effect;
        let last = self.automaton.definition().steps - 1;
        let mut intervals: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
        for attempt in self.automaton.attempts(unit.events) {
            let label = self.label(&trend.interval, attempt.entry_ms);
            intervals.entry(label).or_default().push(attempt);
        }
        for (label, attempts) in intervals {
            let latest = attempts.iter().map(|attempt| attempt.entry_ms).max().unwrap_or_default();
            let Some(level) = greatest_level(&attempts, effect) else { continue };
            let (entered, converted, latest_ms) = self.trend.entry(label).or_insert((0, 0, i64::MIN));
            *entered += i64::from(level > trend.from_step);
            *converted += i64::from(level > trend.to_step.unwrap_or(last));
            *latest_ms = latest.max(*latest_ms);
        }
    }

    /// The label of the interval that an instant falls into.
    fn label(&self, interval: &str, at_ms: i64) -> String {
        let at_us = at_ms.saturating_mul(1_000);
        if interval == "week" {
            let local = DateTime::from_timestamp_micros(at_us)
                .map(|at| at.with_timezone(&self.trend_zone).date_naive());
            let start = local.and_then(|date| {
                let days = date.weekday().days_since(self.week_start);
                date.checked_sub_days(Days::new(days.into()))
            });
            return start.map(|date| date.to_string()).unwrap_or_default();
        }
        interval_label(at_us, interval, self.trend_zone).unwrap_or_default()
    }

    fn add_to_list(&mut self, list: &ListSpec, unit: &UnitEvents<'_>) -> Result<()> {
        let row = |number| Listed {
            tenant: unit.tenant.map(str::to_owned),
            id: unit.id.to_owned(),
            number,
            level: None,
            entry_ms: None,
            last_ms: None,
            class: None,
            excluded: false,
        };
        if list.of == Counting::Attempts {
            for (attempt, number) in self.automaton.attempts(unit.events).into_iter().zip(0..) {
                self.listing.take((unit.id, unit.tenant, number), || Listed {
                    level: Some(attempt.level),
                    entry_ms: Some(attempt.entry_ms),
                    last_ms: attempt.matches.last().map(|last| last.at_ms),
                    excluded: attempt.excluded,
                    ..row(number)
                })?;
            }
            return Ok(());
        }
        let steps = self.automaton.definition().steps;
        let outcome = self.automaton.run(unit.events);
        let class = drop_off(steps, unit, outcome);
        let wanted = match (list.step, list.class.as_deref()) {
            (None, None) => true,
            (None, Some(wanted)) => class.is_some_and(|class| is_of(class, wanted)),
            (Some(step), None) => outcome.at_ms(step).is_some(),
            (Some(step), Some(wanted)) => {
                outcome.level == step && class.is_some_and(|class| is_of(class, wanted))
            }
        };
        if wanted {
            self.listing.take((unit.id, unit.tenant, 0), || Listed {
                level: (!outcome.dropped).then_some(outcome.level),
                entry_ms: outcome.matches.first().map(|first| first.at_ms),
                last_ms: outcome.matches.last().map(|last| last.at_ms),
                class,
                ..row(0)
            })?;
        }
        Ok(())
    }

    /// The cells, the most units first; those beyond the limit as one.
    pub(super) fn limited_cells(&mut self) -> Vec<(String, Cell)> {
        let mut cells: Vec<(String, Cell)> = std::mem::take(&mut self.cells).into_iter().collect();
        let Some(limit) = self.spec.breakdown.as_ref().and_then(|breakdown| breakdown.limit) else {
            return cells;
        };
        let entered = |cell: &Cell| cell.from_first.first().map_or(0, Vec::len);
        cells.sort_by_key(|(name, cell)| (std::cmp::Reverse(entered(cell)), name.clone()));
        if cells.len() > limit {
            let mut rest = Cell::default();
            cells.split_off(limit).into_iter().for_each(|(_, cell)| rest.join(cell));
            cells.push((OTHER.to_owned(), rest));
        }
        cells
    }
}

/// The cell of those that a limit leaves out.
pub(super) const OTHER: &str = "Other";

/// A day of the week by its name or number: from 1 for Monday, 0 or 7 for Sunday.
fn weekday(text: &str) -> Result<Weekday> {
    let number = text.parse::<u8>().ok().filter(|number| *number <= 7);
    let by_number = number.and_then(|number| Weekday::try_from((number + 6) % 7).ok());
    by_number
        .or_else(|| text.parse().ok())
        .ok_or_else(|| Error::invalid(format!("expected a day of the week such as monday, saw {text:?}")))
}

fn attribution(breakdown: &BreakdownSpec, steps: usize) -> Result<Attribution> {
    Ok(match breakdown.attribution.as_str() {
        "first_touch" => Attribution::FirstTouch,
        "last_touch" => Attribution::LastTouch,
        "all_events" => Attribution::AllEvents,
        other => {
            let step = other.strip_prefix("step_").and_then(|step| step.parse().ok());
            Attribution::Step(step.filter(|step| *step < steps).ok_or_else(|| {
                Error::invalid(format!(
                    "expected first_touch, last_touch, all_events, or step_0 to step_{}, saw {other:?}",
                    steps.saturating_sub(1)
                ))
            })?)
        }
    })
}

/// Why a unit that went some of the way went no further than the last match of its attempt: a run that succeeded did without
/// the next step, one that completed another step later took another branch, else its state says it. Of other units no
/// end is known.
pub(in crate::report) fn drop_off(
    steps: usize,
    unit: &UnitEvents<'_>,
    outcome: &Outcome,
) -> Option<&'static str> {
    if !(1..steps).contains(&outcome.level) {
        return None;
    }
    let last_ms = outcome.matches.last().map(|last| last.at_ms);
    let class = match unit.end {
        None => "went_no_further",
        Some(End { state: "succeeded", .. }) => "succeeded_without",
        Some(End { completed_ms, .. }) if completed_ms > last_ms => "another_branch",
        Some(End { state, .. }) => state,
    };
    Some(CLASSES.into_iter().find(|known| *known == class).unwrap_or("error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_a_day_by_its_name_or_number() {
        for (texts, day) in [
            (["monday", "Monday", "mon", "1"], Weekday::Mon),
            (["saturday", "SATURDAY", "sat", "6"], Weekday::Sat),
            (["sunday", "Sun", "0", "7"], Weekday::Sun),
        ] {
            for text in texts {
                assert_eq!(weekday(text).unwrap(), day, "{text}");
            }
        }
        for text in ["", "8", "-1", "someday"] {
            assert!(weekday(text).is_err(), "{text}");
        }
    }
}
