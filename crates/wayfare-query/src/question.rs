//! A question being answered: the session, the snapshot and the scope, all resolved.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use chrono::NaiveDate;
use chrono_tz::Tz;
use datafusion::catalog::TableProvider as _;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use wayfare_ingest::Store;

use crate::cache::Freshness;
use crate::condition;
use crate::dimension::{Dimension, calendar};
use crate::error::of_datafusion;
use crate::provider::SnapshotTable;
use crate::runs::{Folds, Marks, RunsPlan, StoreSnapshot, date_scalar, instant};
use crate::spec::{Condition, Range, Scope, parse_instant_ms, parse_tz};
use crate::words::instant_in;
use crate::{Engine, Error, Result};

/// Name of the view of runs that reports select from.
pub(crate) const RUNS: &str = "runs";

/// Something that is asked of a run or an event.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// What it is about: `journey`, `platform`.
    pub(crate) what: String,
    /// What is asked, in words.
    pub(crate) asked: String,
    /// What is compared.
    pub(crate) value: Expr,
    /// Whether it holds.
    pub(crate) holds: Expr,
}

/// A question being answered.
pub(crate) struct Question<'a> {
    pub(crate) store: &'a Store,
    pub(crate) context: SessionContext,
    pub(crate) snapshot: StoreSnapshot,
    /// Which dates need not be folded.
    pub(crate) fresh: Freshness,
    /// What was folded for this question.
    folds: Arc<Folds>,
    pub(crate) scope: Scope,
    pub(crate) as_of_us: i64,
    pub(crate) zone: Tz,
    pub(crate) range: Range,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) dimensions: Vec<Dimension>,
    /// Bytes that an answer may take.
    pub(crate) memory_bytes: usize,
}

impl<'a> Question<'a> {
    /// Resolves a scope against the store's newest snapshot; `default_by` are the dimensions where it names none, and
    /// `reads_runs` tells whether all runs will be wanted.
    pub(crate) async fn open(
        engine: &'a Engine,
        scope: &Scope,
        default_by: &[&str],
        reads_runs: bool,
    ) -> Result<Self> {
        let (store, options) = (engine.store(), engine.options());
        let context = engine.session()?;
        // runs as of an instant are folded for the question alone
        let (snapshot, fresh) = engine.snapshot(&context, reads_runs && scope.as_of.is_none()).await?;
        let zone = scope.tz.as_deref().map_or(Ok(Tz::UTC), parse_tz)?;
        let latest_ms = snapshot.latest_us().unwrap_or_default().div_euclid(1_000);
        let as_of_ms = match &scope.as_of {
            Some(text) => {
                parse_instant_ms(text, zone, latest_ms).map_err(|error| error.with("option", "as_of"))?
            }
            None => latest_ms,
        };
        let range = Range::parse(scope.from.as_deref(), scope.to.as_deref(), zone, as_of_ms)?;
        let conditions =
            scope.filters.iter().map(|text| Condition::parse_all(text)).collect::<Result<Vec<_>>>()?.concat();
        let dimensions = Dimension::list(&context, &scope.by, zone.name(), default_by)?;
        // An as-of time in whole milliseconds takes in all events of that millisecond.
        let as_of_us = as_of_ms.saturating_mul(1_000).saturating_add(999);
        let scope = scope.clone();
        let folds = Arc::default();
        Ok(Self {
            store,
            context,
            snapshot,
            fresh,
            folds,
            scope,
            as_of_us,
            zone,
            range,
            conditions,
            dimensions,
            memory_bytes: options.memory_bytes,
        })
    }

    /// The same session, snapshot, as-of time and dimensions with other runs.
    pub(crate) fn with_scope(&self, scope: Scope) -> Result<Self> {
        let range = Range::parse(scope.from.as_deref(), scope.to.as_deref(), self.zone, self.as_of_ms())?;
        let conditions =
            scope.filters.iter().map(|text| Condition::parse_all(text)).collect::<Result<Vec<_>>>()?.concat();
        Ok(Self {
            store: self.store,
            context: self.context.clone(),
            snapshot: self.snapshot.clone(),
            fresh: self.fresh.clone(),
            folds: Arc::clone(&self.folds),
            scope,
            as_of_us: self.as_of_us,
            zone: self.zone,
            range,
            conditions,
            dimensions: self.dimensions.clone(),
            memory_bytes: self.memory_bytes,
        })
    }

    /// Whether the answer is to have a column like this.
    pub(crate) fn wants(&self, like: impl Fn(&str) -> bool) -> bool {
        self.scope.columns.is_empty() || self.scope.columns.iter().any(|column| like(column))
    }

