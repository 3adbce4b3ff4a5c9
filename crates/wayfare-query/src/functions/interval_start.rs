//! `interval_start(instant, 'day', 'Europe/Berlin')`: the calendar interval that an instant falls into, in a time zone.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray as _, StringViewBuilder};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, Timelike as _};
use chrono_tz::Tz;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The intervals that the function knows.
pub(crate) const INTERVALS: [&str; 4] = ["hour", "day", "week", "month"];

/// What comes round again, so that a label says when in the cycle an instant lies: `14`, `1 Monday`.
pub(crate) const CYCLES: [&str; 2] = ["hour_of_day", "weekday"];

const WEEKDAYS: [&str; 7] =
    ["1 Monday", "2 Tuesday", "3 Wednesday", "4 Thursday", "5 Friday", "6 Saturday", "7 Sunday"];

/// Since every zone's offset is a whole number of quarter hours, all instants of one quarter have one label.
/// (Local mean times before the zones were standardised are not; the store's instants begin in 1970.)
const QUARTER_US: i64 = 900_000_000;

#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalStart {
    signature: Signature,
}

/// Makes the function.
pub(super) fn interval_start() -> ScalarUDF {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let arguments = vec![instant, DataType::Utf8, DataType::Utf8];
    ScalarUDF::from(IntervalStart { signature: Signature::exact(arguments, Volatility::Immutable) })
}

/// The label of the interval that an instant falls into, in a time zone; nothing for an interval that there is not.
pub(crate) fn interval_label(at_us: i64, interval: &str, zone: Tz) -> Option<String> {
    label(DateTime::from_timestamp_micros(at_us)?.with_timezone(&zone).naive_local(), interval)
}

/// The label of the interval that a local time falls into, `2026-03-01`, for hours `2026-03-01T14:00`, or its place in a
/// cycle. Labels of one kind sort as time goes by.
fn label(local: NaiveDateTime, interval: &str) -> Option<String> {
    let date = local.date();
    let start = match interval {
        "hour_of_day" => return Some(format!("{:02}", local.hour())),
        "weekday" => {
            let day = usize::try_from(date.weekday().num_days_from_monday()).ok()?;
            return WEEKDAYS.get(day).map(|&name| name.to_owned());
        }
        "hour" => return Some(format!("{date}T{:02}:00", local.hour())),
        "day" => date,
        "week" => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))?,
        "month" => NaiveDate::from_ymd_opt(date.year(), date.month(), 1)?,
        _ => return None,
    };
    Some(start.to_string())
}

impl ScalarUDFImpl for IntervalStart {
    fn name(&self) -> &'static str {
        "interval_start"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [instants, interval, zone] = args.args.as_slice() else {
            return Err(exec_datafusion_err!(
                "interval_start: expected an instant, an interval and a time zone"
            ));
        };
        let (
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(interval))),
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(zone))),
        ) = (interval, zone)
        else {
            return Err(exec_datafusion_err!("interval_start: expected interval and time zone as texts"));
        };
        let known = || INTERVALS.into_iter().chain(CYCLES);
        if !known().any(|name| name == interval) {
            let names: Vec<&str> = known().collect();
            return Err(exec_datafusion_err!("interval_start: expected one of {}", names.join(", ")));
        }
        let zone: Tz = zone
            .parse()
            .map_err(|_unknown| exec_datafusion_err!("interval_start: unknown time zone {zone}"))?;
        let instants = instants.to_array(args.number_rows)?;
        let instants = instants.as_primitive::<TimestampMicrosecondType>();
        let mut labels = StringViewBuilder::with_capacity(instants.len()).with_deduplicate_strings();
        let mut known: HashMap<i64, Option<String>> = HashMap::new();
        for instant in instants {
            let quarter = instant.map(|instant| instant.div_euclid(QUARTER_US));
            let text = quarter.and_then(|quarter| {
                known
                    .entry(quarter)
                    .or_insert_with(|| {
                        let start = DateTime::from_timestamp_micros(quarter * QUARTER_US)?;
                        label(start.with_timezone(&zone).naive_local(), interval)
                    })
                    .as_deref()
            });
            labels.append_option(text);
        }
        Ok(ColumnarValue::Array(Arc::new(labels.finish())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_the_start_of_the_interval() {
        let local = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap().and_hms_opt(14, 59, 1).unwrap();
        assert_eq!(label(local, "hour").as_deref(), Some("2026-03-04T14:00"));
        assert_eq!(label(local, "day").as_deref(), Some("2026-03-04"));
        assert_eq!(label(local, "week").as_deref(), Some("2026-03-02"));
        assert_eq!(label(local, "month").as_deref(), Some("2026-03-01"));
        assert_eq!(label(local, "hour_of_day").as_deref(), Some("14"));
        assert_eq!(label(local, "weekday").as_deref(), Some("3 Wednesday"));
    }
}
