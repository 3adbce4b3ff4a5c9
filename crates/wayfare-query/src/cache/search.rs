//! Looks for runs that last longer than the journey lifetime, whatever the order in which their events came.
//!
//! The events on dates that changed since they were cached are compared, by invocation, with each other and with the runs
//! of all cache files. What is found are links between dates, see [`super::links`].
//!
//! That is enough: take two events of one run on dates far apart. When the later of the two dates was cached, the
//! one of them that came later was on a changed date, and the other one on a changed date, too, or in a cache file.
//! Cost: the ids of the changed dates, and 12 bytes a cached run. Memory is bounded by [`NUMBERS_MAX`]: when
//! there are more ids, they are looked at in slices of their numbers' range.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;
use wayfare_ingest::{DataFile, Store};

use super::keys::{self, date_of_day, day_of, number_of};
use super::links::Links;
use crate::Result;
use crate::error::of_datafusion;
use crate::provider::SnapshotTable;

/// Ids held at once, of 16 bytes each.
const NUMBERS_MAX: usize = 8 << 20;

/// Bits of the filter that most runs of cache files fail at.
const FILTER_BITS: u32 = 22;

/// An invocation on a changed date: its number and the date in days since 1970.
type Seen = (u64, i32);

/// What is searched.
pub(super) struct Search<'a> {
    pub(super) store: &'a Store,
    pub(super) context: &'a SessionContext,
    /// Event files of the dates that changed.
    pub(super) changed: Vec<DataFile>,
    /// All cache files, true or not.
    pub(super) cached: &'a [(NaiveDate, DataFile)],
    /// All dates that have events.
    pub(super) dates: BTreeSet<i32>,
    /// Days that the fold reads around a date anyway.
    pub(super) reach_days: u64,
}

impl Search<'_> {
    /// Finds the links.
    pub(super) async fn links(&self) -> Result<Links> {
        let mut links = Links::default();
        let mut from = 0;
        loop {
            let (seen, to) = self.seen(from).await?;
            let cached = self.cached_runs_of(&seen).await?;
            self.link(&seen, &cached, &mut links);
            match to.checked_add(1) {
                Some(next) => from = next,
                None => return Ok(links),
            }
        }
    }

    /// The invocations of the changed dates, sorted, with numbers from `from` up to the number returned.
    async fn seen(&self, from: u64) -> Result<(Vec<Seen>, u64)> {
        let failed = |cause| of_datafusion("cannot read the invocation ids", cause);
        let events = SnapshotTable::new(self.store.events(), self.changed.clone());
        let ids = self
            .context
            .read_table(Arc::new(events))
            .and_then(|events| events.select_columns(&["date", "invocation_id"]))
            .map_err(failed)?;
        let mut batches = ids.execute_stream().await.map_err(failed)?;
        let mut to = u64::MAX;
        let mut seen: Vec<Seen> = Vec::new();
        while let Some(batch) = batches.try_next().await.map_err(failed)? {
            let days = batch.column(0).as_primitive::<Date32Type>();
            let ids = batch.column(1).as_string_view();
            let mut last = None;
            for (id, &day) in ids.iter().zip(days.values()) {
                // neighbours in a sorted file mostly agree
                if id.is_none() || last.replace((id, day)) == Some((id, day)) {
                    continue;
                }
                let number = number_of(id.unwrap_or_default());
                if (from..=to).contains(&number) {
                    seen.push((number, day));
                }
            }
            if seen.len() > NUMBERS_MAX {
                to = shorten(&mut seen, from, to);
            }
        }
        tidy(&mut seen);
        Ok((seen, to))
    }

    /// Runs of cache files that have one of these numbers: number, start day, last day; sorted.
    async fn cached_runs_of(&self, seen: &[Seen]) -> Result<Vec<(u64, i32, i32)>> {
        let mut found = Vec::new();
        if seen.is_empty() {
            return Ok(found);
        }
        let mut filter = vec![false; 1 << FILTER_BITS];
        let place = |number: u64| usize::try_from(number >> (u64::BITS - FILTER_BITS)).unwrap_or_default();
        for &(number, _) in seen {
            if let Some(bit) = filter.get_mut(place(number)) {
                *bit = true;
            }
        }
        let files = self.store.access();
        for (date, file) in self.cached {
            let Some(bytes) = file.appendix(&*files).await? else { continue };
            let start_day = day_of(*date);
            for key in keys::read(&bytes) {
                if filter.get(place(key.number)).is_some_and(|&bit| bit)
                    && seen.binary_search_by_key(&key.number, |&(number, _)| number).is_ok()
                {
                    found.push((key.number, start_day, key.last_day));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Links the first date of each invocation with its dates beyond the reach.
    fn link(&self, seen: &[Seen], cached: &[(u64, i32, i32)], links: &mut Links) {
        let mut cached = cached;
        for of_one in seen.chunk_by(|left, right| left.0 == right.0) {
            let Some(&(number, first_seen)) = of_one.first() else { continue };
            let before = cached.partition_point(|&(other, ..)| other < number);
            cached = cached.get(before..).unwrap_or_default();
            let same = cached.partition_point(|&(other, ..)| other == number);
            let runs = cached.get(..same).unwrap_or_default();
            let first = runs.iter().map(|&(_, start, _)| start).fold(first_seen, i32::min);
            let mut link = |day: i32| {
                let far =
                    i64::from(day) - i64::from(first) > i64::try_from(self.reach_days).unwrap_or(i64::MAX);
                if let (true, Some(first), Some(other)) = (far, date_of_day(first), date_of_day(day)) {
                    links.add(first, other);
                }
            };
            for &(_, day) in of_one {
                link(day);
            }
            for &(_, start, last) in runs.iter().filter(|&&(_, start, _)| start > first) {
                // the run may have events on any date up to its last
                for &day in self.dates.range(start..=last.max(start)) {
                    link(day);
                }
            }
        }
    }
}

fn tidy(seen: &mut Vec<Seen>) {
    seen.sort_unstable();
    seen.dedup();
}

/// Keeps the lower half of numbers if they are too many without repetitions; gives the highest number to be kept.
fn shorten(seen: &mut Vec<Seen>, from: u64, to: u64) -> u64 {
    tidy(seen);
    if seen.len() <= NUMBERS_MAX / 2 {
        return to;
    }
    let to = seen.get(NUMBERS_MAX / 2).map_or(to, |&(number, _)| number.saturating_sub(1).max(from));
    seen.retain(|&(number, _)| number <= to);
    to
}