    pub(crate) fn as_of_ms(&self) -> i64 {
        self.as_of_us.div_euclid(1_000)
    }

    /// Whether events lie after the as-of time.
    pub(crate) fn is_in_the_past(&self) -> bool {
        self.snapshot.latest_us().is_some_and(|latest| latest > self.as_of_us)
    }

    /// All runs as of the as-of time.
    pub(crate) fn all_runs(&self, marks: &Marks) -> Result<DataFrame> {
        self.planned(marks, Some(&self.folds))
    }

    /// The runs of one invocation id, which began on one of `dates`.
    pub(crate) fn runs_of_id(&self, marks: &Marks, id: &str, dates: &[NaiveDate]) -> Result<DataFrame> {
        let began =
            col("start_date").in_list(dates.iter().map(|&date| lit(date_scalar(date))).collect(), false);
        let wanted = col("invocation_id").eq(lit(id)).and(began);
        let runs = self.planned(marks, None)?.filter(wanted);
        runs.map_err(|cause| of_datafusion("cannot look a run up", cause))
    }

    fn planned(&self, marks: &Marks, folds: Option<&Folds>) -> Result<DataFrame> {
        let plan = RunsPlan {
            store: self.store,
            fresh: &self.fresh,
            as_of_us: self.as_of_us,
            in_the_past: self.is_in_the_past(),
            marks,
            folds,
        };
        plan.build(&self.context)
    }

    /// The runs of the scope.
    pub(crate) fn runs(&self, marks: &Marks) -> Result<DataFrame> {
        let runs = self.all_runs(marks)?;
        let wanted = self.wanted_of_runs(runs.schema().as_arrow())?;
        wanted.into_iter().try_fold(runs, |runs, wanted| {
            runs.filter(wanted.holds).map_err(|cause| of_datafusion("cannot apply a condition", cause))
        })
    }

    /// What the scope asks of a run: journey, version, time of entry, and conditions.
    pub(crate) fn wanted_of_runs(&self, schema: &Schema) -> Result<Vec<Wanted>> {
        let mut wanted = self.wanted_by_name();
        let dates = |holds: Expr, date: Option<Expr>| date.into_iter().fold(holds, Expr::and);
        if let Some(from_ms) = self.range.from_ms {
            let holds = col("first_at").gt_eq(lit(instant(from_ms.saturating_mul(1_000))));
            let date = start_date(from_ms).map(|date| col("start_date").gt_eq(lit(date)));
            wanted.push(self.wanted_entry("from", from_ms, dates(holds, date)));
        }
        if let Some(to_ms) = self.range.to_ms {
            let holds = col("first_at").lt(lit(instant(to_ms.saturating_mul(1_000))));
            let date = start_date(to_ms).map(|date| col("start_date").lt_eq(lit(date)));
            wanted.push(self.wanted_entry("before", to_ms, dates(holds, date)));
        }
        wanted.extend(self.wanted_by_condition(schema, "a run")?);
        Ok(wanted)
    }

    /// The scope's journeys and versions.
    pub(crate) fn wanted_by_name(&self) -> Vec<Wanted> {
        let names = [
            ("journey", "journey_id", &self.scope.journey),
            ("version", "journey_version", &self.scope.version),
        ];
        let named = names.into_iter().filter(|(_, _, values)| !values.is_empty());
        named
            .map(|(what, column, values)| Wanted {
                what: what.to_owned(),
                asked: values.join(" or "),
                value: col(column),
                holds: col(column).in_list(values.iter().map(lit).collect(), false),
            })
            .collect()
    }

    /// The scope's conditions over the columns of `schema`.
    pub(crate) fn wanted_by_condition(&self, schema: &Schema, of: &str) -> Result<Vec<Wanted>> {
        let wanted = self.conditions.iter().map(|condition| {
            let (value, holds) = self.holds(condition, schema, "first_at", of)?;
            Ok(Wanted { what: condition.subject(), asked: condition.to_string(), value, holds })
        });
        wanted.collect()
    }

    /// What a condition compares, and whether it holds. Intervals and places in a cycle are those of the column `at`,
    /// where there is one, in the zone of the question.
    pub(crate) fn holds(
        &self,
        condition: &Condition,
        schema: &Schema,
        at: &str,
        of: &str,
    ) -> Result<(Expr, Expr)> {
        let of_time = match schema.field_with_name(at) {
            Ok(_) => calendar(&self.context, &condition.subject(), at, self.zone.name())?,
            Err(_) => None,
        };
        let value = match of_time {
            Some(value) => value,
            None => condition::subject(condition, schema, &self.context, of)?,
        };
        let holds = condition::holds(&value, condition, schema, &self.context)?;
        Ok((value, holds))
    }

