//! Events of many runs, packed: about 48 bytes each, and what they share once.

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, Int64Array, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType, UInt64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use wayfare_ingest::columns::RUN_DIMENSIONS;
use wayfare_ingest::{Role, role_of};

use super::courses::Courses;
use super::intern::{Interned, NONE, Texts};
use super::output::RunsBuilder;
use super::{EVENT_TEXTS, LEADING, TEXTS};
use crate::keyed::{Keyed, is_one, texts_of};

/// What events of one kind have in common: text numbers and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) texts: [u32; EVENT_TEXTS.len()],
    pub(super) http_status: Option<i64>,
}

/// Text numbers of the dimensions that an event carries.
pub(super) type Dimensions = [u32; RUN_DIMENSIONS.len()];

/// One event: what is its own, and the numbers of what it shares with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) id: [u64; 2],
    pub(super) at_ms: i64,
    pub(super) marks: u64,
    run: u32,
    pub(super) shape: u32,
    pub(super) dimensions: u32,
}

/// The events of runs that are not whole yet.
#[derive(Debug, Default)]
pub(super) struct PackedEvents {
    pub(super) texts: Texts,
    shapes: Interned<Shape>,
    roles: Vec<Role>,
    pub(super) dimensions: Interned<Dimensions>,
    courses: Courses,
    events: Vec<Packed>,
    /// Room for the events of runs that are folded.
    spare: Vec<Packed>,
    runs: usize,
    /// For each column of texts those that rows had keys into last.
    known: [Known; TEXTS],
}

/// The columns of one batch.
struct Columns<'a> {
    ids: &'a BinaryViewArray,
    times: &'a TimestampMicrosecondArray,
    statuses: &'a Int64Array,
    texts: &'a [ArrayRef],
    marks: &'a UInt64Array,
}

impl<'a> Columns<'a> {
    fn of(columns: &'a [ArrayRef]) -> DataFusionResult<Self> {
        let [ids, times, statuses, texts @ .., marks] = columns else {
            return Err(exec_datafusion_err!("the fold: expected {} columns", LEADING.len() + TEXTS + 1));
        };
        Ok(Self {
            ids: ids.as_binary_view(),
            times: times.as_primitive::<TimestampMicrosecondType>(),
            statuses: statuses.as_primitive::<Int64Type>(),
            texts,
            marks: marks.as_primitive::<UInt64Type>(),
        })
    }
}

impl PackedEvents {
    /// Adds the events of a batch that are `kept`, all when that is absent; `run_of` has the number of each one's run, of which
    /// there are `runs` by now.
    pub(super) fn add(
        &mut self,
        columns: &[ArrayRef],
        run_of: &[usize],
        kept: Option<&[bool]>,
        runs: usize,
    ) -> DataFusionResult<()> {
        self.runs = runs;
        let columns = Columns::of(columns)?;
        let Self { texts, known, .. } = self;
        let columns_and_known = columns.texts.iter().zip(known);
        let numbers = columns_and_known
            .map(|(column, known)| known.numbers_of(column, texts))
            .collect::<DataFusionResult<Vec<Vec<u32>>>>()?;
        self.events.reserve(run_of.len());
        // Events of one run, which lie together, mostly have the same dimensions.
        let mut last: Option<(Dimensions, u32)> = None;
        let is_kept = |row: usize| kept.is_none_or(|kept| kept.get(row) == Some(&true));
        for (row, &run) in run_of.iter().enumerate().filter(|&(row, _)| is_kept(row)) {
            // A column of nulls has no numbers at all.
            let text =
                |index: usize| numbers.get(index).and_then(|column| column.get(row)).copied().unwrap_or(NONE);
            let status = columns.statuses;
            let shape = Shape {
                texts: std::array::from_fn(text),
                http_status: (!status.is_null(row)).then(|| status.value(row)),
            };
            let dimensions: Dimensions = std::array::from_fn(|index| text(EVENT_TEXTS.len() + index));
            let number = match last {
                Some((same, number)) if same == dimensions => number,
                _ => self.dimensions.number(dimensions),
            };
            last = Some((dimensions, number));
            let run = u32::try_from(run)
                .map_err(|_large| exec_datafusion_err!("the fold: too many invocations at once"))?;
            let event = Packed {
                id: id_of(columns.ids.value(row))?,
                at_ms: columns.times.value(row).div_euclid(1_000),
                marks: if columns.marks.is_null(row) { 0 } else { columns.marks.value(row) },
                run,
                shape: self.shape(shape),
                dimensions: number,
            };
            self.events.push(event);
        }
        Ok(())
    }

    /// Folds the first `count` runs, and numbers the others anew: the columns of [`super::run_fields`].
    pub(super) fn fold(&mut self, count: usize) -> DataFusionResult<Vec<ArrayRef>> {
        let events = self.take(count);
        let mut courses = std::mem::take(&mut self.courses);
        courses.begin_batch();
        let mut runs = RunsBuilder::new(count);
        let mut rest = events.as_slice();
        for run in 0..count {
            let length = rest.iter().take_while(|event| event.run as usize == run).count();
            let (of_run, others) = rest.split_at(length);
            runs.push(of_run, self, &mut courses);
            rest = others;
        }
        let runs = runs.finish(courses.tokens());
        self.courses = courses;
        self.spare = events;
        self.spare.clear();
        runs
    }

