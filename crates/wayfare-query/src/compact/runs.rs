//! Writes the cache: runs of stale dates, folded once and kept as files of `invocations`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{cast, concat_batches, partition, take, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Schema, SchemaRef, TimestampMicrosecondType};
use chrono::{Days, NaiveDate};
use datafusion::common::runtime::SpawnedTask;
use datafusion::prelude::SessionContext;
use futures::future::try_join;
use futures::stream::FuturesOrdered;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use wayfare_ingest::{
    Commit, DataFile, EncodedFile, Encoder, FileLayout, Lifetime, NewFile, Snapshot, Store,
};

use super::paths::Ranked;
use super::{CompactProgress, CompactStage, CompactSummary};
use crate::cache::{Freshness, LINKS_TAG, appendix};
use crate::error::of_datafusion;
use crate::keyed::keyed_rows;
use crate::runs::{StoreSnapshot, folded};
use crate::{Error, Result};

/// Events of the start dates that are folded together and committed at once, where the journey lifetime allows it.
const FOLD_EVENTS_MAX: u64 = 2_000_000;

/// Start dates folded together: each of them is read again with its neighbours.
const FOLD_DATES_MAX: usize = 7;

/// Folds at the same time, so that no core waits for the end of one; and the events of their start dates, which bounds the
/// memory.
const FOLDS_AT_ONCE_MAX: usize = 3;
const EVENTS_AT_ONCE_MAX: u64 = 6_000_000;

/// Runs of one journey lie together, and among them those that took the same path.
const LAYOUT: FileLayout = FileLayout {
    sorted_by: &["journey_id"],
    ranges_of: &["first_at", "last_at", "journey_id"],
    plain: &["invocation_id"],
    unranked: &["invocation_id", "path", "tokens"],
    filtered: &["invocation_id"],
    packed: &["first_at", "started_at", "last_at", "ended_at"],
    raw: &["offsets"],
    hot: &[
        "journey_id",
        "journey_version",
        "client_id",
        "app_id",
        "platform",
        "os",
        "browser",
        "country",
        "terminal",
        "failing_step",
        "error_code",
        "error_category",
        "connection_id",
        "last_step",
        "events",
        "retries",
        "external_calls",
        "path",
        "tokens",
    ],
    shared: &["tokens"],
    grouped_by: Some("journey_id"),
    ..FileLayout::PLAIN
};

/// Folds all stale dates and commits them.
pub(super) async fn fold_stale(
    store: &Store,
    context: &SessionContext,
    now_ms: i64,
    progress: &CompactProgress,
    summary: &mut CompactSummary,
) -> Result<()> {
    let cache = Cache::of(store, context).await?;
    let stale = cache.fresh.stale_dates();
    let all = cache.fresh.all_dates();
    summary.version = cache.before.version;
    summary.dates_kept = (all.len() - stale.len()) as u64;
    cache.fold(&stale, now_ms, progress, summary).await?;
    // dates whose events are all gone
    let remove = cache.files_where(|date| !date.is_some_and(|date| all.contains(&date)));
    if !remove.is_empty() {
        summary.version = store.invocations().commit(Commit { remove, ..Commit::default() }).await?;
    }
    Ok(())
}

/// Folds the stale dates whose events were all written before an instant, and commits them.
pub(super) async fn fold_settled(
    store: &Store,
    context: &SessionContext,
    written_before_ms: i64,
    now_ms: i64,
    progress: &CompactProgress,
) -> Result<()> {
    let cache = Cache::of(store, context).await?;
    let settled = cache.fresh.settled_dates(written_before_ms);
    let mut summary = CompactSummary { version: cache.before.version, ..CompactSummary::default() };
    cache.fold(&settled, now_ms, progress, &mut summary).await
}

/// The cache that is brought up to date.
struct Cache<'a> {
    store: &'a Store,
    context: &'a SessionContext,
    /// The files of `invocations` as they were.
    before: Snapshot,
    fresh: Freshness,
}

impl<'a> Cache<'a> {
    async fn of(store: &'a Store, context: &'a SessionContext) -> Result<Self> {
        store.invocations().renew().await?;
        let snapshot = StoreSnapshot::of(store).await?;
        let fresh = Freshness::for_compaction(store, context, &snapshot).await?;
        Ok(Self { store, context, before: snapshot.invocations, fresh })
    }