    fn wanted_entry(&self, word: &str, bound_ms: i64, holds: Expr) -> Wanted {
        let asked = format!("{word} {}", instant_in(bound_ms, self.zone));
        Wanted { what: "the first event".to_owned(), asked, value: col("first_at"), holds }
    }

    /// Makes the runs of the scope known as the view [`RUNS`].
    pub(crate) fn register_runs(&self, marks: &Marks) -> Result<()> {
        self.register(RUNS, self.runs(marks)?)
    }

    /// Makes a plan known as a view.
    pub(crate) fn register(&self, name: &str, plan: DataFrame) -> Result<()> {
        self.context
            .register_table(name, plan.into_view())
            .map_err(|cause| of_datafusion("cannot register a view", cause))?;
        Ok(())
    }

    /// The columns of events.
    pub(crate) fn event_schema(&self) -> SchemaRef {
        SnapshotTable::new(self.store.events(), Vec::new()).schema()
    }

    /// The events of the snapshot, as of the as-of time.
    pub(crate) fn events(&self) -> Result<DataFrame> {
        let table = SnapshotTable::new(self.store.events(), self.snapshot.events.files.clone());
        let failed = |cause| of_datafusion("cannot plan the events", cause);
        let events = self.context.read_table(Arc::new(table)).map_err(failed)?;
        match self.has_happened() {
            Some(has_happened) => events.filter(has_happened).map_err(failed),
            None => Ok(events),
        }
    }

    /// Plans those of these events, as of the as-of time, for which a filter holds, with `columns` and those of the filter.
    pub(crate) async fn events_where(
        &self,
        filter: Expr,
        columns: &[&str],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = SnapshotTable::new(self.store.events(), self.snapshot.events.files.clone());
        let filter = self.has_happened().into_iter().fold(filter, Expr::and);
        let plan = table.plan_where(&self.context.state(), filter, columns).await;
        plan.map_err(|cause| of_datafusion("cannot plan the events", cause))
    }

    /// Whether an event lies before the as-of time; nothing where all do.
    fn has_happened(&self) -> Option<Expr> {
        self.is_in_the_past().then(|| col("timestamp").lt_eq(lit(instant(self.as_of_us))))
    }

    /// Plans a query of ours over registered views.
    pub(crate) async fn sql(&self, query: &str) -> Result<DataFrame> {
        self.context.sql(query).await.map_err(|cause| {
            Error::internal("a report's own query does not plan").with("query", query).because(cause)
        })
    }

    /// The dimensions as items of a select list: `value AS "name"`.
    pub(crate) fn split(&self, plan: DataFrame) -> Result<DataFrame> {
        self.dimensions.iter().try_fold(plan, |plan, dimension| {
            plan.with_column(&dimension.name, dimension.value.clone())
                .map_err(|cause| of_datafusion("cannot split by a dimension", cause))
        })
    }

    /// The names of the dimensions, quoted for a select list, each followed by a comma.
    pub(crate) fn names_then_comma(&self) -> String {
        listed(self.dimensions.iter().map(|dimension| quoted(&dimension.name)))
    }

    /// `GROUP BY` and `ORDER BY` for the dimensions and further columns; nothing for none.
    pub(crate) fn grouped_by(&self, further: &[&str]) -> String {
        let names: Vec<String> = self
            .dimensions
            .iter()
            .map(|dimension| quoted(&dimension.name))
            .chain(further.iter().map(|name| quoted(name)))
            .collect();
        if names.is_empty() { String::new() } else { format!("GROUP BY {}", names.join(", ")) }
    }

    /// The names of the dimensions.
    pub(crate) fn dimension_names(&self) -> Vec<&str> {
        self.dimensions.iter().map(|dimension| dimension.name.as_str()).collect()
    }
}

/// Items of a select list, each followed by a comma.
pub(crate) fn listed(items: impl Iterator<Item = String>) -> String {
    items.flat_map(|item| [item, ", ".to_owned()]).collect()
}

/// A column's name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    Column::from_name(name).quoted_flat_name()
}

fn start_date(at_ms: i64) -> Option<datafusion::common::ScalarValue> {
    chrono::DateTime::from_timestamp_millis(at_ms).map(|instant| date_scalar(instant.date_naive()))
}
