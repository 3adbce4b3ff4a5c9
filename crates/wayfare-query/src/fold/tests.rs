//! The fold by segments against a fold of all events at once, over events in any files, streams and batches.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow::compute::{cast, concat_batches, filter_record_batch, is_not_null};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt8Type};
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};
use proptest::prelude::*;
use wayfare_ingest::columns::RUN_DIMENSIONS;

use super::folder::Folder;
use super::gathered::Gathered;
use super::packer::Packer;
use super::segments::{RunHasher, Scattered, Survey};
use super::vocabulary::Vocabulary;
use super::worker::{Asides, Pass, Worker};
use super::{EVENT_TEXTS, FoldTable, KEYS, LEADING, Side, run_fields};
use crate::functions::{Paths, path_text};
use crate::keyed::{Keyed, keyed_type};
use crate::timeline::Lexicon;

/// One event: tenant, run, second, activity and step by their places, file.
type Event = (usize, u32, i64, usize, usize, u32);

/// The number of an event that belongs to no run.
const NO_RUN: u32 = 9_999;

const TENANTS: [Option<&str>; 3] = [None, Some("a"), Some("b")];
const ACTIVITIES: [&str; 4] =
    ["Journey started", "Step started", "Step completed", "Journey completed successfully"];
const STEPS: [Option<&str>; 3] = [None, Some("form"), Some("code")];

/// The events of a batch; runs that begin in the files of `wanted` are wanted.
fn batch(events: &[(usize, Event)], wanted: &Range<u32>) -> RecordBatch {
    let text = |pick: &dyn Fn(&Event) -> Option<String>| -> ArrayRef {
        let texts: StringArray = events.iter().map(|(_, event)| pick(event)).collect();
        cast(&texts, &keyed_type()).unwrap()
    };
    let times = events.iter().map(|(_, event)| Some(event.2 * 1_000_000));
    let times: TimestampMicrosecondArray = times.collect();
    let ids: Vec<[u8; 16]> = events.iter().map(|(id, _)| (*id as u128).to_be_bytes()).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (KEYS[0], text(&|event| TENANTS[event.0].map(str::to_owned))),
        (KEYS[1], text(&|event| (event.1 != NO_RUN).then(|| format!("run {}", event.1)))),
        (KEYS[2], Arc::new(events.iter().map(|(_, event)| Some(event.5)).collect::<UInt32Array>())),
        (
            KEYS[3],
            Arc::new(events.iter().map(|(_, event)| side(event.5, wanted) as u8).collect::<UInt8Array>()),
        ),
        (LEADING[0], Arc::new(BinaryViewArray::from_iter_values(&ids))),
        (LEADING[1], Arc::new(times.with_timezone("UTC"))),
        (LEADING[2], Arc::new(Int64Array::new_null(events.len()))),
    ];
    for name in EVENT_TEXTS.iter().chain(&RUN_DIMENSIONS) {
        let column = match *name {
            "activity" => text(&|event| Some(ACTIVITIES[event.3].to_owned())),
            "step_id" => text(&|event| STEPS[event.4].map(str::to_owned)),
            "platform" => text(&|event| (event.3 % 2 == 0).then(|| format!("platform {}", event.4))),
            "user_id" => {
                let users = text(&|event| (event.4 > 0).then(|| format!("user {} of many", event.3)));
                cast(&users, &DataType::Utf8View).unwrap()
            }
            _ => text(&|_| None),
        };
        columns.push((name, column));
    }
    columns.push(("marks", Arc::new(UInt64Array::from(vec![0; events.len()]))));
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            Field::new(*name, column.data_type().clone(), ![KEYS[2], KEYS[3]].contains(name))
        })
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn side(file: u32, wanted: &Range<u32>) -> Side {
    if file < wanted.start {
        return Side::Before;
    }
    if file < wanted.end { Side::Wanted } else { Side::Behind }
}

/// The files as streams of batches: each file in order of its runs and times, as the store has them, or as they came.
fn streams(
    events: &[Event],
    streams: usize,
    rows: usize,
    sorted: bool,
    wanted: &Range<u32>,
) -> Vec<Vec<RecordBatch>> {
    let mut all: Vec<(usize, Event)> = events.iter().copied().enumerate().collect();
    all.sort_by_key(|(id, event)| {
        (event.5, if sorted { (event.0, event.1, event.2) } else { (0, 0, 0) }, *id)
    });
    let mut streams = vec![Vec::new(); streams];
    let count = streams.len();
    for file in all.chunk_by(|left, right| left.1.5 == right.1.5) {
        streams[file[0].1.5 as usize % count].extend(file.chunks(rows).map(|events| batch(events, wanted)));
    }
    streams
}

