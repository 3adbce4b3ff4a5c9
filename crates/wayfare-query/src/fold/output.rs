//! Folded runs as columns.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryViewBuilder, Int64Builder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result as DataFusionResult;
use wayfare_ingest::columns::{RUN_COUNTS, RUN_DIMENSIONS, RUN_FACTS, invocations_file_schema};

use super::courses::{Courses, Folded};
use super::intern::NONE;
use super::packed::{Dimensions, Packed, PackedEvents};
use crate::functions::{external, one_list, path_type};
use crate::run::{Run, RunEvent, Terminal};
use crate::timeline::write_offsets;

/// The columns of a run that the fold makes: those of `invocations` without the group key, text and bytes as views, and
/// codes and tokens of the path as one.
pub(crate) fn run_fields() -> Fields {
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
        invocations_file_schema()
            .fields()
            .iter()
            .filter(|field| !matches!(field.name().as_str(), "tenant_id" | "invocation_id" | "tokens"))
            .map(|field| match field.data_type() {
                _ if field.name() == "path" => Arc::new(Field::new("path", path_type(), false)),
                DataType::Utf8 => Arc::new(Field::new(field.name(), DataType::Utf8View, field.is_nullable())),
                DataType::Binary => {
                    Arc::new(Field::new(field.name(), DataType::BinaryView, field.is_nullable()))
                }
                _ => Arc::clone(field),
            })
            .collect()
    });
    FIELDS.clone()
}

/// The four instants of a run, in column order.
const INSTANTS: usize = 4;

/// Builds the columns of [`run_fields`].
pub(super) struct RunsBuilder {
    dimensions: [StringViewBuilder; RUN_DIMENSIONS.len()],
    instants: [TimestampMicrosecondBuilder; INSTANTS],
    facts: [StringViewBuilder; RUN_FACTS.len()],
    counts: [Int64Builder; RUN_COUNTS.len()],
    codes: BinaryViewBuilder,
    offsets: BinaryViewBuilder,
    /// The offsets of one run, as numbers and as bytes.
    offsets_of_run: Vec<i64>,
    written: Vec<u8>,
}

impl RunsBuilder {
    pub(super) fn new(runs: usize) -> Self {
        let text = || StringViewBuilder::with_capacity(runs).with_deduplicate_strings();
        Self {
            dimensions: std::array::from_fn(|_| text()),
            instants: std::array::from_fn(|_| {
                TimestampMicrosecondBuilder::with_capacity(runs).with_timezone("UTC")
            }),
            facts: std::array::from_fn(|_| text()),
            counts: std::array::from_fn(|_| Int64Builder::with_capacity(runs)),
            codes: BinaryViewBuilder::with_capacity(runs).with_deduplicate_strings(),
            offsets: BinaryViewBuilder::with_capacity(runs),
            offsets_of_run: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Folds one run. `events` are sorted by time and id.
    pub(super) fn push(&mut self, events: &[Packed], from: &PackedEvents, courses: &mut Courses) {
        for (builder, number) in self.dimensions.iter_mut().zip(first_known(events, from)) {
            builder.append_option(from.texts.get(number));
        }
        let Folded { of_course: run, codes, instants, duplicates, times } = courses.fold(events, from);
        for (builder, at_ms) in self.instants.iter_mut().zip(instants) {
            builder.append_option(at_ms.map(|at_ms| at_ms.saturating_mul(1_000)));
        }
        for (builder, fact) in self.facts.iter_mut().zip(facts(run)) {
            builder.append_option(fact);
        }
        for (builder, count) in self.counts.iter_mut().zip(counts(run, duplicates)) {
            builder.append_value(count);
        }
        self.codes.append_value(codes);
        self.written.clear();
        self.offsets_of_run.clear();
        self.offsets_of_run.extend(times.offsets());
        write_offsets(&self.offsets_of_run, &mut self.written);
        self.offsets.append_value(&self.written);
    }

    /// The columns; codes of paths point into `tokens`.
    pub(super) fn finish(mut self, tokens: &str) -> DataFusionResult<Vec<ArrayRef>> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        columns.extend(self.dimensions.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend(self.instants.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend(self.facts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend(self.counts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let codes: ArrayRef = Arc::new(self.codes.finish());
        columns.push(Arc::new(one_list(&codes, tokens).map_err(external)?));
        columns.push(Arc::new(self.offsets.finish()));
        Ok(columns)
    }
}

/// For each dimension the first value that an event of the run carries.
fn first_known(events: &[Packed], from: &PackedEvents) -> Dimensions {
    let mut first = [NONE; RUN_DIMENSIONS.len()];
    let mut seen = NONE;
    for event in events {
        if event.dimensions == seen {
            continue;
        }
        seen = event.dimensions;
        for (first, &number) in first.iter_mut().zip(from.dimensions.get(seen).into_iter().flatten()) {
            if *first == NONE {
                *first = number;
            }
        }
    }
    first
}

/// An event with its texts.
pub(super) fn event_of<'a>(event: &Packed, from: &'a PackedEvents) -> RunEvent<'a> {
    let shape = from.shape_of(event.shape);
    let text = |index: usize| {
        let number = shape.and_then(|shape| shape.texts.get(index).copied());
        from.texts.get(number.unwrap_or(NONE))
    };
    RunEvent {
        id: u128::from(event.id[0]) << 64 | u128::from(event.id[1]),
        at_ms: event.at_ms,
        role: from.role(event.shape),
        activity: text(0).unwrap_or_default(),
        step_id: text(1),
        outcome: text(2),
        error_code: text(3),
        error_category: text(4),
        error_message: text(5),
        connection_id: text(6),
        journey_id: from.texts.get(from.journey_of(event)),
        http_status: shape.and_then(|shape| shape.http_status),
        marks: event.marks,
    }
}

/// The values of [`RUN_FACTS`].
fn facts(run: &Run) -> [Option<&str>; RUN_FACTS.len()] {
    let terminal = match run.terminal {
        Terminal::Succeeded => Some("succeeded"),
        Terminal::Failed => Some("failed"),
        Terminal::None => None,
    };
    [
        terminal,
        run.failing_step.as_deref(),
        run.error_code.as_deref(),
        run.error_category.as_deref(),
        run.error_message.as_deref(),
        run.connection_id.as_deref(),
        run.last_step.as_deref(),
    ]
}

/// The values of [`RUN_COUNTS`].
fn counts(run: &Run, duplicates: i64) -> [i64; RUN_COUNTS.len()] {
    [
        run.events,
        duplicates,
        run.steps_started,
        run.steps_completed,
        run.steps_failed,
        run.retries,
        run.external_calls,
        run.external_failures,
    ]
}
