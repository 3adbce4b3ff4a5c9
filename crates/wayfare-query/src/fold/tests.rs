//! The fold by segments against the aggregate function, over events in any files, streams and batches.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, BinaryViewArray, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use wayfare_ingest::columns::RUN_DIMENSIONS;

use super::{EVENT_TEXTS, FoldTable, KEYS, LEADING, fold_run, run_fields};

/// One event: tenant, run, second, activity and step by their places, file.
type Event = (usize, u32, i64, usize, usize, u32);

const TENANTS: [Option<&str>; 3] = [None, Some("a"), Some("b")];
const ACTIVITIES: [&str; 4] =
    ["Journey started", "Step started", "Step completed", "Journey completed successfully"];
const STEPS: [Option<&str>; 3] = [None, Some("form"), Some("code")];

fn batch(events: &[(usize, Event)]) -> RecordBatch {
    let text = |pick: &dyn Fn(&Event) -> Option<String>| -> ArrayRef {
        Arc::new(events.iter().map(|(_, event)| pick(event)).collect::<StringViewArray>())
    };
    let times = events.iter().map(|(_, event)| Some(event.2 * 1_000_000));
    let times: TimestampMicrosecondArray = times.collect();
    let ids: Vec<[u8; 16]> = events.iter().map(|(id, _)| (*id as u128).to_be_bytes()).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (KEYS[0], text(&|event| TENANTS[event.0].map(str::to_owned))),
        (KEYS[1], text(&|event| Some(format!("run {}", event.1)))),
        (KEYS[2], Arc::new(events.iter().map(|(_, event)| Some(event.5)).collect::<UInt32Array>())),
        (LEADING[0], Arc::new(BinaryViewArray::from_iter_values(&ids))),
        (LEADING[1], Arc::new(times.with_timezone("UTC"))),
        (LEADING[2], Arc::new(Int64Array::new_null(events.len()))),
    ];
    for name in EVENT_TEXTS.iter().chain(&RUN_DIMENSIONS) {
        let column = match *name {
            "activity" => text(&|event| Some(ACTIVITIES[event.3].to_owned())),
            "step_id" => text(&|event| STEPS[event.4].map(str::to_owned)),
            "platform" => text(&|event| (event.3 % 2 == 0).then(|| format!("platform {}", event.4))),
            _ => text(&|_| None),
        };
        columns.push((name, column));
    }
    columns.push(("marks", Arc::new(UInt64Array::from(vec![0; events.len()]))));
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), *name != KEYS[2]))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The files as streams of batches: each file in order of its runs and times, as the store has them, or as they came.
fn streams(events: &[Event], streams: usize, rows: usize, sorted: bool) -> Vec<Vec<RecordBatch>> {
    let mut all: Vec<(usize, Event)> = events.iter().copied().enumerate().collect();
    all.sort_by_key(|(id, event)| {
        (event.5, if sorted { (event.0, event.1, event.2) } else { (0, 0, 0) }, *id)
    });
    let mut streams = vec![Vec::new(); streams];
    let count = streams.len();
    for file in all.chunk_by(|left, right| left.1.5 == right.1.5) {
        streams[file[0].1.5 as usize % count].extend(file.chunks(rows).map(batch));
    }
    streams
}

async fn sorted_text(context: &SessionContext, query: &str) -> String {
    let rows = context.sql(query).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&rows).unwrap().to_string()
}

/// The runs by the aggregate function, and by segments in so much memory.
async fn both(streams: Vec<Vec<RecordBatch>>, memory_bytes: usize) -> (String, String) {
    let context_of = |memory_bytes| {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(memory_bytes));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
        SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(2), runtime)
    };
    let (roomy, context) = (context_of(usize::MAX), context_of(memory_bytes));
    let schema = streams.iter().flatten().next().unwrap().schema();
    let events = Arc::new(MemTable::try_new(schema, streams).unwrap());
    roomy.register_udaf(fold_run());
    roomy.register_table("events", Arc::<MemTable>::clone(&events)).unwrap();
    let arguments: Vec<&str> =
        LEADING.iter().chain(&EVENT_TEXTS).chain(&RUN_DIMENSIONS).copied().chain(["marks"]).collect();
    let fields = run_fields();
    let fields: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let shown: Vec<String> = fields.iter().map(|name| format!("run['{name}'] AS {name}")).collect();
    let aggregate = format!(
        "SELECT tenant_id, invocation_id, {} FROM (SELECT tenant_id, invocation_id, fold_run({}) AS run
         FROM events GROUP BY tenant_id, invocation_id) ORDER BY tenant_id, invocation_id",
        shown.join(", "),
        arguments.join(", ")
    );
    let expected = sorted_text(&roomy, &aggregate).await;

    let keys = context.read_table(Arc::<MemTable>::clone(&events)).unwrap().select_columns(&KEYS).unwrap();
    let all = context.read_table(events).unwrap();
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut columns = vec![Arc::new(text(KEYS[0])), Arc::new(text(KEYS[1]))];
    columns.extend(run_fields().iter().cloned());
    let table = FoldTable::new(
        keys.logical_plan().clone(),
        all.logical_plan().clone(),
        Arc::new(Schema::new(columns)),
    );
    let rows = context.read_table(Arc::new(table)).unwrap().collect().await.unwrap();
    let schema = rows.first().unwrap().schema();
    roomy.register_table("runs", Arc::new(MemTable::try_new(schema, vec![rows]).unwrap())).unwrap();
    let list = format!(
        "SELECT tenant_id, invocation_id, {} FROM runs ORDER BY tenant_id, invocation_id",
        fields.join(", ")
    );
    (expected, sorted_text(&roomy, &list).await)
}

fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_fold_by_segments_is_the_aggregate(
        events in proptest::collection::vec(
            (0..TENANTS.len(), 0_u32..8, 0_i64..9, 0..ACTIVITIES.len(), 0..STEPS.len(), 0_u32..5), 1..120,
        ),
        count in 1_usize..4,
        rows in 1_usize..40,
        sorted in any::<bool>(),
    ) {
        let (expected, found) = in_runtime(both(streams(&events, count, rows, sorted), usize::MAX));
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
    let (expected, found) = in_runtime(both(streams(&events, 3, 1_000, true), 1_300_000));
    assert_eq!(found.lines().count(), 2_000 + 4);
    assert!(expected == found, "other runs in passes");
}