async fn sorted_text(runs: Vec<RecordBatch>) -> String {
    let runs = SessionContext::new().read_batches(runs).unwrap();
    // the same token has another place in another list
    let runs = runs.with_column("path", path_text().call(vec![col("path")])).unwrap();
    let sorted = runs.sort_by(vec![col(KEYS[0]), col(KEYS[1])]).unwrap().collect().await.unwrap();
    pretty_format_batches(&sorted).unwrap().to_string()
}

/// The runs of all events at once, but for those without an event in a file of wanted ones or with one before.
fn at_once(streams: &[Vec<RecordBatch>], schema: &SchemaRef) -> RecordBatch {
    let (mut numbers, mut gathered) = (HashMap::new(), Gathered::default());
    let (mut packer, mut folder) = (Packer::default(), Folder::default());
    let (mut wanted, mut before) = (Vec::new(), Vec::new());
    for batch in streams.iter().flatten() {
        let batch = filter_record_batch(batch, &is_not_null(batch.column(1)).unwrap()).unwrap();
        let [tenants, runs] = [0, 1].map(|column| cast(batch.column(column), &DataType::Utf8View).unwrap());
        let (tenants, runs) = (tenants.as_string_view(), runs.as_string_view());
        let key = |row| {
            ((!tenants.is_null(row)).then(|| tenants.value(row).to_owned()), runs.value(row).to_owned())
        };
        let columns = &batch.columns()[KEYS.len()..];
        let events = packer.look_at(columns).unwrap();
        for (row, side) in batch.column(3).as_primitive::<UInt8Type>().values().iter().enumerate() {
            let (tenant, run) = key(row);
            let (tenant, run) = (tenant.map(String::into_boxed_str), run.into_boxed_str());
            let new = || gathered.begin((tenant.clone(), run.clone()));
            let run = *numbers.entry(key(row)).or_insert_with(new);
            wanted.resize(gathered.runs(), false);
            before.resize(gathered.runs(), false);
            wanted[run] |= *side == Side::Wanted as u8;
            before[run] |= *side == Side::Before as u8;
            let pack =
                |packed: &mut Vec<_>| packer.pack(&events, row..row + 1, &mut folder.vocabulary, packed);
            gathered.add(run, pack).unwrap();
        }
    }
    let runs = folder.fold(&mut gathered, schema, |run| wanted[run] && !before[run]).unwrap();
    concat_batches(schema, &runs).unwrap()
}

fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut columns = vec![Arc::new(text(KEYS[0])), Arc::new(text(KEYS[1]))];
    columns.extend(run_fields().iter().cloned());
    Arc::new(Schema::new(columns))
}

/// The runs of all events at once, and by segments in so much memory.
async fn both(streams: Vec<Vec<RecordBatch>>, memory_bytes: usize) -> (String, String) {
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(memory_bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    let context = SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(2), runtime);
    let schema = schema();
    let expected = at_once(&streams, &schema);
    let of_events = streams.iter().flatten().next().unwrap().schema();
    let events = Arc::new(MemTable::try_new(of_events, streams).unwrap());
    let keys = context.read_table(Arc::<MemTable>::clone(&events)).unwrap().select_columns(&KEYS).unwrap();
    let all = context.read_table(events).unwrap();
    let all = all.filter(col(KEYS[3]).not_eq(lit(Side::Before as u8))).unwrap();
    let table = FoldTable::new(keys.logical_plan().clone(), all.logical_plan().clone(), schema);
    let mut found = context.read_table(Arc::new(table)).unwrap().collect().await.unwrap();
    // nothing wanted, nothing found
    found.push(RecordBatch::new_empty(expected.schema()));
    (sorted_text(vec![expected]).await, sorted_text(found).await)
}

fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_fold_by_segments_is_that_of_all_events_at_once(
        events in proptest::collection::vec(
            (0..TENANTS.len(), prop_oneof![8 => 0_u32..8, 1 => Just(NO_RUN)], 0_i64..9, 0..ACTIVITIES.len(), 0..STEPS.len(), 0_u32..5), 1..120,
        ),
        count in 1_usize..4,
        rows in 1_usize..40,
        sorted in any::<bool>(),
        (before, wanted) in (prop_oneof![3 => Just(0_u32), 1 => 1_u32..4], 0_u32..6),
    ) {
        let streams = streams(&events, count, rows, sorted, &(before..before + wanted));
        let (expected, found) = in_runtime(both(streams, usize::MAX));
        prop_assert_eq!(expected, found);
    }
}

/// Runs that lie in all files need passes where memory is short, and are whole all the same.
#[test]
fn scattered_runs_are_folded_in_passes_where_memory_is_short() {
    let events: Vec<Event> = (0..40_000_u32)
        .map(|index| {
            (0, index % 2_000, i64::from(index / 2_000), index as usize % 4, index as usize % 3, index % 7)
        })
        .collect();
    // Half of it holds a sixth of the events.
    let (expected, found) = in_runtime(both(streams(&events, 3, 1_000, true, &(0..7)), 1_300_000));
    assert_eq!(found.lines().count(), 2_000 + 4);
    assert!(expected == found, "other runs in passes");
}

/// A scattered run that is whole is not lost where a worker forgets what it has learnt.
#[test]
fn scattered_runs_outlast_what_a_worker_forgets() {
    let mut events: Vec<Event> = vec![(0, 0, 0, 0, 0, 0), (0, 0, 1, 1, 0, 1)];
    let many = |number: usize| (0, u32::try_from(number).unwrap() + 1, 0, number % 4, number / 4 % 3, 2);
    events.extend((0..24).map(many));
    events.push((0, 99, 0, 0, 0, 3));
    let streams = streams(&events, 1, 40, true, &(0..4));
    let hasher = RunHasher::default();
    let mut survey = Survey::new(hasher.clone());
    streams[0].iter().for_each(|batch| survey.add(batch).unwrap());
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(usize::MAX));
    let memory = || MemoryConsumer::new("fold").register(&pool);
    let asides = Arc::new(Asides::new(1, memory));
    let (scattered, pass) = (Arc::new(Scattered::of(vec![survey])), Pass { number: 0, passes: 1 });
    let mut worker = Worker::new(schema(), hasher, scattered, pass, Arc::clone(&asides), memory());
    let mut found = Vec::new();
    let mut forgot = false;
    for batch in &streams[0] {
        forgot |= worker.is_full();
        found.extend(worker.take(batch).unwrap());
    }
    found.extend(worker.finish().unwrap());
    for aside in Arc::into_inner(asides).unwrap().into_parts() {
        found.extend(aside.finish(&schema()).unwrap());
    }
    assert!(forgot, "too few texts to forget");
    let runs: usize = found.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(runs, 26);
}

/// The same activities make another path where their marks or the names of their sub-journeys are others.
#[test]
fn marks_and_sub_journeys_are_part_of_a_course() {
    let keyed = |texts: [&str; 4]| cast(&StringArray::from(texts.to_vec()), &keyed_type()).unwrap();
    let events = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(run, second)| (0, run, second, 0, 0, 0));
    let events: Vec<(usize, Event)> = events.into_iter().enumerate().collect();
    let paths = |marks: [u64; 4], journeys: [&str; 4]| {
        let mut columns = batch(&events, &(0..1)).columns()[KEYS.len()..].to_vec();
        columns[LEADING.len()] = keyed(["sub_journey_started"; 4]);
        columns[LEADING.len() + EVENT_TEXTS.len()] = keyed(journeys);
        *columns.last_mut().unwrap() = Arc::new(UInt64Array::from(marks.to_vec()));
        let (mut packer, mut gathered) = (Packer::default(), Gathered::default());
        let mut folder = Folder::default();
        let events = packer.look_at(&columns).unwrap();
        for run in ["0", "1"] {
            let run = gathered.begin((None, run.into()));
            let rows = 2 * run..2 * run + 2;
            let pack = |packed: &mut Vec<_>| packer.pack(&events, rows, &mut folder.vocabulary, packed);
            gathered.add(run, pack).unwrap();
        }
        let folded = folder.fold(&mut gathered, &schema(), |_| true).unwrap().remove(0);
        let mut lexicon = Lexicon::default();
        let paths = Paths::of(folded.column_by_name("path").unwrap(), &mut lexicon).unwrap();
        [0, 1].map(|row| {
            let mut text = String::new();
            lexicon.write(paths.at(row), &mut text).unwrap();
            text
        })
    };
    assert_eq!(paths([0; 4], ["a"; 4]), ["(a;(a", "(a;(a"]);
    assert_eq!(paths([0, 0, 0, 2], ["a"; 4]), ["(a;(a", "(a;(a#2"]);
    assert_eq!(paths([0; 4], ["a", "a", "b", "a"]), ["(a;(a", "(b;(a"]);
}

