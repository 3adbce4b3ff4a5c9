//! Which dates of `invocations` still say what the events say.
//!
//! The events of a run that started on a date lie within the journey lifetime of it. So the rows of a start date are
//! a function of the event files of the dates around it, and a digest of those files' names, which stands in
//! the cache file's own name, tells whether they are still those. Nothing else has to be kept in step.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use wayfare_ingest::{DataFile, Lifetime, Snapshot};

use crate::{Error, Result};

/// Changes whenever the fold gives other rows for the same events, so that older caches are not believed.
const FOLD_VERSION: u32 = 2;

/// Hexadecimal digits of a digest in a file's name.
const DIGEST_DIGITS: usize = 16;

const MILLIS_A_DAY: i64 = 86_400_000;

/// The state of the cache at one snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    /// Files of `invocations` that can be read instead of events.
    pub(crate) cached: Vec<DataFile>,
    /// Start dates that have to be folded, each with the digest its cache would have.
    pub(crate) stale: BTreeMap<NaiveDate, String>,
    /// Event files of journeys by date.
    events: BTreeMap<NaiveDate, Vec<DataFile>>,
    /// Days around a start date in which its events lie; `None` for no bound.
    reach_days: Option<u64>,
}

impl Freshness {
    /// Compares the cache with the events.
    ///
    /// # Errors
    /// `Corrupt` when a file of a table lies in no partition.
    pub(crate) fn of(events: &Snapshot, invocations: &Snapshot, lifetime: Lifetime) -> Result<Self> {
        let reach_days = match lifetime {
            Lifetime::Unlimited => None,
            Lifetime::Millis(millis) => {
                Some(u64::try_from(millis.max(0)).unwrap_or(0).div_ceil(MILLIS_A_DAY as u64))
            }
        };
        let mut by_date: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
        for file in &events.files {
            if file.partition_value("source") == Some("cis") {
                by_date.entry(date_of(file, "date")?).or_default().push(file.clone());
            }
        }
        let mut fresh = Self { cached: Vec::new(), stale: BTreeMap::new(), events: by_date, reach_days };
        let wanted = fresh.digests();
        let mut covered = BTreeSet::new();
        for file in &invocations.files {
            let date = date_of(file, "start_date")?;
            if wanted.get(&date).is_some_and(|digest| digest_of_name(&file.path) == Some(digest)) {
                covered.insert(date);
                fresh.cached.push(file.clone());
            }
        }
        fresh.stale = wanted.into_iter().filter(|(date, _)| !covered.contains(date)).collect();
        Ok(fresh)
    }

    /// The start dates that have to be folded.
    pub(crate) fn stale_dates(&self) -> Vec<NaiveDate> {
        self.stale.keys().copied().collect()
    }

    /// Every date that has events of journeys.
    pub(crate) fn all_dates(&self) -> Vec<NaiveDate> {
        self.events.keys().copied().collect()
    }

    /// The event files that the fold of `dates` reads.
    pub(crate) fn events_for<'a>(&self, dates: impl Iterator<Item = &'a NaiveDate>) -> Vec<DataFile> {
        let Some(reach) = self.reach_days else { return self.events.values().flatten().cloned().collect() };
        let mut wanted = BTreeSet::new();
        for &date in dates {
            let (from, to) = around(date, reach);
            wanted.extend(self.events.range(from..=to).map(|(&date, _)| date));
        }
        wanted.iter().filter_map(|date| self.events.get(date)).flatten().cloned().collect()
    }

    /// Number of dates that have events of journeys.
    pub(crate) fn dates(&self) -> u64 {
        self.events.len() as u64
    }

    /// Days around a start date in which its events lie; `None` for no bound.
    pub(crate) fn reach_days(&self) -> Option<u64> {
        self.reach_days
    }

    fn digests(&self) -> BTreeMap<NaiveDate, String> {
        let Some(reach) = self.reach_days else {
            let all = digest(self.events.values().flatten());
            return self.events.keys().map(|&date| (date, all.clone())).collect();
        };
        let of_date = |&date: &NaiveDate| {
            let (from, to) = around(date, reach);
            (date, digest(self.events.range(from..=to).flat_map(|(_, files)| files)))
        };
        self.events.keys().map(of_date).collect()
    }
}

fn around(date: NaiveDate, reach: u64) -> (NaiveDate, NaiveDate) {
    let from = date.checked_sub_days(Days::new(reach)).unwrap_or(NaiveDate::MIN);
    let to = date.checked_add_days(Days::new(reach)).unwrap_or(NaiveDate::MAX);
    (from, to)
}

fn digest<'a>(files: impl Iterator<Item = &'a DataFile>) -> String {
    let mut paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FOLD_VERSION.to_le_bytes());
    for path in paths {
        hasher.update(&(path.len() as u64).to_le_bytes()).update(path.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(DIGEST_DIGITS).collect()
}

/// The beginning of a cache file's name, before the dash and its random part.
pub(crate) fn file_stem(digest: &str) -> String {
    format!("runs-{digest}")
}

fn digest_of_name(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.strip_prefix("runs-")?.get(..DIGEST_DIGITS)
}

fn date_of(file: &DataFile, column: &'static str) -> Result<NaiveDate> {
    let text = file.partition_value(column).unwrap_or_default();
    text.parse().map_err(|cause| {
        Error::corrupt(format!("a file lies in no {column} partition"))
            .with("file", &file.path)
            .because(cause)
    })
}
