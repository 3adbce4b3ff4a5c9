//! A page of the units behind a number, or of their attempts, by id, then tenant.
//!
//! Units come in any order: a page keeps the first rows of those that came so far, and counts the others.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::report::place;
use crate::spec::{FunnelSpec, Scope};
use crate::{Error, Result};

/// Rows of a page unless the scope says otherwise.
const ROWS_DEFAULT: usize = 50;

/// Rows that a page may have.
const ROWS_MAX: usize = 1_000_000;

/// A row of a list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) tenant: Option<String>,
    pub(super) id: String,
    /// Which of the unit's attempts, from 0.
    pub(super) number: u64,
    /// Null for a unit that an exclusion takes out of the report.
    pub(super) level: Option<usize>,
    pub(super) entry_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    /// Why it went no further, where it went some of the way.
    pub(super) class: Option<&'static str>,
    pub(super) excluded: bool,
}

/// A row's place in the order of the list: unit, tenant, number of the attempt.
type Place<Text> = (Text, Option<Text>, u64);

impl Listed {
    fn place(&self) -> Place<&str> {
        (&self.id, self.tenant.as_deref(), self.number)
    }
}

/// Rows are in the order of their places, which tell them apart.
impl Ord for Listed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Listed {}

/// A page in the making.
#[derive(Debug)]
pub(super) struct Listing {
    digest: String,
    after: Option<Place<String>>,
    limit: usize,
    /// The first rows behind the place, the last of them on top.
    first: BinaryHeap<Listed>,
    total: u64,
    /// Rows behind the place.
    behind: usize,
}

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Listed>,
    /// The rows of the whole list.
    pub(super) total: u64,
    /// Where the next page goes on, if there is one.
    pub(super) next: Option<String>,
}

impl Listing {
    /// The page that a spec asks for.
    ///
    /// # Errors
    /// `Invalid` for the place in another list.
    pub(super) fn of(spec: &FunnelSpec) -> Result<Self> {
        let scope = Scope { limit: None, ..spec.scope.clone() };
        let digest = place::digest(&FunnelSpec { scope, after: None, ..spec.clone() });
        let after = spec.after.as_deref().map(|text| place::read(text, &digest)).transpose()?;
        let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
        Ok(Self { digest, after, limit, first: BinaryHeap::new(), total: 0, behind: 0 })
    }

    /// Takes a row of the list, which is made where the page may have it.
    ///
    /// # Errors
    /// `Limit` when the page has more rows than it may.
    pub(super) fn take(&mut self, place: Place<&str>, row: impl FnOnce() -> Listed) -> Result<()> {
        self.total += 1;
        let after = self.after.as_ref().map(|(id, tenant, number)| (id.as_str(), tenant.as_deref(), *number));
        if after.is_some_and(|after| place <= after) {
            return Ok(());
        }
        self.behind += 1;
        if self.first.len() < self.limit {
            if self.first.len() >= ROWS_MAX {
                return Err(Error::limit(format!("a page has at most {ROWS_MAX} rows"))
                    .hint("ask for fewer with a limit, and go on with the `next` of the page as after"));
            }
            self.first.push(row());
        } else if let Some(mut last) = self.first.peek_mut().filter(|last| place < last.place()) {
            *last = row();
        }
        Ok(())
    }

    /// Ends the list.
    pub(super) fn page(self) -> Page {
        let more = self.behind > self.first.len();
        let rows = self.first.into_sorted_vec();
        let last = rows.last().filter(|_| more);
        let next = last.map(|last| place::write(&self.digest, &last.place()));
        Page { rows, total: self.total, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, tenant: Option<&str>, number: u64) -> Listed {
        Listed {
            tenant: tenant.map(str::to_owned),
            id: id.to_owned(),
            number,
            level: None,
            entry_ms: None,
            last_ms: None,
            class: None,
            excluded: false,
        }
    }

    fn take(listing: &mut Listing, (id, tenant, number): (&str, Option<&str>, u64)) {
        listing.take((id, tenant, number), || row(id, tenant, number)).unwrap();
    }

    #[test]
    fn pages_follow_one_another_without_a_gap_in_whatever_order_rows_come() {
        let rows = [("a", None, 0), ("a", None, 1), ("a", Some("t"), 0), ("b", None, 0), ("b", None, 1)];
        for (turn, limit) in
            (0..rows.len()).flat_map(|turn| (1..=rows.len() + 1).map(move |limit| (turn, limit)))
        {
            let mut came = rows;
            came.rotate_left(turn);
            if turn % 2 == 1 {
                came.reverse();
            }
            let mut spec = FunnelSpec {
                scope: Scope { limit: Some(limit), ..Scope::default() },
                ..FunnelSpec::default()
            };
            let mut walked = Vec::new();
            loop {
                let mut listing = Listing::of(&spec).unwrap();
                for row in came {
                    take(&mut listing, row);
                }
                let page = listing.page();
                assert_eq!(page.total, 5);
                assert!(page.rows.len() <= limit && !page.rows.is_empty());
                walked.extend(page.rows.iter().map(|row| (row.id.clone(), row.tenant.clone(), row.number)));
                spec.after = page.next;
                if spec.after.is_none() {
                    break;
                }
            }
            let all = rows.map(|(id, tenant, number)| (id.to_owned(), tenant.map(str::to_owned), number));
            assert_eq!(walked, all);
        }
    }

    #[test]
    fn a_page_of_no_rows_counts_them() {
        let scope = Scope { limit: Some(0), ..Scope::default() };
        let mut listing = Listing::of(&FunnelSpec { scope, ..FunnelSpec::default() }).unwrap();
        take(&mut listing, ("a", None, 0));
        let page = listing.page();
        assert_eq!((page.rows.len(), page.total, page.next), (0, 1, None));
    }

    #[test]
    fn a_place_in_another_list_is_refused() {
        let mut listing = Listing::of(&FunnelSpec {
            scope: Scope { limit: Some(1), ..Scope::default() },
            ..FunnelSpec::default()
        })
        .unwrap();
        for id in ["a", "b"] {
            take(&mut listing, (id, None, 0));
        }
        let after = listing.page().next;
        let spec = FunnelSpec { window: Some("1h".to_owned()), after, ..FunnelSpec::default() };
        assert!(Listing::of(&spec).unwrap_err().to_string().contains("another question"));
    }
}
