//! Funnels for queries: `funnel(path, offsets, 'a > b > c' [, '1h'])`, how many steps a run got through, and
//! `funnel_ms(…)`, when.
//!
//! Steps are those of the report `funnel` that a timeline can answer, joined by `>`; a funnel is ordered, and the
//! window reaches from its first step. A path is matched against the steps once a distinct path, not once a run.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Builder, ListBuilder, StringViewArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::funnel::{Definition, Funnel, FunnelEvent};
use crate::spec::{Step, parse_duration_ms};
use crate::timeline::{Offsets, tokens};
use crate::{Error, Result};

/// What a function gives of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gives {
    /// The number of steps it got through.
    Level,
    /// For each step the milliseconds from the first one; null for a step that it did not reach.
    Times,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelOf {
    gives: Gives,
    signature: Signature,
}

/// Makes `funnel(path, offsets, steps [, window])`.
pub(super) fn funnel() -> ScalarUDF {
    function(Gives::Level)
}

/// Makes `funnel_ms(path, offsets, steps [, window])`.
pub(super) fn funnel_ms() -> ScalarUDF {
    function(Gives::Times)
}

fn function(gives: Gives) -> ScalarUDF {
    let without = vec![DataType::Utf8View, DataType::BinaryView, DataType::Utf8];
    let with = [without.clone(), vec![DataType::Utf8]].concat();
    let signature = Signature::one_of(
        vec![TypeSignature::Exact(without), TypeSignature::Exact(with)],
        Volatility::Immutable,
    );
    ScalarUDF::from(FunnelOf { gives, signature })
}

impl ScalarUDFImpl for FunnelOf {
    fn name(&self) -> &'static str {
        match self.gives {
            Gives::Level => "funnel",
            Gives::Times => "funnel_ms",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.gives {
            Gives::Level => DataType::Int64,
            Gives::Times => DataType::List(Arc::new(Field::new("item", DataType::Int64, true))),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let (paths, offsets, steps, window) = match args.args.as_slice() {
            [paths, offsets, steps] => (paths, offsets, steps, None),
            [paths, offsets, steps, window] => (paths, offsets, steps, Some(window)),
            _ => return Err(exec_datafusion_err!("{}: expected path, offsets and steps", self.name())),
        };
        let text = |value: &ColumnarValue| match value {
            ColumnarValue::Scalar(ScalarValue::Utf8(text)) => Ok(text.clone()),
            _ => Err(exec_datafusion_err!("{}: expected steps and window as texts", self.name())),
        };
        let ours = |error: Error| DataFusionError::External(Box::new(error));
        let steps = text(steps)?.unwrap_or_default();
        let window = window.map(text).transpose()?.flatten();
        let mut funnel = Ready::parse(&steps, window.as_deref()).map_err(ours)?;
        let (paths, offsets) = (paths.to_array(args.number_rows)?, offsets.to_array(args.number_rows)?);
        let values = funnel.run(paths.as_string_view(), &offsets, self.gives).map_err(ours)?;
        Ok(ColumnarValue::Array(values))
    }
}

/// A funnel ready to run.
struct Ready {
    steps: Vec<Step>,
    automaton: Funnel,
}

impl Ready {
    fn parse(text: &str, window: Option<&str>) -> Result<Self> {
        let within = |error: Error| error.with("funnel", text);
        let steps = text
            .split('>')
            .map(|step| Step::parse(step.trim()).map_err(within))
            .collect::<Result<Vec<_>>>()?;
        if let Some(step) = steps.iter().find(|step| step.event_tests().next().is_some()) {
            return Err(within(
                Error::invalid(format!("a timeline cannot answer the condition {:?}", step.name))
                    .hint("conditions over events are for `wayfare funnel --step`"),
            ));
        }
        let optional = (0_u32..).zip(&steps).filter(|(_, step)| step.optional);
        let optional = optional.fold(0, |set, (index, _)| set | 1_u64.checked_shl(index).unwrap_or(0));
        let window_ms = window.map(parse_duration_ms).transpose()?;
        let definition = Definition { optional, window_ms, ..Definition::new(steps.len()) };
        Ok(Self { automaton: Funnel::try_new(definition)?, steps })
    }

