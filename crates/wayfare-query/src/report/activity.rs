//! `activity user|admin|verify|risk`: the events of one log, listed page by page, exported whole, or counted.
//!
//! A list is ordered by time, then event id, and read date by date: a page costs the dates it touches, an export
//! holds one date's rows (spilled beyond the memory), never the whole log. A page ends with a cursor that says
//! behind which event the next one begins, see [`cursor`].

mod columns;
mod counts;
mod cursor;
mod pages;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::DataFrame;
use futures::stream::BoxStream;
use wayfare_ingest::{DataFile, catalogue};

use crate::Result;
use crate::error::of_datafusion;
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::rows::{collect, column};
use crate::runs::instant;
use crate::spec::{ActivitySpec, Log, Scope, suggest};

use self::cursor::Cursor;
pub(super) use self::cursor::from_hex;
pub(super) use self::pages::marked;
use super::{Answer, empty, events};

/// Rows of a page, and of a count, unless the scope says otherwise.
const ROWS_DEFAULT: usize = 50;

/// The scope as a question can open it: dimensions are those of events, and a cursor brings its own now.
pub(super) fn scope(spec: &ActivitySpec) -> Result<Scope> {
    let mut scope = Scope { by: Vec::new(), ..spec.scope.clone() };
    if let Some(text) = &spec.after {
        scope.as_of = Some(Cursor::parse(text, spec)?.as_of());
    }
    Ok(scope)
}

/// One page, or the counts.
pub(super) async fn rows(question: &Question<'_>, spec: &ActivitySpec) -> Result<Answer> {
    check_types(question, spec).await?;
    let mut answer = if spec.scope.by.is_empty() {
        let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
        let listing = Listing::of(question, spec)?;
        let (batch, next) = pages::page(&listing, limit).await?;
        let mut answer = Answer::new(title(spec.log), batch);
        if let Some(last) = next {
            answer.next = Some(listing.cursor_behind(last).await?);
        }
        answer
    } else {
        counts::rows(question, spec).await?
    };
    answer.notes.extend(empty::explain_events(question, answer.batch.num_rows()).await?);
    Ok(answer)
}

/// All rows from the cursor on, as many as the limit allows, without any of them.
pub(super) async fn stream(
    question: &Question<'_>,
    spec: &ActivitySpec,
) -> Result<(Answer, BoxStream<'static, Result<RecordBatch>>)> {
    check_types(question, spec).await?;
    let (schema, batches) = pages::stream(&Listing::of(question, spec)?, spec.scope.limit)?;
    Ok((Answer::new(title(spec.log), RecordBatch::new_empty(schema)), batches))
}

fn title(log: Log) -> &'static str {
    match log {
        Log::User => "User activity",
        Log::Admin => "Admin activity",
        Log::Verify => "Identity verification activity",
        Log::Risk => "Fraud prevention activity",
    }
}

/// A log's events as they are asked for.
struct Listing<'a> {
    question: &'a Question<'a>,
    spec: &'a ActivitySpec,
    cursor: Option<Cursor>,
}

impl<'a> Listing<'a> {
    fn of(question: &'a Question<'a>, spec: &'a ActivitySpec) -> Result<Self> {
        let cursor = spec.after.as_deref().map(|text| Cursor::parse(text, spec)).transpose()?;
        Ok(Self { question, spec, cursor })
    }

    /// The files of the log by date, in the order of the list.
    fn dates(&self) -> Vec<Vec<DataFile>> {
        let mut dates: BTreeMap<&str, Vec<DataFile>> = BTreeMap::new();
        for file in self.question.snapshot.events.files.iter().filter(|file| self.is_of_the_log(file)) {
            dates.entry(file.partition_value("date").unwrap_or_default()).or_default().push(file.clone());
        }
        let dates = dates.into_values();
        if self.spec.oldest_first { dates.collect() } else { dates.rev().collect() }
    }

    fn is_of_the_log(&self, file: &DataFile) -> bool {
        file.partition_value("source") == Some(self.spec.log.source().as_str())
    }

