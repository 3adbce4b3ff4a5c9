//! Dates that belong together although they lie further apart than the journey lifetime.
//!
//! A run that lasts longer than the lifetime has events on dates that the fold of its start date would not read. Such
//! a run links its start date with each of the dates beyond: whoever folds one of them reads the other, too.
//! Cache files carry the links of their date as a tag in the log, so that all links of a store are known
//! from its snapshot. A link too many costs time and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use wayfare_ingest::DataFile;

/// The tag of a cache file that lists the dates linked with its own, with commas.
pub(crate) const LINKS_TAG: &str = "wayfare.links";

/// Pairs of linked dates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Links(BTreeMap<NaiveDate, BTreeSet<NaiveDate>>);

impl Links {
    /// The links that the cache files of a snapshot carry.
    pub(crate) fn of(files: &[(NaiveDate, DataFile)]) -> Self {
        let mut links = Self::default();
        for (date, file) in files {
            // a date that cannot be read cannot have been written by us; the files themselves are checked elsewhere
            let others = file.tags.get(LINKS_TAG).into_iter().flat_map(|text| text.split(','));
            for other in others.filter_map(|other| other.parse().ok()) {
                links.add(*date, other);
            }
        }
        links
    }

    /// Links two dates, in both directions; tells whether they were not linked before.
    pub(crate) fn add(&mut self, left: NaiveDate, right: NaiveDate) -> bool {
        let is_new = self.0.entry(left).or_default().insert(right);
        self.0.entry(right).or_default().insert(left);
        is_new
    }

    /// Takes the links of another set in; tells whether one was new.
    pub(crate) fn extend(&mut self, others: &Self) -> bool {
        let pairs =
            others.0.iter().flat_map(|(&left, rights)| rights.iter().map(move |&right| (left, right)));
        pairs.fold(false, |any, (left, right)| self.add(left, right) || any)
    }

    /// The dates linked with one.
    pub(crate) fn with(&self, date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        self.0.get(&date).into_iter().flatten().copied()
    }

    /// The text of [`LINKS_TAG`]; `None` for a date without links.
    pub(crate) fn text_of(&self, date: NaiveDate) -> Option<String> {
        let dates: Vec<String> = self.with(date).map(|date| date.to_string()).collect();
        (!dates.is_empty()).then(|| dates.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_go_both_ways() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
        let mut links = Links::default();
        assert!(links.add(day(1), day(20)));
        assert!(!links.add(day(20), day(1)));
        assert!(links.add(day(1), day(9)));
        assert_eq!(links.text_of(day(1)).unwrap(), "2026-03-09,2026-03-20");
        assert_eq!(links.text_of(day(20)).unwrap(), "2026-03-01");
        assert_eq!(links.text_of(day(2)), None);
    }
}