    /// The files as they were whose start date fits.
    fn files_where(&self, fits: impl Fn(Option<NaiveDate>) -> bool) -> Vec<DataFile> {
        let date = |file: &DataFile| file.partition_value("start_date").and_then(|date| date.parse().ok());
        self.before.files.iter().filter(|file| fits(date(file))).cloned().collect()
    }

    /// Folds some stale dates and commits them, a few at a time.
    async fn fold(
        &self,
        stale: &[NaiveDate],
        now_ms: i64,
        progress: &CompactProgress,
        summary: &mut CompactSummary,
    ) -> Result<()> {
        progress(CompactStage::Runs, summary.dates, stale.len() as u64);
        let mut parts = at_once(&self.fresh, stale).into_iter().peekable();
        let mut folding = FuturesOrdered::new();
        let mut ready: Option<FoldedDates<'_>> = None;
        let mut events = 0;
        let events_on =
            |dates: &[NaiveDate]| dates.iter().map(|date| self.fresh.events_on(*date)).sum::<u64>();
        loop {
            let has_room = |dates: &&[NaiveDate]| {
                let fits = events + events_on(dates) <= EVENTS_AT_ONCE_MAX;
                folding.is_empty() || (fits && folding.len() < FOLDS_AT_ONCE_MAX)
            };
            if let Some(dates) = parts.next_if(has_room) {
                events += events_on(dates);
                folding.push_back(self.folded(dates));
                continue;
            }
            // while some dates are written and synced the next ones are folded
            let write = self.write(ready.take(), now_ms, summary);
            ((), ready) = try_join(write, folding.try_next()).await?;
            progress(CompactStage::Runs, summary.dates, stale.len() as u64);
            let Some(FoldedDates { dates, .. }) = &ready else { return Ok(()) };
            events -= events_on(dates);
        }
    }

    /// Folds some dates, on threads of their own once it was asked for.
    async fn folded<'d>(&self, dates: &'d [NaiveDate]) -> Result<FoldedDates<'d>> {
        let failed = |cause| of_datafusion("cannot fold the runs", cause);
        let lifetime = self.store.settings().journey_lifetime;
        let plan = folded(self.context, self.store, &self.fresh, dates, None, &[])?;
        let fold = async move {
            let (mut runs, mut long_runs) = (BTreeMap::new(), 0);
            let mut stream = plan.execute_stream().await.map_err(failed)?;
            while let Some(rows) = stream.try_next().await.map_err(failed)? {
                long_runs += longer_than(lifetime, &rows);
                split(&rows, &mut runs)?;
            }
            Ok::<_, Error>((runs, long_runs))
        };
        let folded = SpawnedTask::spawn(fold).join().await;
        let (runs, long_runs) =
            folded.map_err(|cause| Error::internal("a thread of the fold broke off").because(cause))??;
        Ok(FoldedDates { dates, runs, long_runs })
    }

    /// Writes and commits what was folded, if anything was.
    async fn write(
        &self,
        folded: Option<FoldedDates<'_>>,
        now_ms: i64,
        summary: &mut CompactSummary,
    ) -> Result<()> {
        let Some(FoldedDates { dates, runs, long_runs }) = folded else { return Ok(()) };
        let threads = self.context.copied_config().target_partitions().max(1);
        let add = write(self.store, &self.fresh, dates, runs, threads, now_ms).await?;
        let files = add.len() as u64;
        let bytes = add.iter().map(NewFile::size_bytes).sum::<u64>();
        let runs = add.iter().map(NewFile::rows).sum::<u64>();
        let remove = self.files_where(|date| date.is_some_and(|date| dates.contains(&date)));
        // of two compactions at once only one may write a date
        let base = Some(summary.version);
        let commit = Commit { add, remove, base, ..Commit::default() };
        summary.version = self.store.invocations().commit(commit).await?;
        summary.long_runs += long_runs;
        summary.files += files;
        summary.bytes += bytes;
        summary.runs += runs;
        summary.dates += dates.len() as u64;
        Ok(())
    }
}

