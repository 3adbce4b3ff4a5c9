//! One data file: its bytes, its rows, their order, their partition, and what the log says of them.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::row::{OwnedRow, RowConverter, SortField};
use chrono::DateTime;

use super::{Check, Finding, found};
use crate::store::{Contents, DataFile, Statistics, Store, Table, ValueRange};
use crate::{Error, Result};

/// The instant that decides a row's partition, by the partition's column.
const DATES: [(&str, &str); 2] = [("date", "timestamp"), ("start_date", "first_at")];

/// Looks at one file; a decoder that panics is damage, too.
pub(super) async fn check(store: &Store, table: &Table, file: DataFile) -> Result<Option<Finding>> {
    let file = &file;
    let contents = match store.contents(file).await {
        Ok(contents) => contents,
        Err(error) => return found(table, file, Check::Bytes, error).map(Some),
    };
    let (expected, known) = (Arc::clone(table.file_schema()), file.clone());
    let looked = tokio::task::spawn_blocking(move || Rows::new(&contents, &known, &expected)?.check()).await;
    let looked = looked.unwrap_or_else(|panic| {
        Err((Check::Rows, Error::corrupt("the decoder broke off").with("file", &file.path).because(panic)))
    });
    match looked {
        Ok(()) => Ok(None),
        Err((check, error)) => found(table, file, check, error).map(Some),
    }
}

type Looked<T> = Result<T, (Check, Error)>;

/// A file's rows while they are looked at, and what was counted so far.
struct Rows<'a> {
    contents: &'a Contents,
    file: &'a DataFile,
    /// The columns that the rows of a row group are sorted by.
    sorted_by: Vec<usize>,
    /// The rows at which row groups begin, last ones first, as long as they are not reached.
    groups: Vec<u64>,
    seen: u64,
    nulls: Vec<(&'a str, u64, u64)>,
    last: Option<OwnedRow>,
}

impl<'a> Rows<'a> {
    fn new(contents: &'a Contents, file: &'a DataFile, expected: &arrow::datatypes::Schema) -> Looked<Self> {
        let wrong = |check, message: &str| (check, Error::corrupt(message).with("file", &file.path));
        if contents.size_bytes() != file.size_bytes {
            let message =
                format!("expected {} bytes as the log says, saw {}", file.size_bytes, contents.size_bytes());
            return Err(wrong(Check::Bytes, &message));
        }
        let names = |schema: &arrow::datatypes::Schema| -> Vec<(String, DataType)> {
            schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
        };
        if names(contents.metadata().schema()) != names(expected) {
            return Err(wrong(Check::Rows, "the file has other columns than its table"));
        }
        let groups = contents.metadata().metadata().row_groups();
        let sorted_by = groups.first().and_then(|group| group.sorting_columns()).cloned().unwrap_or_default();
        let sorted_by =
            sorted_by.iter().filter_map(|column| usize::try_from(column.column_idx).ok()).collect();
        let mut end = 0;
        let starts = groups.iter().map(|group| {
            let start = end;
            end += u64::try_from(group.num_rows()).unwrap_or_default();
            start
        });
        let mut starts: Vec<u64> = starts.collect();
        starts.reverse();
        let nulls = file.statistics.nulls.iter().map(|(name, count)| (name.as_str(), *count, 0)).collect();
        Ok(Self { contents, file, sorted_by, groups: starts, seen: 0, nulls, last: None })
    }

    fn check(mut self) -> Looked<()> {
        let converter = self.converter()?;
        let batches = self.contents.batches(None).map_err(|error| (Check::Rows, error))?;
        for batch in batches {
            let batch = batch.map_err(|error| (Check::Rows, error))?;
            for (name, _, seen) in &mut self.nulls {
                *seen += batch.column_by_name(name).map_or(0, |column| column.null_count() as u64);
            }
            self.order(&batch, &converter)?;
            self.partition(&batch)?;
            self.ranges(&batch)?;
            self.seen += batch.num_rows() as u64;
        }
        if self.seen != self.file.statistics.rows {
            let message =
                format!("expected {} rows as the log says, saw {}", self.file.statistics.rows, self.seen);
            return Err(self.wrong(Check::Statistics, message));
        }
        if let Some((name, stated, seen)) = self.nulls.iter().find(|(_, stated, seen)| stated != seen) {
            let message = format!("expected {stated} rows without {name} as the log says, saw {seen}");
            return Err(self.wrong(Check::Statistics, message));
        }
        Ok(())
    }

    fn wrong(&self, check: Check, message: impl Into<String>) -> (Check, Error) {
        (check, Error::corrupt(message).with("file", &self.file.path))
    }

    fn converter(&self) -> Looked<RowConverter> {
        let schema = self.contents.metadata().schema();
        let fields = self
            .sorted_by
            .iter()
            .filter_map(|&index| schema.fields().get(index))
            .map(|field| SortField::new(field.data_type().clone()));
        RowConverter::new(fields.collect())
            .map_err(|cause| (Check::Order, Error::internal("cannot compare rows").because(cause)))
    }

    fn order(&mut self, batch: &RecordBatch, converter: &RowConverter) -> Looked<()> {
        let columns: Vec<ArrayRef> =
            self.sorted_by.iter().filter_map(|&index| batch.columns().get(index).cloned()).collect();
        if columns.is_empty() || batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = converter
            .convert_columns(&columns)
            .map_err(|cause| (Check::Order, Error::internal("cannot compare rows").because(cause)))?;
        let mut before = self.last.as_ref().map(OwnedRow::row);
        for (number, row) in (self.seen..).zip(&rows) {
            while self.groups.pop_if(|start| *start <= number).is_some() {
                before = None;
            }
            if before.is_some_and(|before| before > row) {
                return Err(self.wrong(Check::Order, "the rows are not in the order that the file states"));
            }
            before = Some(row);
        }
        self.last = rows.iter().next_back().map(|row| row.owned());
        Ok(())
    }

    fn partition(&self, batch: &RecordBatch) -> Looked<()> {
        for (partition, column) in DATES {
            let Some(date) = self.file.partition_value(partition) else { continue };
            let Some(column) = batch.column_by_name(column) else { continue };
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            for micros in [min(instants), max(instants)].into_iter().flatten() {
                let day =
                    DateTime::from_timestamp_micros(micros).map(|instant| instant.date_naive().to_string());
                if day.as_deref() != Some(date) {
                    let message = format!("a row of {} lies in {partition}={date}", day.unwrap_or_default());
                    return Err(self.wrong(Check::Partition, message));
                }
            }
        }
        Ok(())
    }

    fn ranges(&self, batch: &RecordBatch) -> Looked<()> {
        let Statistics { ranges, .. } = &self.file.statistics;
        for (name, range) in ranges {
            let Some(column) = batch.column_by_name(name) else { continue };
            if !within(column, range) {
                let message = format!("a value of {name} is outside the range that the log says");
                return Err(self.wrong(Check::Statistics, message));
            }
        }
        Ok(())
    }
}

fn within(column: &ArrayRef, range: &ValueRange) -> bool {
    match (range, column.data_type()) {
        (ValueRange::Text(low, high), DataType::Utf8) => {
            let values = column.as_string::<i32>();
            min_string(values).is_none_or(|least| least >= low.as_str())
                && max_string(values).is_none_or(|most| most <= high.as_str())
        }
        (ValueRange::Micros(low, high), DataType::Timestamp(_, _)) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            min(values).is_none_or(|least| least >= *low) && max(values).is_none_or(|most| most <= *high)
        }
        _ => false,
    }
}