    /// The events of some files that are asked for, with all columns, stored and computed.
    fn events_of(&self, files: Vec<DataFile>) -> Result<DataFrame> {
        let question = self.question;
        let failed = |cause| of_datafusion("cannot plan the events", cause);
        let table = SnapshotTable::new(question.store.events(), files);
        let events = question.context.read_table(Arc::new(table)).map_err(failed)?;
        let events = columns::with_computed(question, self.spec.log, events)?;
        let schema = events.schema().as_arrow().clone();
        let mut wanted = vec![
            col("source").eq(lit(self.spec.log.source().as_str())),
            col("timestamp").lt_eq(lit(instant(question.as_of_us))),
        ];
        wanted.extend(events::conditions(question, &schema)?);
        wanted.extend(self.own_conditions()?);
        if let Some(cursor) = &self.cursor {
            wanted.push(cursor.was_there());
        }
        events::filtered(events, wanted)
    }

    fn own_conditions(&self) -> Result<Vec<Expr>> {
        let spec = self.spec;
        let mut wanted = Vec::new();
        wanted.extend(events::any_of("activity", &canonical(spec)));
        for (column, values) in
            [("user_id", &spec.user), ("actor_id", &spec.actor), ("ip", &spec.ip), ("country", &spec.country)]
        {
            wanted.extend(events::any_of(column, values));
        }
        let of_target = |column| events::any_of(column, &spec.target);
        wanted.extend(
            of_target("target_resource_id")
                .zip(of_target("target_resource_type"))
                .map(|(id, kind)| id.or(kind)),
        );
        if let Some(text) = &spec.search {
            wanted.push(self.contains(text)?);
        }
        Ok(wanted)
    }

    /// The parameters contain a text, as it stands or as JSON writes it.
    fn contains(&self, text: &str) -> Result<Expr> {
        let context = &self.question.context;
        let parameters = events::call(context, "lower", vec![col("additional_params")])?;
        let plain = text.to_lowercase();
        let written = serde_json::Value::from(plain.as_str()).to_string();
        let written = written.trim_matches('"').to_owned();
        let found = |text: String| events::call(context, "contains", vec![parameters.clone(), lit(text)]);
        if written == plain { found(plain) } else { Ok(found(plain)?.or(found(written)?)) }
    }

    /// What the next page has to be told.
    async fn cursor_behind(&self, last: (i64, Vec<u8>)) -> Result<String> {
        if let Some(cursor) = &self.cursor {
            return Ok(cursor.moved(last).to_string());
        }
        let stored_us = pages::last_ingest_us(self.question).await?;
        Ok(Cursor::new(self.spec, self.question.as_of_ms(), stored_us, last).to_string())
    }
}

/// The event types asked for, as the store spells them.
fn canonical(spec: &ActivitySpec) -> Vec<String> {
    let source = Some(spec.log.source());
    let key =
        |name: &String| catalogue::find(source, name).map_or(name.clone(), |known| known.key.to_owned());
    spec.event_type.iter().map(key).collect()
}

/// Fails for an event type that the log does not have, with the nearest one that it has.
async fn check_types(question: &Question<'_>, spec: &ActivitySpec) -> Result<()> {
    if spec.event_type.is_empty() || question.snapshot.events.files.is_empty() {
        return Ok(());
    }
    let known = question
        .events()?
        .filter(col("source").eq(lit(spec.log.source().as_str())))
        .and_then(|events| events.select(vec![col("activity")]))
        .and_then(DataFrame::distinct)
        .map_err(|cause| of_datafusion("cannot list the event types", cause))?;
    let known = collect(known).await?;
    let mut known: Vec<&str> = column(&known, "activity")?.as_string_view().iter().flatten().collect();
    known.sort_unstable();
    for (name, written) in canonical(spec).iter().zip(&spec.event_type) {
        // a documented type that nothing was logged of is no mistake
        let documented = catalogue::find(Some(spec.log.source()), name).is_some();
        if !documented && !known.contains(&name.as_str()) {
            return Err(suggest::not_found("event type", written, known.iter().copied()));
        }
    }
    Ok(())
}
