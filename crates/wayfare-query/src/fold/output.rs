//! Folded runs as columns.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryViewBuilder, Int64Array, StringViewArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result as DataFusionResult;
use wayfare_ingest::columns::{RUN_COUNTS, RUN_DIMENSIONS, RUN_FACTS, invocations_file_schema};

use super::courses::{Courses, Folded};
use super::intern::{NONE, Texts};
use super::vocabulary::{Dimensions, Packed, Vocabulary};
use crate::functions::{external, one_list, path_type};
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

/// Columns of texts of a run: those before the instants, and those behind.
const TEXTS_OF_RUN: usize = RUN_DIMENSIONS.len() + RUN_FACTS.len();

/// Builds the columns of [`run_fields`].
#[derive(Debug, Default)]
pub(super) struct RunsBuilder {
    /// The number of each text.
    texts: [Vec<u32>; TEXTS_OF_RUN],
    instants: [Vec<Option<i64>>; INSTANTS],
    counts: [Vec<i64>; RUN_COUNTS.len()],
    codes: BinaryViewBuilder,
    offsets: BinaryViewBuilder,
    /// The offsets of one run, as numbers and as bytes.
    offsets_of_run: Vec<i64>,
    written: Vec<u8>,
}

impl RunsBuilder {
    /// Folds one run, whose events come in pieces.
    pub(super) fn push<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [Packed]>,
        vocabulary: &mut Vocabulary,
        courses: &mut Courses,
    ) {
        let dimensions = first_known(courses.gather(pieces), vocabulary);
        let Folded { course, instants, duplicates, times } = courses.fold(vocabulary);
        for (numbers, number) in self.texts.iter_mut().zip(dimensions.into_iter().chain(course.facts)) {
            numbers.push(number);
        }
        for (column, at_ms) in self.instants.iter_mut().zip(instants) {
            column.push(at_ms.map(|at_ms| at_ms.saturating_mul(1_000)));
        }
        let [events, own_duplicates, others @ ..] = course.counts;
        let counts = [events, own_duplicates + duplicates].into_iter().chain(others);
        for (column, count) in self.counts.iter_mut().zip(counts) {
            column.push(count);
        }
        self.codes.append_value(&course.codes);
        self.written.clear();
        self.offsets_of_run.clear();
        self.offsets_of_run.extend(times.offsets());
        write_offsets(&self.offsets_of_run, &mut self.written);
        self.offsets.append_value(&self.written);
    }

    /// The columns; codes of paths point into `tokens`.
    pub(super) fn finish(mut self, tokens: &str, texts: &Texts) -> DataFusionResult<Vec<ArrayRef>> {
        let (dimensions, facts) = self.texts.split_at(RUN_DIMENSIONS.len());
        let mut chosen = Chosen::of(texts);
        let mut columns: Vec<ArrayRef> = Vec::new();
        let dimensions: Vec<UInt32Array> = dimensions.iter().map(|numbers| chosen.places(numbers)).collect();
        let facts: Vec<UInt32Array> = facts.iter().map(|numbers| chosen.places(numbers)).collect();
        let chosen = chosen.texts();
        for places in &dimensions {
            columns.push(take(&chosen, places, None)?);
        }
        columns.extend(self.instants.map(|instants| {
            Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC")) as ArrayRef
        }));
        for places in &facts {
            columns.push(take(&chosen, places, None)?);
        }
        columns.extend(self.counts.map(|counts| Arc::new(Int64Array::from(counts)) as ArrayRef));
        let codes: ArrayRef = Arc::new(self.codes.finish());
        columns.push(Arc::new(one_list(&codes, tokens).map_err(external)?));
        columns.push(Arc::new(self.offsets.finish()));
        Ok(columns)
    }
}

/// The texts that some runs have, each once.
struct Chosen<'a> {
    texts: &'a Texts,
    /// For each text its place among the chosen ones.
    places: Vec<u32>,
    numbers: Vec<u32>,
}

impl<'a> Chosen<'a> {
    fn of(texts: &'a Texts) -> Self {
        Self { texts, places: vec![NONE; texts.len()], numbers: Vec::new() }
    }

    /// Chooses texts by number, and gives their places.
    fn places(&mut self, numbers: &[u32]) -> UInt32Array {
        let Self { places, numbers: chosen, .. } = self;
        let place = |&number: &u32| {
            let place = places.get_mut(number as usize)?;
            if *place == NONE {
                *place = u32::try_from(chosen.len()).ok()?;
                chosen.push(number);
            }
            Some(*place)
        };
        numbers.iter().map(place).collect()
    }

    fn texts(self) -> ArrayRef {
        Arc::new(self.numbers.iter().map(|&number| self.texts.get(number)).collect::<StringViewArray>())
    }
}

/// For each dimension the first value that an event of the run carries.
fn first_known(events: &[Packed], vocabulary: &Vocabulary) -> Dimensions {
    let mut first = [NONE; RUN_DIMENSIONS.len()];
    let mut seen = NONE;
    for event in events {
        if event.dimensions == seen {
            continue;
        }
        seen = event.dimensions;
        for (first, &number) in first.iter_mut().zip(vocabulary.dimensions(seen)) {
            if *first == NONE {
                *first = number;
            }
        }
    }
    first
}
