//! Which dates of `invocations` still say what the events say.
//!
//! The events of a run that started on a date lie within the journey lifetime of it, or on dates that are *linked* with
//! it (see [`links`]). So the rows of a start date are a function of the events of these dates, and a digest of their
//! content, which stands in the cache file's own name, tells whether they are still those. Nothing else has to
//! be kept in step.

mod content;
mod keys;
mod links;
mod search;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use datafusion::prelude::SessionContext;
use wayfare_ingest::{DataFile, Lifetime, Store};

pub(crate) use content::{Content, merge_of, merged_stem};
pub(crate) use keys::appendix;
pub(crate) use links::LINKS_TAG;
use links::Links;
use search::Search;

use crate::runs::StoreSnapshot;
use crate::{Error, Result};

/// Changes whenever the fold gives other rows for the same events, so that older caches are not believed.
const FOLD_VERSION: u32 = 6;

/// Hexadecimal digits of a digest in a file's name.
const DIGEST_DIGITS: usize = 16;

const MILLIS_A_DAY: u64 = 86_400_000;

/// The state of the cache at one snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    /// Files of `invocations` that can be read instead of events.
    pub(crate) cached: Vec<DataFile>,
    /// Start dates that have to be folded.
    stale: BTreeMap<NaiveDate, Digest>,
    /// Event files of journeys by date.
    events: BTreeMap<NaiveDate, Vec<DataFile>>,
    /// Days around a start date in which its events lie; `None` for no bound.
    reach_days: Option<u64>,
    /// Dates that belong together beyond that.
    links: Links,
}

/// What the name of a cache file says of the events that it was folded from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Digest {
    /// Of all events that the fold of the date read.
    near: String,
    /// Of the events on the date itself.
    own: String,
}

impl Freshness {
    /// Compares the cache with the events, as a question needs it: what is not cached is folded at once, so runs
    /// that are longer than expected have to be looked for only where something is cached.
    ///
    /// # Errors
    /// `Corrupt` when a file of a table lies in no partition or cannot be read.
    pub(crate) async fn of(
        store: &Store,
        context: &SessionContext,
        snapshot: &StoreSnapshot,
    ) -> Result<Self> {
        let (mut fresh, cache) = Self::read(store, snapshot)?;
        if !cache.is_empty() {
            fresh.find_links(store, context, &cache).await?;
        }
        Ok(fresh)
    }

    /// The same for a compaction, which folds some dates at a time.
    ///
    /// # Errors
    /// As [`Freshness::of`].
    pub(crate) async fn for_compaction(
        store: &Store,
        context: &SessionContext,
        snapshot: &StoreSnapshot,
    ) -> Result<Self> {
        let (mut fresh, cache) = Self::read(store, snapshot)?;
        fresh.find_links(store, context, &cache).await?;
        Ok(fresh)
    }

    fn read(store: &Store, snapshot: &StoreSnapshot) -> Result<(Self, Vec<(NaiveDate, DataFile)>)> {
        let reach_days = match store.settings().journey_lifetime {
            Lifetime::Unlimited => None,
            Lifetime::Millis(millis) => Some(u64::try_from(millis).unwrap_or(0).div_ceil(MILLIS_A_DAY)),
        };
        let mut events: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
        for file in snapshot.events.files.iter().filter(|file| file.partition_value("source") == Some("cis"))
        {
            events.entry(date_of(file, "date")?).or_default().push(file.clone());
        }
        let dated = |file: &DataFile| Ok((date_of(file, "start_date")?, file.clone()));
        let cache = snapshot.invocations.files.iter().map(dated).collect::<Result<Vec<_>>>()?;
        let links = Links::of(&cache);
        let mut fresh = Self { cached: Vec::new(), stale: BTreeMap::new(), events, reach_days, links };
        fresh.compare(&cache);
        Ok((fresh, cache))
    }

    /// Tells what is cached from what is not, with the links known now.
    fn compare(&mut self, cache: &[(NaiveDate, DataFile)]) {
        self.stale = self.digests();
        self.cached.clear();
        for (date, file) in cache {
            // The first file of a date takes it off the list: compactions at the same time may have left two.
            if self.stale.get(date).is_some_and(|wanted| Digest::of_name(&file.path).as_ref() == Some(wanted))
            {
                self.stale.remove(date);
                self.cached.push(file.clone());
            }
        }
    }

    /// Looks for links between events that came since the cache was written and all others.
    async fn find_links(
        &mut self,
        store: &Store,
        context: &SessionContext,
        cache: &[(NaiveDate, DataFile)],
    ) -> Result<()> {
        let Some(reach_days) = self.reach_days else { return Ok(()) };
        let days: BTreeSet<i32> = self.events.keys().map(|&date| keys::day_of(date)).collect();
        let span =
            days.last().zip(days.first()).map_or(0, |(last, first)| i64::from(*last) - i64::from(*first));
        if u64::try_from(span).unwrap_or(0) <= reach_days {
            return Ok(());
        }
        let known: BTreeSet<(NaiveDate, String)> =
            cache.iter().filter_map(|(date, file)| Some((*date, Digest::of_name(&file.path)?.own))).collect();
        let is_changed = |date: NaiveDate, digest: &Digest| !known.contains(&(date, digest.own.clone()));
        let changed: Vec<DataFile> = self
            .stale
            .iter()
            .filter(|&(&date, digest)| is_changed(date, digest))
            .flat_map(|(date, _)| self.events.get(date).into_iter().flatten().cloned())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let search = Search { store, context, changed, cached: cache, dates: days, reach_days };
        let found = search.links().await?;
        if self.links.extend(&found) {
            self.compare(cache);
        }
        Ok(())
    }

