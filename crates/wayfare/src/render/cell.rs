//! One value of a column, whatever its Arrow type.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryViewArray, FixedSizeListArray, LargeBinaryArray, StringViewArray,
    StructArray,
};
use arrow::datatypes::{
    ArrowDictionaryKeyType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Cell<'a> {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that may not fit in `i64`.
    UInt(u64),
    /// A number of double precision.
    Float(f64),
    /// A number of single precision.
    Single(f32),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A calendar date.
    Date(NaiveDate),
    /// A point in time; `zoned` when the column says that it is UTC.
    Instant { at: DateTime<Utc>, zoned: bool },
    /// Values of one type.
    List(ArrayRef),
    /// Named values: the struct column and the row.
    Struct(&'a StructArray, usize),
}

/// Takes the value of `array` at `row`; a type that has no form of its own becomes Arrow's text for it.
pub(super) fn cell(array: &dyn Array, row: usize) -> Cell<'_> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return Cell::Null;
    }
    typed(array, row).unwrap_or_else(|| fallback(array, row))
}

macro_rules! number {
    ($array:expr, $row:expr, $type:ty, $cell:path) => {
        $array.as_primitive_opt::<$type>().map(|values| $cell(values.value($row).into()))
    };
}

fn typed(array: &dyn Array, row: usize) -> Option<Cell<'_>> {
    match array.data_type() {
        DataType::Boolean => array.as_boolean_opt().map(|values| Cell::Bool(values.value(row))),
        DataType::Int8 => number!(array, row, Int8Type, Cell::Int),
        DataType::Int16 => number!(array, row, Int16Type, Cell::Int),
        DataType::Int32 => number!(array, row, Int32Type, Cell::Int),
        DataType::Int64 => number!(array, row, Int64Type, Cell::Int),
        DataType::UInt8 => number!(array, row, UInt8Type, Cell::UInt),
        DataType::UInt16 => number!(array, row, UInt16Type, Cell::UInt),
        DataType::UInt32 => number!(array, row, UInt32Type, Cell::UInt),
        DataType::UInt64 => number!(array, row, UInt64Type, Cell::UInt),
        DataType::Float32 => number!(array, row, Float32Type, Cell::Single),
        DataType::Float64 => number!(array, row, Float64Type, Cell::Float),
        DataType::Utf8 => array.as_string_opt::<i32>().map(|values| Cell::Text(values.value(row).into())),
        DataType::LargeUtf8 => {
            array.as_string_opt::<i64>().map(|values| Cell::Text(values.value(row).into()))
        }
        DataType::Utf8View => {
            let values: Option<&StringViewArray> = array.as_string_view_opt();
            values.map(|values| Cell::Text(values.value(row).into()))
        }
        DataType::Binary => array.as_binary_opt::<i32>().map(|values| Cell::Bytes(values.value(row))),
        DataType::LargeBinary => {
            let values: Option<&LargeBinaryArray> = array.as_binary_opt();
            values.map(|values| Cell::Bytes(values.value(row)))
        }
        DataType::BinaryView => {
            let values: Option<&BinaryViewArray> = array.as_binary_view_opt();
            values.map(|values| Cell::Bytes(values.value(row)))
        }
        DataType::FixedSizeBinary(_) => {
            array.as_fixed_size_binary_opt().map(|values| Cell::Bytes(values.value(row)))
        }
        DataType::Date32 => {
            let days = array.as_primitive_opt::<Date32Type>()?.value(row);
            NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())).map(Cell::Date)
        }
        DataType::Timestamp(unit, zone) => {
            instant(array, row, *unit).map(|at| Cell::Instant { at, zoned: zone.is_some() })
        }
        _ => nested(array, row),
    }
}

fn nested(array: &dyn Array, row: usize) -> Option<Cell<'_>> {
    match array.data_type() {
        DataType::List(_) => array.as_list_opt::<i32>().map(|values| Cell::List(values.value(row))),
        DataType::LargeList(_) => array.as_list_opt::<i64>().map(|values| Cell::List(values.value(row))),
        DataType::FixedSizeList(..) => {
            let values: Option<&FixedSizeListArray> = array.as_fixed_size_list_opt();
            values.map(|values| Cell::List(values.value(row)))
        }
        DataType::Struct(_) => array.as_struct_opt().map(|values| Cell::Struct(values, row)),
        DataType::Dictionary(key, _) => match key.as_ref() {
            DataType::Int8 => decoded::<Int8Type>(array, row),
            DataType::Int16 => decoded::<Int16Type>(array, row),
            DataType::Int32 => decoded::<Int32Type>(array, row),
            DataType::Int64 => decoded::<Int64Type>(array, row),
            DataType::UInt8 => decoded::<UInt8Type>(array, row),
            DataType::UInt16 => decoded::<UInt16Type>(array, row),
            DataType::UInt32 => decoded::<UInt32Type>(array, row),
            DataType::UInt64 => decoded::<UInt64Type>(array, row),
            _ => None,
        },
        _ => None,
    }
}

fn decoded<K: ArrowDictionaryKeyType>(array: &dyn Array, row: usize) -> Option<Cell<'_>> {
    let dictionary = array.as_dictionary_opt::<K>()?;
    Some(cell(dictionary.values().as_ref(), dictionary.key(row)?))
}

fn instant(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp_secs(array.as_primitive_opt::<TimestampSecondType>()?.value(row))
        }
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive_opt::<TimestampMillisecondType>()?.value(row))
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row))
        }
        TimeUnit::Nanosecond => {
            let nanos = array.as_primitive_opt::<TimestampNanosecondType>()?.value(row);
            Some(DateTime::from_timestamp_nanos(nanos))
        }
    }
}

fn fallback(array: &dyn Array, row: usize) -> Cell<'static> {
    let options = FormatOptions::default();
    let text = ArrayFormatter::try_new(array, &options)
        .and_then(|formatter| formatter.value(row).try_to_string())
        .unwrap_or_else(|error| error.to_string());
    Cell::Text(text.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date32Array, Decimal128Array, DictionaryArray, Int64Array, NullArray, TimestampNanosecondArray,
    };

    use super::super::machine::text;
    use super::*;

    fn shown(array: &dyn Array, row: usize) -> String {
        text(&cell(array, row)).into_owned()
    }

    #[test]
    fn dictionaries_are_looked_through() {
        let array: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("b")].into_iter().collect();
        assert_eq!(shown(&array, 2), "b");
        assert_eq!(shown(&array, 1), "");
    }

    #[test]
    fn every_type_has_a_text() {
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(shown(&decimal, 0), "123.45");
        assert_eq!(shown(&NullArray::new(1), 0), "");
        assert_eq!(shown(&Date32Array::from(vec![20_454]), 0), "2026-01-01");
        assert_eq!(shown(&TimestampNanosecondArray::from(vec![1]), 0), "1970-01-01T00:00:00.000000001");
        let list: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert_eq!(text(&Cell::List(list)), "[1]");
    }

    #[test]
    fn instants_beyond_the_calendar_are_still_shown() {
        let array = arrow::array::TimestampSecondArray::from(vec![i64::MAX]);
        assert!(!shown(&array, 0).is_empty());
    }
}