    /// The number of a shape.
    fn shape(&mut self, shape: Shape) -> u32 {
        let number = self.shapes.number(shape);
        if number as usize == self.roles.len() {
            let activity = shape.texts.first().and_then(|&number| self.texts.get(number));
            self.roles.push(role_of(activity.unwrap_or_default()));
        }
        number
    }

    /// What the events of a shape mean in a run.
    pub(super) fn role(&self, shape: u32) -> Role {
        self.roles.get(shape as usize).copied().unwrap_or_default()
    }

    /// The number of the text that is an event's journey.
    pub(super) fn journey_of(&self, event: &Packed) -> u32 {
        // `journey_id` is the first dimension
        let dimensions = self.dimensions.get(event.dimensions);
        dimensions.and_then(|dimensions| dimensions.first().copied()).unwrap_or(NONE)
    }

    /// A shape by its number.
    pub(super) fn shape_of(&self, number: u32) -> Option<&Shape> {
        self.shapes.get(number)
    }

    /// Takes the events of the first `count` runs, sorted by run, time and id, and renumbers the rest.
    fn take(&mut self, count: usize) -> Vec<Packed> {
        let mut taken = std::mem::replace(&mut self.events, std::mem::take(&mut self.spare));
        if count < self.runs {
            self.events.extend(taken.extract_if(.., |event| event.run as usize >= count));
            let shift = u32::try_from(count).unwrap_or(u32::MAX);
            for event in &mut self.events {
                event.run -= shift;
            }
        }
        self.runs = self.runs.saturating_sub(count);
        if !taken.is_sorted_by_key(|event| event.run) {
            taken.sort_by_key(|event| event.run);
        }
        // Files are sorted, so most runs are in order but for events of one instant.
        for run in taken.chunk_by_mut(|left, right| left.run == right.run) {
            run.sort_unstable_by_key(|event| (event.at_ms, event.id));
        }
        taken
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        (self.events.capacity() + self.spare.capacity()) * size_of::<Packed>()
            + self.texts.size()
            + self.shapes.size()
            + self.roles.capacity()
            + self.dimensions.size()
            + self.courses.size()
            + self.known.iter().map(|known| known.numbers.capacity() * size_of::<u32>()).sum::<usize>()
    }
}

/// The number of a text that no row has had yet.
const UNSEEN: u32 = NONE - 1;

/// The distinct texts of a column in a row group, and for each its number among [`Texts`].
#[derive(Debug, Default)]
struct Known {
    texts: Option<StringArray>,
    numbers: Vec<u32>,
}

impl Known {
    /// The numbers of a column's texts, row by row; nothing for a column of nulls. An empty text is none.
    fn numbers_of(&mut self, column: &ArrayRef, texts: &mut Texts) -> DataFusionResult<Vec<u32>> {
        if column.null_count() == column.len() {
            return Ok(Vec::new());
        }
        if let Some(views) = column.as_string_view_opt() {
            return Ok(numbers_of_views(views, texts));
        }
        let keyed = column.as_dictionary_opt();
        keyed
            .and_then(|keyed| Some(self.numbers_of_keys(keyed, texts_of(keyed)?, texts)))
            .ok_or_else(|| exec_datafusion_err!("the fold: expected texts, saw {}", column.data_type()))
    }

    /// The same for a column of keys. A text is looked at once in a row group.
    fn numbers_of_keys(&mut self, column: &Keyed, own: &StringArray, texts: &mut Texts) -> Vec<u32> {
        if !self.texts.as_ref().is_some_and(|known| is_one(known, own)) {
            self.texts = Some(own.clone());
            self.numbers.clear();
            self.numbers.resize(own.len(), UNSEEN);
        }
        let mut number = |key: u32| match self.numbers.get_mut(key as usize) {
            Some(number) => {
                if *number == UNSEEN {
                    *number = number_of(own.value(key as usize), texts);
                }
                *number
            }
            None => NONE,
        };
        match column.keys().nulls() {
            None => column.keys().values().iter().map(|&key| number(key)).collect(),
            Some(_) => column.keys().iter().map(|key| key.map_or(NONE, &mut number)).collect(),
        }
    }
}

/// The same for a column without a dictionary, whose texts mostly come again in the next row.
fn numbers_of_views(column: &StringViewArray, texts: &mut Texts) -> Vec<u32> {
    let mut last = ("", NONE);
    let mut numbers = Vec::with_capacity(column.len());
    for text in column.iter().map(Option::unwrap_or_default) {
        if text != last.0 {
            last = (text, number_of(text, texts));
        }
        numbers.push(last.1);
    }
    numbers
}

fn number_of(text: &str, texts: &mut Texts) -> u32 {
    if text.is_empty() { NONE } else { texts.number(text) }
}

fn id_of(bytes: &[u8]) -> DataFusionResult<[u64; 2]> {
    let id: [u8; 16] =
        bytes.try_into().map_err(|_odd| exec_datafusion_err!("the fold: expected event ids of 16 bytes"))?;
    let id = u128::from_be_bytes(id);
    Ok([
        u64::try_from(id >> 64).unwrap_or_default(),
        u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default(),
    ])
}