    /// The start dates that have to be folded.
    pub(crate) fn stale_dates(&self) -> Vec<NaiveDate> {
        self.stale.keys().copied().collect()
    }

    /// Those of them whose fold reads only events that were written before an instant, in milliseconds since 1970 UTC.
    pub(crate) fn settled_dates(&self, before_ms: i64) -> Vec<NaiveDate> {
        let newest_ms = |date: &NaiveDate| self.events.get(date)?.iter().map(|file| file.written_at_ms).max();
        let newest_ms: BTreeMap<NaiveDate, i64> =
            self.events.keys().filter_map(|date| Some((*date, newest_ms(date)?))).collect();
        let is_settled =
            |date: &NaiveDate| newest_ms.get(date).is_none_or(|&newest_ms| newest_ms < before_ms);
        let stale = self.stale.keys().copied();
        stale.filter(|&date| self.read_for(std::iter::once(date)).iter().all(is_settled)).collect()
    }

    /// Every date that has events of journeys.
    pub(crate) fn all_dates(&self) -> Vec<NaiveDate> {
        self.events.keys().copied().collect()
    }

    /// The event files that the fold of `dates` reads.
    pub(crate) fn events_for(&self, dates: impl Iterator<Item = NaiveDate>) -> Vec<DataFile> {
        let read = self.read_for(dates);
        read.iter().filter_map(|date| self.events.get(date)).flatten().cloned().collect()
    }

    /// The dates whose events the fold of `dates` reads.
    fn read_for(&self, dates: impl Iterator<Item = NaiveDate>) -> BTreeSet<NaiveDate> {
        match self.reach_days {
            None => self.events.keys().copied().collect(),
            Some(reach) => dates.flat_map(|date| self.near(date, reach)).collect(),
        }
    }

    /// How many events of journeys a date has.
    pub(crate) fn events_on(&self, date: NaiveDate) -> u64 {
        self.events.get(&date).into_iter().flatten().map(|file| file.statistics.rows).sum()
    }

    /// Whether runs are folded from a bounded number of dates.
    pub(crate) fn is_bounded(&self) -> bool {
        self.reach_days.is_some()
    }

    /// The beginning of the name of a stale date's cache file, before the dash and its random part.
    pub(crate) fn file_stem(&self, date: NaiveDate) -> Option<String> {
        self.stale.get(&date).map(|Digest { near, own }| format!("runs-{near}-{own}"))
    }

    /// The text of [`LINKS_TAG`] for a date's cache file.
    pub(crate) fn links_text(&self, date: NaiveDate) -> Option<String> {
        self.links.text_of(date)
    }

    /// The dates with events that the fold of one date reads, itself included.
    fn near(&self, date: NaiveDate, reach: u64) -> BTreeSet<NaiveDate> {
        let from = date.checked_sub_days(Days::new(reach)).unwrap_or(NaiveDate::MIN);
        let to = date.checked_add_days(Days::new(reach)).unwrap_or(NaiveDate::MAX);
        let linked = self.links.with(date).filter(|date| self.events.contains_key(date));
        self.events.range(from..=to).map(|(&date, _)| date).chain(linked).collect()
    }

    fn digests(&self) -> BTreeMap<NaiveDate, Digest> {
        let contents: BTreeMap<NaiveDate, Content> =
            self.events.iter().map(|(&date, files)| (date, Content::of(files))).collect();
        let digest_of = |dates: &mut dyn Iterator<Item = NaiveDate>| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&FOLD_VERSION.to_le_bytes());
            for date in dates {
                let content = contents.get(&date).copied().unwrap_or_default();
                hasher.update(&keys::day_of(date).to_le_bytes()).update(&content.to_bytes());
            }
            hasher.finalize().to_hex().chars().take(DIGEST_DIGITS).collect::<String>()
        };
        let all = digest_of(&mut contents.keys().copied());
        let of_date = |&date: &NaiveDate| {
            let near = match self.reach_days {
                None => all.clone(),
                Some(reach) => digest_of(&mut self.near(date, reach).into_iter()),
            };
            (date, Digest { near, own: digest_of(&mut std::iter::once(date)) })
        };
        contents.keys().map(of_date).collect()
    }
}

impl Digest {
    fn of_name(path: &str) -> Option<Self> {
        let mut parts = path.rsplit('/').next()?.strip_prefix("runs-")?.split('-');
        let mut digest = || parts.next().filter(|part| part.len() == DIGEST_DIGITS).map(str::to_owned);
        Some(Self { near: digest()?, own: digest()? })
    }
}

fn date_of(file: &DataFile, column: &'static str) -> Result<NaiveDate> {
    let text = file.partition_value(column).unwrap_or_default();
    text.parse().map_err(|cause| {
        Error::corrupt(format!("a file lies in no {column} partition"))
            .with("file", &file.path)
            .because(cause)
    })
}