/// Runs of some start dates on their way into the cache.
struct FoldedDates<'a> {
    dates: &'a [NaiveDate],
    runs: BTreeMap<NaiveDate, Vec<RecordBatch>>,
    /// How many of them last longer than the store's journey lifetime.
    long_runs: u64,
}

/// How many runs last longer than the lifetime.
fn longer_than(lifetime: Lifetime, runs: &RecordBatch) -> u64 {
    let Lifetime::Millis(lifetime_ms) = lifetime else { return 0 };
    let (Some(first), Some(last)) = (runs.column_by_name("first_at"), runs.column_by_name("last_at")) else {
        return 0;
    };
    let (first, last) =
        (first.as_primitive::<TimestampMicrosecondType>(), last.as_primitive::<TimestampMicrosecondType>());
    let spans = first.values().iter().zip(last.values()).map(|(first, last)| last.saturating_sub(*first));
    spans.filter(|&span_us| span_us > lifetime_ms.saturating_mul(1_000)).count() as u64
}

/// Dates to be folded together, without more events than can be borne.
fn at_once<'a>(fresh: &Freshness, mut dates: &'a [NaiveDate]) -> Vec<&'a [NaiveDate]> {
    if !fresh.is_bounded() {
        return if dates.is_empty() { Vec::new() } else { vec![dates] };
    }
    let mut parts = Vec::new();
    while !dates.is_empty() {
        let mut events = 0;
        let fits = |date: &&NaiveDate| {
            events += fresh.events_on(**date);
            events <= FOLD_EVENTS_MAX
        };
        let count = dates.iter().take(FOLD_DATES_MAX).take_while(fits).count().max(1);
        let (part, rest) = dates.split_at(count);
        parts.push(part);
        dates = rest;
    }
    parts
}

/// Puts runs to those of their start dates.
fn split(rows: &RecordBatch, by_date: &mut BTreeMap<NaiveDate, Vec<RecordBatch>>) -> Result<()> {
    let failed = |cause| Error::internal("cannot split the runs by date").because(cause);
    let dates = rows.column_by_name("start_date").ok_or_else(|| Error::internal("no start date"))?;
    let dates = dates.as_primitive::<Date32Type>();
    let mut places: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for (row, &days) in (0_u32..).zip(dates.values()) {
        places.entry(days).or_default().push(row);
    }
    for (days, places) in places {
        let date = NaiveDate::default()
            .checked_add_days(Days::new(u64::try_from(days).unwrap_or_default()))
            .ok_or_else(|| Error::internal("a start date is out of range"))?;
        let runs = take_record_batch(rows, &UInt32Array::from(places)).map_err(failed)?;
        by_date.entry(date).or_default().push(runs);
    }
    Ok(())
}

/// Writes one file a date; a date on which no run started gets an empty one, which says so.
async fn write(
    store: &Store,
    fresh: &Freshness,
    dates: &[NaiveDate],
    mut by_date: BTreeMap<NaiveDate, Vec<RecordBatch>>,
    threads: usize,
    now_ms: i64,
) -> Result<Vec<NewFile>> {
    let mut files = Vec::with_capacity(dates.len());
    let encoded = dates.iter().copied().map(|date| {
        let schema = Arc::clone(store.invocations().file_schema());
        let rows = by_date.remove(&date).unwrap_or_default();
        let links = fresh.links_text(date);
        let encode = move || -> Result<EncodedFile> {
            let mut encoder = encode(&schema, &rows)?;
            if let Some(links) = links {
                encoder.tag(LINKS_TAG, links);
            }
            encoder.finish()
        };
        async move { (date, SpawnedTask::spawn_blocking(encode).join().await) }
    });
    let mut encoded = stream::iter(encoded).buffered(threads);
    while let Some((date, file)) = encoded.next().await {
        let file = file.map_err(|cause| Error::internal("a writer thread broke off").because(cause))??;
        let stem = fresh.file_stem(date).ok_or_else(|| Error::internal("a date is not to be folded"))?;
        let partition = [("start_date", date.to_string())];
        files.push(store.invocations().put(file, &partition, &stem, now_ms).await?);
    }
    Ok(files)
}

