//! The first rows of a list, and one row that sums up the rest, so that columns still add up.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, new_null_array};
use arrow::compute::{cast, concat};

use crate::rows::Rows;
use crate::{Error, Result};

/// What the row of the rest says in its first column. A value may say the same: [`Top::mark`] tells them apart.
const OTHER: &str = "other";

/// How many rows are shown, and how many the row `other` sums up; none when 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Top {
    shown: usize,
    rest: usize,
}

impl Top {
    /// The first `limit` of `rows`.
    pub(super) fn of(rows: usize, limit: usize) -> Self {
        let shown = limit.min(rows);
        Self { shown, rest: rows - shown }
    }

    fn other(self) -> bool {
        self.rest > 0
    }

    /// Adds a column of names: the row `other` says so in the first such column and nothing in the others.
    pub(super) fn name(self, rows: &mut Rows, name: &str, values: &ArrayRef, first: bool) -> Result<()> {
        let head = values.slice(0, self.shown);
        if !self.other() {
            rows.add(name, head);
            return Ok(());
        }
        let failed = |cause| Error::internal("cannot add the row of the rest").because(cause);
        let last = if first {
            cast(&StringArray::from(vec![OTHER]), values.data_type()).map_err(failed)?
        } else {
            new_null_array(values.data_type(), 1)
        };
        rows.add(name, concat(&[&head, &last]).map_err(failed)?);
        Ok(())
    }

    /// The counts shown, with the sum of the rest in the row `other`.
    pub(super) fn counts(self, values: &Int64Array) -> Int64Array {
        let rest: i64 = values.iter().skip(self.shown).flatten().sum();
        values.iter().take(self.shown).chain(self.other().then_some(Some(rest))).collect()
    }

    /// The values shown, and nothing in the row `other`: for what cannot be summed.
    pub(super) fn heads(self, values: &ArrayRef) -> Result<ArrayRef> {
        let head = values.slice(0, self.shown);
        if !self.other() {
            return Ok(head);
        }
        let last = new_null_array(values.data_type(), 1);
        concat(&[&head, &last])
            .map_err(|cause| Error::internal("cannot add the row of the rest").because(cause))
    }

    /// Adds the column that only the row `other` has a value in: how many rows it sums up.
    pub(super) fn mark(self, rows: &mut Rows) {
        let none = std::iter::repeat_n(None, self.shown);
        let last = self.other().then(|| i64::try_from(self.rest).ok());
        rows.add("other_rows", Arc::new(none.chain(last).collect::<Int64Array>()));
    }
}
