//! A page of the units behind a number, or of their attempts, in the order in which units are read: by id, then tenant.
//!
//! Units come one after the other, so a page keeps its own rows only, and counts the others.

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
type Place = (String, Option<String>, u64);

impl Listed {
    fn place(&self) -> (&str, Option<&str>, u64) {
        (&self.id, self.tenant.as_deref(), self.number)
    }
}

/// A page in the making.
#[derive(Debug)]
pub(super) struct Page {
    digest: String,
    after: Option<Place>,
    limit: usize,
    /// The rows of the page.
    pub(super) rows: Vec<Listed>,
    /// The rows of the whole list.
    pub(super) total: u64,
    /// Whether there are rows behind the page.
    more: bool,
}

impl Page {
    /// The page that a spec asks for.
    ///
    /// # Errors
    /// `Invalid` for the place in another list.
    pub(super) fn of(spec: &FunnelSpec) -> Result<Self> {
        let scope = Scope { limit: None, ..spec.scope.clone() };
        let digest = place::digest(&FunnelSpec { scope, after: None, ..spec.clone() });
        let after = spec.after.as_deref().map(|text| place::read(text, &digest)).transpose()?;
        let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
        Ok(Self { digest, after, limit, rows: Vec::new(), total: 0, more: false })
    }

    /// Takes the next row of the list.
    ///
    /// # Errors
    /// `Limit` when the page has more rows than it may.
    pub(super) fn take(&mut self, row: Listed) -> Result<()> {
        self.total += 1;
        let after = self.after.as_ref().map(|(id, tenant, number)| (id.as_str(), tenant.as_deref(), *number));
        if after.is_some_and(|after| row.place() <= after) {
            return Ok(());
        }
        if self.rows.len() >= self.limit {
            self.more = true;
        } else if self.rows.len() >= ROWS_MAX {
            return Err(Error::limit(format!("a page has at most {ROWS_MAX} rows"))
                .hint("ask for fewer with a limit, and go on with the `next` of the page as after"));
        } else {
            self.rows.push(row);
        }
        Ok(())
    }

    /// Where the next page goes on, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        let last = self.rows.last().filter(|_| self.more)?;
        Some(place::write(&self.digest, &last.place()))
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

    #[test]
    fn pages_follow_one_another_without_a_gap() {
        let rows = [("a", None, 0), ("a", None, 1), ("a", Some("t"), 0), ("b", None, 0), ("b", None, 1)];
        for limit in 1..=rows.len() + 1 {
            let mut spec = FunnelSpec {
                scope: Scope { limit: Some(limit), ..Scope::default() },
                ..FunnelSpec::default()
            };
            let mut walked = Vec::new();
            loop {
                let mut page = Page::of(&spec).unwrap();
                for (id, tenant, number) in rows {
                    page.take(row(id, tenant, number)).unwrap();
                }
                assert_eq!(page.total, 5);
                assert!(page.rows.len() <= limit && !page.rows.is_empty());
                walked.extend(page.rows.iter().map(|row| (row.id.clone(), row.tenant.clone(), row.number)));
                spec.after = page.next();
                if spec.after.is_none() {
                    break;
                }
            }
            let all = rows.map(|(id, tenant, number)| (id.to_owned(), tenant.map(str::to_owned), number));
            assert_eq!(walked, all);
        }
    }

    #[test]
    fn a_place_in_another_list_is_refused() {
        let mut page = Page::of(&FunnelSpec {
            scope: Scope { limit: Some(1), ..Scope::default() },
            ..FunnelSpec::default()
        })
        .unwrap();
        for id in ["a", "b"] {
            page.take(row(id, None, 0)).unwrap();
        }
        let spec = FunnelSpec { window: Some("1h".to_owned()), after: page.next(), ..FunnelSpec::default() };
        assert!(Page::of(&spec).unwrap_err().to_string().contains("another question"));
    }
}