/// A batch of random texts by column, and a status: each text by its place among `WORDS`.
type Row = (Vec<usize>, Option<i64>);

const WORDS: [Option<&str>; 6] =
    [None, Some(""), Some("a"), Some("b"), Some("a longer text than views hold"), Some("c")];

/// The columns of some rows without keys; texts are keys into all words, or into those that occur.
fn texts_and_statuses(rows: &[Row], shared: &StringArray) -> Vec<ArrayRef> {
    let ids: Vec<[u8; 16]> = (0..rows.len() as u128).map(u128::to_be_bytes).collect();
    let times: TimestampMicrosecondArray = rows.iter().map(|_| Some(0)).collect();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(BinaryViewArray::from_iter_values(&ids)),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(rows.iter().map(|(_, status)| *status).collect::<Int64Array>()),
    ];
    for (index, name) in EVENT_TEXTS.iter().chain(&RUN_DIMENSIONS).enumerate() {
        let words = rows.iter().map(|(words, _)| words[index]);
        if *name == "user_id" {
            let texts: StringArray = words.map(|word| WORDS[word]).collect();
            columns.push(cast(&texts, &DataType::Utf8View).unwrap());
            continue;
        }
        // keys of nulls are anything
        let nulls: Vec<bool> = words.clone().map(|word| word > 0).collect();
        let keys: Vec<u32> = words.map(|word| u32::try_from(word).unwrap()).collect();
        let keys = UInt32Array::try_new(keys.into(), Some(nulls.into())).unwrap();
        columns.push(Arc::new(Keyed::try_new(keys, Arc::new(shared.clone())).unwrap()));
    }
    columns.push(Arc::new(UInt64Array::from(vec![0; rows.len()])));
    columns
}

proptest! {
    #[test]
    fn packed_events_say_what_their_rows_say(
        batches in proptest::collection::vec(
            proptest::collection::vec(
                (
                    proptest::collection::vec(0..WORDS.len(), EVENT_TEXTS.len() + RUN_DIMENSIONS.len()),
                    proptest::option::of(prop_oneof![Just(200_i64), Just(-1), Just(i64::MAX), 400..600_i64]),
                ),
                1..12,
            ),
            1..5,
        ),
        new_texts in proptest::collection::vec(any::<bool>(), 5),
    ) {
        // the first word is never looked at
        let words = || StringArray::from_iter_values(WORDS.map(|word| word.unwrap_or("not there")));
        let (mut packer, mut vocabulary) = (Packer::default(), Vocabulary::default());
        let mut shared = words();
        for (rows, new_texts) in batches.iter().zip(new_texts) {
            if new_texts {
                shared = words();
            }
            let columns = texts_and_statuses(rows, &shared);
            let mut packed = Vec::new();
            let batch = packer.look_at(&columns).unwrap();
            packer.pack(&batch, 0..rows.len(), &mut vocabulary, &mut packed).unwrap();
            for (event, (words, status)) in packed.iter().zip(rows) {
                let text = |index: usize| WORDS[words[index]].filter(|word| !word.is_empty());
                let read = vocabulary.event(event);
                let texts = [
                    Some(read.activity).filter(|text| !text.is_empty()),
                    read.step_id,
                    read.outcome,
                    read.error_code,
                    read.error_category,
                    read.error_message,
                    read.connection_id,
                ];
                prop_assert_eq!(texts.to_vec(), (0..EVENT_TEXTS.len()).map(text).collect::<Vec<_>>());
                prop_assert_eq!(read.http_status, *status);
                let dimensions = vocabulary.dimensions(event.dimensions).iter();
                let dimensions: Vec<_> = dimensions.map(|number| vocabulary.texts.get(*number)).collect();
                let expected = (EVENT_TEXTS.len()..words.len()).map(text).collect::<Vec<_>>();
                prop_assert_eq!(dimensions, expected);
            }
        }
    }
}