/// The runs of one date in the order of the layout.
fn encode(schema: &SchemaRef, rows: &[RecordBatch]) -> Result<Encoder> {
    let failed = |cause| Error::internal("cannot sort the runs").because(cause);
    let Some(first) = rows.first() else { return encoder_of(&RecordBatch::new_empty(Arc::clone(schema))) };
    let all = concat_batches(&first.schema(), rows).map_err(failed)?;
    let column = |name: &str| {
        let found = all.column_by_name(name).cloned();
        found.ok_or_else(|| Error::internal("a column of runs is missing").with("column", name))
    };
    let paths = Ranked::of(&column("path")?)?;
    let texts = |name: &str| Ok::<_, Error>(column(name)?.as_string_view().clone());
    let (journeys, tenants, invocations) =
        (texts("journey_id")?, texts("tenant_id")?, texts("invocation_id")?);
    let started = column("started_at")?.as_primitive::<TimestampMicrosecondType>().clone();
    let keys = (0..).zip(ranks(&journeys)).zip(paths.ranks()).zip(&started);
    let mut order: Vec<_> =
        keys.map(|(((row, journey), path), start)| (journey, *path, start, row)).collect();
    let name = |row: u32| (of_row(&tenants, row), of_row(&invocations, row));
    order.sort_unstable_by(|left, right| {
        let (left_key, right_key) = ((left.0, left.1, left.2), (right.0, right.1, right.2));
        left_key.cmp(&right_key).then_with(|| name(left.3).cmp(&name(right.3)))
    });
    let order: UInt32Array = order.into_iter().map(|(.., row)| Some(row)).collect();
    let sorted = |name: &str| take(&column(name)?, &order, None).map_err(failed);
    let journeys = partition(&[sorted("journey_id")?]).map_err(failed)?;
    let ends: Vec<usize> = journeys.ranges().into_iter().map(|journey| journey.end).collect();
    let (path, tokens) = paths.columns(&order, &ends)?;
    let of_file = |field: &FieldRef| match field.name().as_str() {
        "path" => Ok(Arc::clone(&path)),
        "tokens" => Ok(Arc::clone(&tokens)),
        name if *field.data_type() == DataType::Utf8 && LAYOUT.has_dictionary(name) => {
            Ok(Arc::new(keyed_rows(&texts(name)?, &order).map_err(failed)?) as ArrayRef)
        }
        name => as_field(&sorted(name)?, field),
    };
    let columns = schema.fields().iter().map(of_file).collect::<Result<Vec<ArrayRef>>>()?;
    let typed = |(field, column): (&FieldRef, &ArrayRef)| {
        Field::new(field.name(), column.data_type().clone(), field.is_nullable())
    };
    let fields: Vec<Field> = schema.fields().iter().zip(&columns).map(typed).collect();
    let runs = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    encoder_of(
        &runs.map_err(|cause| Error::internal("runs do not fit the invocations table").because(cause))?,
    )
}

/// For each text its place among the distinct ones; none is the first.
fn ranks(texts: &StringViewArray) -> Vec<usize> {
    let distinct: BTreeSet<Option<&str>> = texts.iter().collect();
    let ranks: HashMap<Option<&str>, usize> = distinct.into_iter().zip(0..).collect();
    texts.iter().map(|text| ranks.get(&text).copied().unwrap_or_default()).collect()
}

fn of_row(texts: &StringViewArray, row: u32) -> Option<&str> {
    let row = row as usize;
    texts.is_valid(row).then(|| texts.value(row))
}

/// A file with the runs of one date, complete but for its tags.
fn encoder_of(runs: &RecordBatch) -> Result<Encoder> {
    let mut encoder = Encoder::try_new(&runs.schema(), LAYOUT)?;
    encoder.write(runs)?;
    encoder.append(&appendix(runs)?)?;
    Ok(encoder)
}

/// A column of runs with the type of a field, which has no views.
pub(crate) fn plain(rows: &RecordBatch, field: &Field) -> Result<ArrayRef> {
    let column = rows.column_by_name(field.name());
    let column =
        column.ok_or_else(|| Error::internal("a column of runs is missing").with("column", field.name()))?;
    as_field(column, field)
}

fn as_field(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    cast(column, field.data_type())
        .map_err(|cause| Error::internal("a column of runs has an odd type").because(cause))
}