    /// For each token of a path the set of steps that it matches.
    fn matches(&self, path: &str) -> Result<Vec<u64>> {
        tokens(path)
            .map(|token| {
                let token = token?;
                let matched = (0_u32..).zip(&self.steps).filter(|(_, step)| step.mark(&token));
                Ok(matched.fold(0, |set, (index, _)| set | 1 << index))
            })
            .collect()
    }

    fn run(&mut self, paths: &StringViewArray, offsets: &ArrayRef, gives: Gives) -> Result<ArrayRef> {
        let offsets = offsets.as_binary_view();
        let mut known: HashMap<&str, Vec<u64>> = HashMap::new();
        let (mut levels, mut times) = (Int64Builder::new(), ListBuilder::new(Int64Builder::new()));
        let mut events: Vec<FunnelEvent> = Vec::new();
        for row in 0..paths.len() {
            if paths.is_null(row) || offsets.is_null(row) {
                levels.append_null();
                times.append_null();
                continue;
            }
            let path = paths.value(row);
            if !known.contains_key(path) {
                known.insert(path, self.matches(path)?);
            }
            let matched = known.get(path).map(Vec::as_slice).unwrap_or_default();
            let at = Offsets::of(offsets.value(row))?;
            events.clear();
            let timed = matched.iter().zip(at.iter()).filter(|(steps, _)| **steps != 0);
            events.extend(timed.map(|(&steps, at_ms)| FunnelEvent {
                at_ms,
                steps,
                ..FunnelEvent::default()
            }));
            let outcome = self.automaton.run(&events);
            let entry = outcome.at_ms(0);
            let of_step = |step| outcome.at_ms(step).zip(entry).map(|(at_ms, entry)| at_ms - entry);
            match gives {
                Gives::Level => {
                    let last = (0..self.steps.len()).rev().find(|step| outcome.at_ms(*step).is_some());
                    levels.append_value(last.map_or(0, |step| i64::try_from(step + 1).unwrap_or(i64::MAX)));
                }
                Gives::Times => {
                    (0..self.steps.len()).for_each(|step| times.values().append_option(of_step(step)));
                    times.append(true);
                }
            }
        }
        Ok(match gives {
            Gives::Level => Arc::new(levels.finish()),
            Gives::Times => Arc::new(times.finish()),
        })
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::BinaryViewArray;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::timeline::write_offsets;

    fn asked(steps: &str, window: Option<&str>, gives: Gives) -> ArrayRef {
        let paths = StringViewArray::from_iter([Some("^;>a;+a;>b;+b;$"), Some("^;>a;+a;!"), None]);
        let run = |times: &[i64]| {
            let mut bytes = Vec::new();
            write_offsets(times, &mut bytes);
            Some(bytes)
        };
        let times = [run(&[0, 1, 10, 20, 5_000, 5_000]), run(&[0, 1, 10, 11]), None];
        let offsets: ArrayRef = Arc::new(times.into_iter().collect::<BinaryViewArray>());
        Ready::parse(steps, window).unwrap().run(&paths, &offsets, gives).unwrap()
    }

    #[test]
    fn levels_count_steps_and_windows_bind() {
        let levels = |steps, window| {
            asked(steps, window, Gives::Level).as_primitive::<Int64Type>().iter().collect::<Vec<_>>()
        };
        assert_eq!(levels("a > b > Journey completed successfully", None), [Some(3), Some(1), None]);
        assert_eq!(levels("a>b", Some("1s")), [Some(1), Some(1), None]);
        assert_eq!(levels("b > a", None), [Some(1), Some(0), None]);
    }

    #[test]
    fn times_are_from_the_first_step() {
        let times = asked("a > b", None, Gives::Times);
        let times = times.as_list::<i32>();
        let of = |row| times.value(row).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
        assert_eq!((of(0), of(1)), (vec![Some(0), Some(4_990)], vec![Some(0), None]));
        assert!(times.is_null(2));
    }

    #[test]
    fn conditions_over_events_are_refused() {
        let error = Ready::parse("a > http_status=500", None).err().unwrap();
        assert!(error.to_string().contains("cannot answer the condition"), "{error}");
        assert!(Ready::parse("a > > b", None).is_err());
    }
}
