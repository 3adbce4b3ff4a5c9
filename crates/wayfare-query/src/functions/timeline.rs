//! Runs' timelines for queries: `timeline(path, offsets)`, the events of a run, `steps(path)`, the steps it went
//! through, and `offsets_ms(offsets)`, when its events happened.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Builder, ListArray, ListBuilder, StringViewBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::Result;
use crate::timeline::{Kind, Offsets, tokens};

/// What an event of a timeline is, in a word.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::JourneyStarted => "journey_started",
        Kind::SubJourneyStarted => "sub_journey_started",
        Kind::StepStarted => "step_started",
        Kind::CallSucceeded => "call_succeeded",
        Kind::CallFailed => "call_failed",
        Kind::Custom => "custom_event",
        Kind::Other => "other",
        Kind::StepCompleted => "step_completed",
        Kind::StepFailed => "step_failed",
        Kind::SubJourneySucceeded => "sub_journey_succeeded",
        Kind::SubJourneyFailed => "sub_journey_failed",
        Kind::JourneySucceeded => "journey_succeeded",
        Kind::JourneyFailed => "journey_failed",
    }
}

fn event_fields() -> Fields {
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
        let text = |name| Field::new(name, DataType::Utf8View, true);
        vec![Field::new("offset_ms", DataType::Int64, true), text("kind"), text("name"), text("detail")]
            .into()
    });
    FIELDS.clone()
}

fn event_item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(event_fields()), true))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Timeline {
    signature: Signature,
}

/// Makes `timeline(path, offsets)`.
pub(super) fn timeline() -> ScalarUDF {
    let arguments = vec![DataType::Utf8View, DataType::BinaryView];
    ScalarUDF::from(Timeline { signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl ScalarUDFImpl for Timeline {
    fn name(&self) -> &'static str {
        "timeline"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(event_item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, offsets] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("timeline: expected the columns path and offsets"));
        };
        let (paths, offsets) = (paths.to_array(args.number_rows)?, offsets.to_array(args.number_rows)?);
        let events = events(&paths, &offsets).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(events))
    }
}

fn events(paths: &ArrayRef, offsets: &ArrayRef) -> Result<ArrayRef> {
    let (paths, offsets) = (paths.as_string_view(), offsets.as_binary_view());
    let mut at = Int64Builder::new();
    let mut kinds = StringViewBuilder::new().with_deduplicate_strings();
    let mut names = StringViewBuilder::new().with_deduplicate_strings();
    let mut details = StringViewBuilder::new().with_deduplicate_strings();
    let mut lengths = Vec::with_capacity(paths.len());
    for row in 0..paths.len() {
        let path = if paths.is_null(row) { "" } else { paths.value(row) };
        let times = if offsets.is_null(row) { None } else { Some(Offsets::of(offsets.value(row))?) };
        let mut length = 0;
        for (index, token) in tokens(path).enumerate() {
            let token = token?;
            at.append_option(times.and_then(|times| times.get(index)));
            kinds.append_value(word(token.kind));
            names.append_option((!token.name.is_empty()).then_some(&token.name));
            details.append_option(token.detail.as_ref());
            length += 1;
        }
        lengths.push(length);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(at.finish()),
        Arc::new(kinds.finish()),
        Arc::new(names.finish()),
        Arc::new(details.finish()),
    ];
    let rows = StructArray::new(event_fields(), columns, None);
    Ok(Arc::new(ListArray::new(event_item(), OffsetBuffer::from_lengths(lengths), Arc::new(rows), None)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OffsetsMs {
    signature: Signature,
}

/// Makes `offsets_ms(offsets)`.
pub(super) fn offsets_ms() -> ScalarUDF {
    let arguments = vec![DataType::BinaryView];
    ScalarUDF::from(OffsetsMs { signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl ScalarUDFImpl for OffsetsMs {
    fn name(&self) -> &'static str {
        "offsets_ms"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(Arc::new(Field::new("item", DataType::Int64, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [offsets] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("offsets_ms: expected the column offsets"));
        };
        let offsets = offsets.to_array(args.number_rows)?;
        let mut lists = ListBuilder::new(Int64Builder::new());
        for bytes in offsets.as_binary_view() {
            if let Some(bytes) = bytes {
                let offsets =
                    Offsets::of(bytes).map_err(|error| DataFusionError::External(Box::new(error)))?;
                lists.values().extend(offsets.iter().map(Some));
            }
            lists.append(bytes.is_some());
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish())))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Steps {
    signature: Signature,
}

/// Makes `steps(path)`.
pub(super) fn steps() -> ScalarUDF {
    ScalarUDF::from(Steps { signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable) })
}

impl ScalarUDFImpl for Steps {
    fn name(&self) -> &'static str {
        "steps"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("steps: expected the column path"));
        };
        let paths = paths.to_array(args.number_rows)?;
        let mut lists = ListBuilder::new(StringViewBuilder::new().with_deduplicate_strings());
        for path in paths.as_string_view() {
            for token in tokens(path.unwrap_or_default()) {
                let token = token.map_err(|error| DataFusionError::External(Box::new(error)))?;
                if token.kind == Kind::StepStarted {
                    lists.values().append_value(&token.name);
                }
            }
            lists.append(path.is_some());
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish())))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryViewArray, StringViewArray};
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::timeline::write_offsets;

    #[test]
    fn a_timeline_is_its_tokens() {
        let paths: ArrayRef = Arc::new(StringViewArray::from_iter([Some("^;>otp,-otp:expired"), None]));
        let mut bytes = Vec::new();
        write_offsets(&[0, 5, 5], &mut bytes);
        let times: ArrayRef = Arc::new(BinaryViewArray::from_iter([Some(bytes), None]));
        let lists = events(&paths, &times).unwrap();
        let lists = lists.as_list::<i32>();
        assert_eq!((lists.value_length(0), lists.value_length(1)), (3, 0));
        let last = lists.value(0);
        let last = last.as_struct();
        let text = |index: usize| last.column(index).as_string_view().value(2).to_owned();
        assert_eq!((text(1), text(2), text(3)), ("step_failed".into(), "otp".into(), "expired".into()));
        assert_eq!(last.column(0).as_primitive::<Int64Type>().values(), &[0, 5, 5]);
    }
}
